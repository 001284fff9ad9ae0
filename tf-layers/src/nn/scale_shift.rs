//! A factor and a summand for each channel: normalisation with statistics that are known beforehand.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::nn::Activation;
use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};
use crate::tensor::{View, ViewMut, check_dims};

/// y = activation((x − mean)·scale + shift), with numbers for each channel: the last axis.
///
/// ```
/// use tf_layers::nn::{Activation, ScaleShift};
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = ScaleShift {
///     mean: None,
///     scale: &[2.0, -1.0],
///     shift: &[0.5, 0.0],
///     activation: Activation::Relu,
/// };
/// let x = View::new(&[1.0, 2.0, 3.0, -4.0], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [2.5, 0.0, 6.5, 4.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleShift<'w> {
    /// `[channels]`; zeros without. It is subtracted first: scaled and made part of `shift`, a large one would leave its
    /// rounding behind.
    pub mean: Option<&'w [f32]>,
    /// `[channels]`
    pub scale: &'w [f32],
    /// `[channels]`
    pub shift: &'w [f32],
    /// Applied to every element of the result.
    pub activation: Activation,
}

/// Short rows are joined to ones of so many numbers.
const ROW: usize = 256;
/// So many numbers stay in the level-1 cache until the activation comes.
const BLOCK: usize = 4096;

impl ScaleShift<'_> {
    /// From x to y, both `[.., channels]`.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.check(y.columns())?;
        self.map(cx.isa, Some(x.as_slice()?), y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// y = activation((y − mean)·scale + shift), for y `[.., channels]`.
    pub fn run_in_place<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        self.check(y.columns())?;
        self.map(cx.isa, None, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn check(&self, channels: usize) -> Result<()> {
        require(self.scale.len() == channels, "y", "have as many channels as there are scales")?;
        check_len("shift", channels, self.shift.len())?;
        check_len("mean", channels, self.mean.map_or(channels, <[f32]>::len))
    }

    /// The same for slices of whole rows, one as long as the other; without x, y is the input.
    pub(crate) fn map(&self, isa: Isa, x: Option<&[f32]>, y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let channels = self.scale.len();
        let rows = (ROW / channels).min(y.len() / channels).max(1);
        let (bounds, rest) = self.activation.split();
        let mut joined = [[0.0; ROW]; 3];
        let [mean, scale, shift] = &mut joined;
        let run = ScaleShiftKernel {
            x,
            mean: self.mean.map(|x| repeat(x, rows, mean)),
            scale: repeat(self.scale, rows, scale),
            shift: repeat(self.shift, rows, shift),
            bounds,
            y: &mut [],
        };
        let Some(rest) = rest else {
            isa.run(ScaleShiftKernel { y, ..run });
            return;
        };
        let row = rows * channels;
        let block = BLOCK.next_multiple_of(row);
        for (i, y) in y.chunks_mut(block).enumerate() {
            isa.run(ScaleShiftKernel { x: x.map(|x| &x[i * block..][..y.len()]), y: &mut *y, ..run });
            rest.map_in_place(isa, y);
        }
    }
}

/// `rows` copies of a row, which `space` has room for unless it is one.
fn repeat<'a>(row: &'a [f32], rows: usize, space: &'a mut [f32]) -> &'a [f32] {
    if rows == 1 {
        return row;
    }
    let all = &mut space[..rows * row.len()];
    for copy in all.chunks_exact_mut(row.len()) {
        copy.copy_from_slice(row);
    }
    all
}

/// Rows of as many numbers as there are factors; the last may have fewer.
struct ScaleShiftKernel<'a, 'y> {
    x: Option<&'a [f32]>,
    mean: Option<&'a [f32]>,
    scale: &'a [f32],
    shift: &'a [f32],
    bounds: (f32, f32),
    y: &'y mut [f32],
}

impl Kernel for ScaleShiftKernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let row = self.scale.len();
        let mean = self.mean.map_or(Source::One(0.0), Source::Each);
        for (i, y) in self.y.chunks_mut(row).enumerate() {
            let x = self.x.map_or(Source::Output, |x| Source::Each(&x[i * row..]));
            lanewise(
                s,
                Function(self.bounds),
                [x, mean, Source::Each(self.scale), Source::Each(self.shift)],
                y,
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Function((f32, f32));

impl Lanewise<4> for Function {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, [x, mean, scale, shift]: [S::F32; 4]) -> S::F32 {
        let y = s.fma(s.sub(x, mean), scale, shift);
        s.min(s.splat(self.0.1), s.max(s.splat(self.0.0), y))
    }
}
