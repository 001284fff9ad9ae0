//! Pooling to an output of a given size.

use core::ops::Range;

use super::max;
use crate::Context;
use crate::error::{Result, require};
use crate::simd::{Kernel, Simd};
use crate::tensor::{View, ViewMut, len};
use crate::window::channels_last;

/// Pooling whose windows follow from the sizes of the input and the output.
///
/// Along an axis with `n` inputs and `m` outputs, output `i` pools the inputs from ⌊i·n/m⌋ up to ⌈(i + 1)·n/m⌉, the
/// latter excluded. The windows cover the whole axis and may overlap. An axis with as many outputs as inputs stays as
/// it is.
///
/// ```
/// use tf_layers::nn::AdaptivePool;
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 3.0, 5.0], [1, 3, 1])?;
/// let mut y = [0.0; 2];
/// let y = AdaptivePool::Average.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [2.0, 4.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdaptivePool {
    /// The greatest element of each window; NaN if any is.
    Max,
    /// The mean of each window.
    Average,
}

impl AdaptivePool {
    /// Pools x `[batch, …size, channels]` to y `[batch, …output size, channels]`, over one to three spatial axes.
    ///
    /// # Errors
    ///
    /// Unless x and y have the same batch and channels, and x has elements to pool.
    pub fn run<'y, const R: usize>(
        self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (from, to) = (x.dims(), y.dims());
        let (batch, input, channels) = channels_last(&from)?;
        let (y_batch, output, y_channels) = channels_last::<3>(&to)?;
        require((y_batch, y_channels) == (batch, channels), "y", "have the batch and the channels of x")?;
        let (x, y_elements) = (x.as_slice()?, y.as_mut_slice()?);
        if !y_elements.is_empty() {
            require(!x.is_empty(), "x", "have elements to pool")?;
            for axis in 0..3 {
                len(&[input[axis], output[axis]])?;
            }
            cx.isa.run(Run { kind: self, input, output, channels, x, y: y_elements });
        }
        Ok(y.into_view())
    }
}

struct Run<'a> {
    kind: AdaptivePool,
    input: [usize; 3],
    output: [usize; 3],
    channels: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { kind, input, output, channels, x, y } = self;
        let image = input.iter().product::<usize>() * channels;
        let mut pixels = y.chunks_exact_mut(channels);
        for x in x.chunks_exact(image) {
            for line in 0..output[0] * output[1] {
                let (slice, line) = (line / output[1], line % output[1]);
                let slices = window(slice, input[0], output[0]);
                let lines = window(line, input[1], output[1]);
                for (column, y) in (0..output[2]).zip(&mut pixels) {
                    let columns = window(column, input[2], output[2]);
                    let window = Window { kind, input, channels, x, taps: [&slices, &lines, &columns] };
                    let mut channel = 0;
                    while channel + 4 * S::LANES <= channels {
                        window.pool::<S, 4>(s, channel, &mut y[channel..]);
                        channel += 4 * S::LANES;
                    }
                    while channel < channels {
                        window.pool::<S, 1>(s, channel, &mut y[channel..]);
                        channel += S::LANES;
                    }
                }
            }
        }
    }
}

/// The inputs that output `at` of `output` pools, of `input` along an axis. The product of both must not overflow.
#[inline(always)]
fn window(at: usize, input: usize, output: usize) -> Range<usize> {
    at * input / output..((at + 1) * input).div_ceil(output)
}

/// One window, and the volume that it is part of.
struct Window<'a> {
    kind: AdaptivePool,
    input: [usize; 3],
    channels: usize,
    x: &'a [f32],
    taps: [&'a Range<usize>; 3],
}

impl Window<'_> {
    /// Pools `N` vectors of channels from `channel` on, the last perhaps incomplete.
    #[inline(always)]
    fn pool<S: Simd, const N: usize>(&self, s: S, channel: usize, y: &mut [f32]) {
        let width = (N * S::LANES).min(self.channels - channel);
        let averages = self.kind == AdaptivePool::Average;
        let mut result = [s.splat(if averages { 0.0 } else { f32::NEG_INFINITY }); N];
        for slice in self.taps[0].clone() {
            for line in self.taps[1].clone() {
                let line = (slice * self.input[1] + line) * self.input[2];
                for column in self.taps[2].clone() {
                    let x = &self.x[(line + column) * self.channels + channel..][..width];
                    for (i, result) in result.iter_mut().enumerate() {
                        let x = &x[i * S::LANES..];
                        let x = if width == N * S::LANES { s.load(x) } else { s.load_partial(x, 0.0) };
                        *result = if averages { s.add(*result, x) } else { max(s, *result, x) };
                    }
                }
            }
        }
        let count = s.splat(self.taps.iter().map(|taps| taps.len()).product::<usize>() as f32);
        for (i, &result) in result.iter().enumerate() {
            let result = if averages { s.div(result, count) } else { result };
            s.store_partial(result, &mut y[i * S::LANES..width]);
        }
    }
}
