//! The kernel of depthwise convolutions.

use core::ops::Range;

use crate::gemm::Rectifier;
use crate::nn::DepthwiseConv2d;
use crate::simd::{Kernel, Simd, Stencil};
use crate::window::Axis;

/// A depthwise convolution with checked arguments.
pub(crate) struct DepthwiseKernel<'a> {
    pub layer: &'a DepthwiseConv2d<'a>,
    /// Vertical and horizontal.
    pub axes: [Axis; 2],
    /// The channels of y.
    pub outputs: usize,
    /// Applied to the results.
    pub rectifier: Rectifier<'a>,
    /// The index of the first line of `y` among the lines of all images.
    pub first: usize,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

/// The number of output pixels that share a loaded weight.
const PIXELS: usize = 4;

impl Kernel for DepthwiseKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { layer, axes: [vertical, horizontal], outputs, rectifier, first, x, y } = self;
        let image = vertical.input * horizontal.input * layer.channels;
        for (i, y) in y.chunks_exact_mut(horizontal.output * outputs).enumerate() {
            let i = first + i;
            let (sample, line) = (i / vertical.output, i % vertical.output);
            let top = vertical.origin(line);
            let (x, taps) = (&x[sample * image..][..image], vertical.taps(top));
            let line = Line { layer, horizontal, vertical, outputs, rectifier, x, top, taps };
            if layer.multiplier == 1 {
                line.run(s, y);
            } else {
                line.run_multiplied(s, y);
            }
        }
    }
}

/// A line of output pixels.
struct Line<'a> {
    layer: &'a DepthwiseConv2d<'a>,
    horizontal: Axis,
    vertical: Axis,
    outputs: usize,
    rectifier: Rectifier<'a>,
    /// The image.
    x: &'a [f32],
    top: isize,
    /// The vertical taps inside the image.
    taps: Range<usize>,
}

