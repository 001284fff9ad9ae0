//! Group normalization, channels-last.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::nn::norm::layer::variance;
use crate::nn::{Activation, ScaleShift};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{Buffer, View, ViewMut, check_dims, len};

/// y = γ·(x − μ)/√(σ² + ε) + β, with mean μ and variance σ² over all positions and the channels of a group (Wu and He
/// 2018).
///
/// With as many groups as channels, this is instance normalization.
///
/// ```
/// use tf_layers::nn::GroupNorm;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = GroupNorm { epsilon: 0.0, ..GroupNorm::new(2) };
/// let x = View::new(&[1.0, -5.0, 3.0, 5.0], [1, 2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 2])?)?;
/// assert_eq!(y.as_slice()?, [-1.0, -1.0, 1.0, 1.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNorm<'w> {
    /// γ `[channels]`; ones if `None`.
    pub gamma: Option<&'w [f32]>,
    /// β `[channels]`; zeros if `None`.
    pub beta: Option<&'w [f32]>,
    /// The number of groups, which divides the number of channels.
    pub groups: usize,
    /// ε.
    pub epsilon: f32,
}

impl GroupNorm<'_> {
    /// Groups without γ and β; ε is 1e-5, the default of ONNX.
    #[must_use]
    pub const fn new(groups: usize) -> Self {
        Self { gamma: None, beta: None, groups, epsilon: 1e-5 }
    }

    /// From x `[batch, ..positions, channels]` to y with the same dims.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, the groups do not divide the channels, γ or β does not have one number per
    /// channel, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        require(R >= 2, "x", "have a batch axis and channels")?;
        let positions = len(&x.dims()[1..R - 1])?;
        let dims = [positions, x.columns()];
        self.compute(cx.isa, dims, x.as_slice()?, y.as_mut_slice()?, cx.scratch)?;
        Ok(y.into_view())
    }

    /// The layer for slices of samples `[positions, channels]`.
    fn compute(
        &self,
        isa: Isa,
        [positions, channels]: [usize; 2],
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        require(
            self.groups > 0 && channels.is_multiple_of(self.groups),
            "channels",
            "be a multiple of the number of groups",
        )?;
        check_len("gamma", channels, self.gamma.map_or(channels, <[f32]>::len))?;
        check_len("beta", channels, self.beta.map_or(channels, <[f32]>::len))?;
        if y.is_empty() {
            return Ok(());
        }
        let (mean, rest) = scratch.write(len(&[channels, 3])?)?.split_at_mut(channels);
        let (shift, scale) = rest.split_at_mut(channels);
        let size = positions * channels;
        for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)) {
            let count = (positions * (channels / self.groups)) as f32;
            isa.run(ChannelSums { x, totals: &mut *mean });
            self.spread(mean, count);
            isa.run(ChannelDifferences { x, mean: &*mean, totals: &mut *shift, squares: &mut *scale });
            // The mean is rounded; the mean of the differences from it is its error.
            self.spread(shift, count);
            self.spread(scale, count);
            for channel in 0..channels {
                let variance = variance(scale[channel], shift[channel]);
                scale[channel] = self.gamma.map_or(1.0, |gamma| gamma[channel])
                    / square_root(isa, variance + self.epsilon);
                shift[channel] =
                    self.beta.map_or(0.0, |beta| beta[channel]) - shift[channel] * scale[channel];
            }
            let affine = ScaleShift {
                mean: Some(&*mean),
                scale: &*scale,
                shift: &*shift,
                activation: Activation::Linear,
            };
            affine.map(isa, Some(x), y);
        }
        Ok(())
    }

    /// Replaces the sum of every channel by the mean of its group.
    fn spread(&self, channels: &mut [f32], count: f32) {
        for group in channels.chunks_exact_mut(channels.len() / self.groups) {
            let mean = group.iter().sum::<f32>() / count;
            group.fill(mean);
        }
    }
}

/// √x, which `core` lacks.
fn square_root(isa: Isa, x: f32) -> f32 {
    isa.run(Sqrt(x))
}

struct Sqrt(f32);

impl Kernel for Sqrt {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut root = [0.0];
        s.store_partial(s.sqrt(s.splat(self.0)), &mut root);
        root[0]
    }
}

/// The sum over all positions, per channel.
struct ChannelSums<'a> {
    x: &'a [f32],
    totals: &'a mut [f32],
}

/// The sums over all positions of the differences from the mean, and of their squares, per channel.
struct ChannelDifferences<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    totals: &'a mut [f32],
    squares: &'a mut [f32],
}

/// The number of positions in a block sum, before it is added to the total: keeps long sums accurate.
const BLOCK: usize = 128;

impl Kernel for ChannelSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.totals.len();
        for at in (0..channels).step_by(S::LANES) {
            let to = channels.min(at + S::LANES);
            let mut total = s.splat(0.0);
            for block in self.x.chunks(BLOCK * channels) {
                let mut sum = s.splat(0.0);
                for x in block.chunks_exact(channels) {
                    sum = s.add(sum, load(s, &x[at..to]));
                }
                total = s.add(total, sum);
            }
            s.store_partial(total, &mut self.totals[at..to]);
        }
    }
}

impl Kernel for ChannelDifferences<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.mean.len();
        for at in (0..channels).step_by(S::LANES) {
            let to = channels.min(at + S::LANES);
            let mean = load(s, &self.mean[at..to]);
            let mut totals = [s.splat(0.0); 2];
            for block in self.x.chunks(BLOCK * channels) {
                let mut sums = [s.splat(0.0); 2];
                for x in block.chunks_exact(channels) {
                    let difference = s.sub(load(s, &x[at..to]), mean);
                    sums = [s.add(sums[0], difference), s.fma(difference, difference, sums[1])];
                }
                totals = [s.add(totals[0], sums[0]), s.add(totals[1], sums[1])];
            }
            s.store_partial(totals[0], &mut self.totals[at..to]);
            s.store_partial(totals[1], &mut self.squares[at..to]);
        }
    }
}

/// Loads a vector; missing elements are 0.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32]) -> S::F32 {
    if x.len() == S::LANES { s.load(x) } else { s.load_partial(x, 0.0) }
}
