//! A factor and a summand for each channel: normalisation with statistics that are known beforehand.

use crate::error::{Result, check_len, require};
use crate::nn::Activation;
use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};

/// y = activation((x − mean)·scale + shift), channel by channel.
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
    /// From x to y, both `[…, channels]`.
    pub fn run(&self, isa: Isa, x: &[f32], y: &mut [f32]) -> Result<()> {
        check_len("x", y.len(), x.len())?;
        self.compute(isa, Some(x), y)
    }

    /// y = activation((y − mean)·scale + shift), for y `[…, channels]`.
    pub fn run_in_place(&self, isa: Isa, y: &mut [f32]) -> Result<()> {
        self.compute(isa, None, y)
    }

    fn compute(&self, isa: Isa, x: Option<&[f32]>, y: &mut [f32]) -> Result<()> {
        let channels = self.scale.len();
        check_len("shift", channels, self.shift.len())?;
        check_len("mean", channels, self.mean.map_or(channels, <[f32]>::len))?;
        if y.is_empty() {
            return Ok(());
        }
        require(channels > 0 && y.len().is_multiple_of(channels), "x", "have all channels of each pixel")?;
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
            return Ok(());
        };
        let row = rows * channels;
        let block = BLOCK.next_multiple_of(row);
        for (i, y) in y.chunks_mut(block).enumerate() {
            isa.run(ScaleShiftKernel { x: x.map(|x| &x[i * block..][..y.len()]), y: &mut *y, ..run });
            rest.run_in_place(isa, y)?;
        }
        Ok(())
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