impl Line<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, s: S, y: &mut [f32]) {
        let horizontal = &self.horizontal;
        let mut column = 0;
        while column < horizontal.output {
            let left = horizontal.origin(column);
            let several = column + PIXELS <= horizontal.output
                && horizontal.inside(left)
                && horizontal.inside(horizontal.origin(column + PIXELS - 1));
            let y = &mut y[column * self.outputs..];
            if several {
                self.channels::<S, PIXELS>(s, left, 0..horizontal.size, y);
                column += PIXELS;
            } else {
                self.channels::<S, 1>(s, left, horizontal.taps(left), y);
                column += 1;
            }
        }
    }

    /// Computes all channels of `M` pixels. The window of the first one begins at `left`.
    #[inline(always)]
    fn channels<S: Simd, const M: usize>(&self, s: S, left: isize, taps: Range<usize>, y: &mut [f32]) {
        let mut channel = 0;
        // Four vectors of sums per pixel need 16 registers.
        while const { S::MR * S::NR >= 24 * S::LANES } && channel + 4 * S::LANES <= self.outputs {
            self.vectors::<S, M, 4>(s, left, taps.clone(), channel, y);
            channel += 4 * S::LANES;
        }
        while channel + 2 * S::LANES <= self.outputs {
            self.vectors::<S, M, 2>(s, left, taps.clone(), channel, y);
            channel += 2 * S::LANES;
        }
        while channel + S::LANES <= self.outputs {
            self.vectors::<S, M, 1>(s, left, taps.clone(), channel, y);
            channel += S::LANES;
        }
        if channel < self.outputs {
            for m in 0..M {
                let origin = left + (m * self.horizontal.stride) as isize;
                self.rest(s, origin, taps.clone(), channel, &mut y[m * self.outputs..]);
            }
        }
    }

    /// The taps inside the image: the offset of their weights, and that of their inputs in the image.
    #[inline(always)]
    fn taps(&self, left: isize, taps: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let Self { horizontal, vertical, outputs, top, .. } = *self;
        self.taps.clone().flat_map(move |tap_y| {
            let line = (top + (tap_y * vertical.dilation) as isize) as usize;
            taps.clone().map(move |tap_x| {
                let column = (left + (tap_x * horizontal.dilation) as isize) as usize;
                ((tap_y * horizontal.size + tap_x) * outputs, (line * horizontal.input + column) * outputs)
            })
        })
    }

    /// Computes `V` vectors of channels of `M` pixels.
    #[inline(always)]
    fn vectors<S: Simd, const M: usize, const V: usize>(
        &self,
        s: S,
        left: isize,
        taps: Range<usize>,
        channel: usize,
        y: &mut [f32],
    ) {
        let mut sums = [[s.splat(0.0); V]; M];
        if let Some(bias) = self.layer.bias {
            for v in 0..V {
                let bias = s.load(&bias[channel + v * S::LANES..]);
                for m in 0..M {
                    sums[m][v] = bias;
                }
            }
        }
        let Self { horizontal, vertical, outputs, .. } = *self;
        // A stride that overflows is never used, because the image has no second line, tap or pixel.
        let stencil = Stencil {
            lines: [
                self.taps.len(),
                vertical.dilation.wrapping_mul(horizontal.input * outputs),
                horizontal.size * outputs,
            ],
            taps: [taps.len(), horizontal.dilation.wrapping_mul(outputs), outputs],
            pixel: horizontal.stride.wrapping_mul(outputs),
        };
        if let Some((w, x)) = self.taps(left, taps).next() {
            sums = stencil.accumulate(s, &self.x[x + channel..], &self.layer.kernel[w + channel..], sums);
        }
        for m in 0..M {
            for v in 0..V {
                let column = channel + v * S::LANES;
                let sum = self.rectifier.apply(s, sums[m][v], column, S::LANES);
                s.store(sum, &mut y[m * self.outputs + column..]);
            }
        }
    }

    /// Computes the last channels of a pixel, which are fewer than a vector.
    #[inline(always)]
    fn rest<S: Simd>(&self, s: S, left: isize, taps: Range<usize>, channel: usize, y: &mut [f32]) {
        let width = self.outputs - channel;
        let mut sum = match self.layer.bias {
            Some(bias) => s.load_partial(&bias[channel..], 0.0),
            None => s.splat(0.0),
        };
        for (w, x) in self.taps(left, taps) {
            let w = s.load_partial(&self.layer.kernel[w + channel..][..width], 0.0);
            let x = s.load_partial(&self.x[x + channel..][..width], 0.0);
            sum = s.fma(x, w, sum);
        }
        let sum = self.rectifier.apply(s, sum, channel, width);
        s.store_partial(sum, &mut y[channel..][..width]);
    }

    /// Computes a line if channels have several outputs.
    #[inline(always)]
    fn run_multiplied<S: Simd>(&self, s: S, y: &mut [f32]) {
        let (channels, multiplier) = (self.layer.channels, self.layer.multiplier);
        for (column, y) in y.chunks_exact_mut(self.outputs).enumerate() {
            let left = self.horizontal.origin(column);
            match self.layer.bias {
                Some(bias) => y.copy_from_slice(bias),
                None => y.fill(0.0),
            }
            for tap_y in self.taps.clone() {
                let line = (self.top + (tap_y * self.vertical.dilation) as isize) as usize;
                for tap_x in self.horizontal.taps(left) {
                    let column = (left + (tap_x * self.horizontal.dilation) as isize) as usize;
                    let x = &self.x[(line * self.horizontal.input + column) * channels..][..channels];
                    let tap = tap_y * self.horizontal.size + tap_x;
                    let w = &self.layer.kernel[tap * self.outputs..][..self.outputs];
                    let outputs = y.chunks_exact_mut(multiplier).zip(w.chunks_exact(multiplier));
                    for ((y, w), x) in outputs.zip(x) {
                        for (y, w) in y.iter_mut().zip(w) {
                            *y += x * w;
                        }
                    }
                }
            }
            for (i, y) in y.chunks_mut(S::LANES).enumerate() {
                let sum = self.rectifier.apply(s, s.load_partial(y, 0.0), i * S::LANES, y.len());
                s.store_partial(sum, y);
            }
        }
    }
}
