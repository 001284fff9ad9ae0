//! Group normalisation, channels last.

use crate::error::{check_len, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Buffer, Result, len};

/// y = γ·(x − μ)/√(σ² + ε) + β, with mean and variance taken over all positions and the channels of a group.
///
/// As many groups as channels make it instance normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNorm<'w> {
    /// `[channels]`; ones without.
    pub gamma: Option<&'w [f32]>,
    /// `[channels]`; zeros without.
    pub beta: Option<&'w [f32]>,
    /// Equal parts of the channels.
    pub groups: usize,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
}

impl GroupNorm<'_> {
    /// From x to y, both `[batch, positions, channels]`.
    pub fn run(
        &self,
        isa: Isa,
        dims: [usize; 3],
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let channels = dims[2];
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", x.len(), y.len())?;
        require(
            self.groups > 0 && channels.is_multiple_of(self.groups),
            "channels",
            "be a multiple of the groups",
        )?;
        check_len("gamma", channels, self.gamma.map_or(channels, <[f32]>::len))?;
        check_len("beta", channels, self.beta.map_or(channels, <[f32]>::len))?;
        if y.is_empty() {
            return Ok(());
        }
        let (mean, scale) = scratch.write(len(&[channels, 2])?)?.split_at_mut(channels);
        let size = dims[1] * channels;
        for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)) {
            let count = (dims[1] * (channels / self.groups)) as f32;
            isa.run(ChannelSums { x, mean: None, totals: &mut *mean });
            self.spread(mean, |sum| sum / count);
            isa.run(ChannelSums { x, mean: Some(&*mean), totals: &mut *scale });
            self.spread(scale, |squares| 1.0 / square_root(isa, squares / count + self.epsilon));
            // What is left is a factor and a summand for each channel.
            for channel in 0..channels {
                scale[channel] *= self.gamma.map_or(1.0, |gamma| gamma[channel]);
                mean[channel] = self.beta.map_or(0.0, |beta| beta[channel]) - mean[channel] * scale[channel];
            }
            isa.run(Affine { x, factor: &*scale, summand: &*mean, y });
        }
        Ok(())
    }

    /// Replaces the channels' sums by a function of their group's sum.
    fn spread(&self, channels: &mut [f32], function: impl Fn(f32) -> f32) {
        for group in channels.chunks_exact_mut(channels.len() / self.groups) {
            let total = function(group.iter().sum());
            group.fill(total);
        }
    }
}

/// √x, which `core` alone does not have.
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

/// The sum over all positions for each channel, of x or of the squares of its differences from the mean.
struct ChannelSums<'a> {
    x: &'a [f32],
    mean: Option<&'a [f32]>,
    totals: &'a mut [f32],
}

/// Positions whose sum is formed before it is added to the sum of sums, which keeps long sums accurate.
const BLOCK: usize = 128;

impl Kernel for ChannelSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.totals.len();
        for at in (0..channels).step_by(S::LANES) {
            let to = channels.min(at + S::LANES);
            let mean = match self.mean {
                Some(mean) => s.load_partial(&mean[at..to], 0.0),
                None => s.splat(0.0),
            };
            let mut total = s.splat(0.0);
            for block in self.x.chunks(BLOCK * channels) {
                let mut sum = s.splat(0.0);
                for x in block.chunks_exact(channels) {
                    let x =
                        if to - at == S::LANES { s.load(&x[at..]) } else { s.load_partial(&x[at..to], 0.0) };
                    let x = s.sub(x, mean);
                    sum = if self.mean.is_some() { s.fma(x, x, sum) } else { s.add(sum, x) };
                }
                total = s.add(total, sum);
            }
            s.store_partial(total, &mut self.totals[at..to]);
        }
    }
}

/// y = factor·x + summand, channel by channel.
struct Affine<'a> {
    x: &'a [f32],
    factor: &'a [f32],
    summand: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.factor.len();
        for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            for at in (0..channels).step_by(S::LANES) {
                let to = channels.min(at + S::LANES);
                if to - at == S::LANES {
                    let (factor, summand) = (s.load(&self.factor[at..]), s.load(&self.summand[at..]));
                    s.store(s.fma(s.load(&x[at..]), factor, summand), &mut y[at..]);
                } else {
                    let factor = s.load_partial(&self.factor[at..to], 0.0);
                    let summand = s.load_partial(&self.summand[at..to], 0.0);
                    s.store_partial(s.fma(s.load_partial(&x[at..to], 0.0), factor, summand), &mut y[at..to]);
                }
            }
        }
    }
}
