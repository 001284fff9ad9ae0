//! Per-channel scale and shift, such as a batch normalization with known statistics.

use crate::Context;
use crate::checked::{copy, part, part_mut};
use crate::error::{Result, check_len, require};
use crate::gemm::Rectifier;
use crate::nn::Activation;
use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};
use crate::tensor::{View, ViewMut, check_dims};

/// y = activation((x − mean)·scale + shift), with one mean, scale and shift per channel. Channels are the last axis.
///
/// A batch normalization with parameters γ, β, μ, σ² and ε has mean = μ, scale = γ/√(σ² + ε) and shift = β.
///
/// ```
/// use tf_layers::nn::ScaleShift;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = ScaleShift { activation: Activation::Relu, ..ScaleShift::new(&[2.0, -1.0], &[0.5, 0.0]) };
/// let x = View::new(&[1.0, 2.0, 3.0, -4.0], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [2.5, 0.0, 6.5, 4.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleShift<'w> {
    /// The means `[channels]`; zeros if `None`. They are subtracted first: folding a large mean into `shift` would lose
    /// digits of x.
    pub mean: Option<&'w [f32]>,
    /// The factors `[channels]`.
    pub scale: &'w [f32],
    /// The summands `[channels]`.
    pub shift: &'w [f32],
    /// The function applied to the result.
    pub activation: Activation<'w>,
}

/// Repeats of a short row of parameters are joined to a row of up to this many numbers.
const ROW: usize = 256;
/// The number of elements that stay in the level-1 cache until the activation is applied.
const BLOCK: usize = 4096;

impl<'w> ScaleShift<'w> {
    /// y = x·scale + shift, for `scale` and `shift` `[channels]`.
    #[must_use]
    pub const fn new(scale: &'w [f32], shift: &'w [f32]) -> Self {
        Self { mean: None, scale, shift, activation: Activation::Linear }
    }

    /// From x `[.., channels]` to y with the same dims.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, or a parameter does not have one number per channel.
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

    /// The layer for y `[.., channels]`, in place.
    ///
    /// # Errors
    ///
    /// If a parameter does not have one number per channel.
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
        self.activation.check(channels)?;
        require(self.scale.len() == channels, "y", "have one channel for each scale")?;
        check_len("shift", channels, self.shift.len())?;
        check_len("mean", channels, self.mean.map_or(channels, <[f32]>::len))
    }

    /// The layer for slices of complete rows, of the same length. Without x, y is the input.
    pub(crate) fn map(&self, isa: Isa, x: Option<&[f32]>, y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let channels = self.scale.len().max(1);
        let rows = (ROW / channels).min(y.len() / channels).max(1);
        let (bounds, rest) = match self.activation.split() {
            (Rectifier::Clamp(low, high), rest) => ((low, high), rest),
            _ => ((f32::NEG_INFINITY, f32::INFINITY), Some(self.activation)),
        };
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
        let block = BLOCK.next_multiple_of(row.max(1)).max(1);
        for (i, y) in y.chunks_mut(block).enumerate() {
            isa.run(ScaleShiftKernel {
                x: x.map(|x| part(x, i * block..i * block + y.len())),
                y: &mut *y,
                ..run
            });
            rest.map_in_place(isa, y);
        }
    }
}

/// `rows` copies of a row, in `space`; a single row is not copied.
fn repeat<'a>(row: &'a [f32], rows: usize, space: &'a mut [f32]) -> &'a [f32] {
    if rows == 1 {
        return row;
    }
    let all = part_mut(space, ..rows * row.len());
    for place in all.chunks_exact_mut(row.len().max(1)) {
        copy(place, row);
    }
    all
}

/// Rows that are as long as `scale`; the last may be shorter.
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
