//! The kernel of depthwise convolutions.

use core::ops::Range;

use crate::checked::{copy, part, part_mut};
use crate::gemm::Rectifier;
use crate::nn::DepthwiseConv2d;
use crate::simd::{Kernel, PANEL, Pixels, Reduction, Simd, Stencil};
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
        let narrow = Narrow::new::<S>(layer, horizontal.stride, rectifier);
        for (i, y) in y.chunks_exact_mut((horizontal.output * outputs).max(1)).enumerate() {
            let i = first + i;
            let height = vertical.output.max(1);
            let (sample, line) = (i / height, i % height);
            let top = vertical.origin(line);
            let (x, taps) = (part(x, sample * image..sample * image + image), vertical.taps(top));
            let line = Line { layer, horizontal, vertical, outputs, rectifier, x, top, taps };
            match &narrow {
                Some(narrow) => line.run_narrow(s, narrow, y),
                None if layer.multiplier == 1 => line.run(s, y),
                None => line.run_multiplied(s, y),
            }
        }
    }
}

/// The largest kernel of a [`Narrow`] layer.
const NARROW_TAPS: usize = 25;

/// A layer with fewer channels than a vector has lanes. A vector holds the channels of neighbouring pixels, for which the
/// weights are repeated.
struct Narrow {
    /// A vector of weights for each tap, [`PANEL`] elements apart.
    kernel: [f32; NARROW_TAPS * PANEL],
    bias: [f32; PANEL],
    /// The slopes of a [`Rectifier::Parametric`].
    slopes: [f32; PANEL],
    /// The pixels of a vector.
    pixels: usize,
}

impl Narrow {
    /// `None` if the layer has more channels or taps, or several outputs for each channel.
    #[inline(always)]
    fn new<S: Simd>(layer: &DepthwiseConv2d<'_>, stride: usize, rectifier: Rectifier<'_>) -> Option<Self> {
        let (channels, taps) = (layer.channels, layer.kernel_size[0] * layer.kernel_size[1]);
        if layer.multiplier > 1 || channels >= S::LANES || taps > NARROW_TAPS || channels == 0 {
            return None;
        }
        let pixels = if stride == 1 { S::LANES / channels } else { 1 };
        let repeat = |from: &[f32], to: &mut [f32]| {
            for to in to.chunks_exact_mut(channels).take(pixels) {
                copy(to, from);
            }
        };
        let mut narrow =
            Self { kernel: [0.0; NARROW_TAPS * PANEL], bias: [0.0; PANEL], slopes: [0.0; PANEL], pixels };
        for (from, to) in layer.kernel.chunks_exact(channels).zip(narrow.kernel.chunks_exact_mut(PANEL)) {
            repeat(from, to);
        }
        if let Some(bias) = layer.bias {
            repeat(bias, &mut narrow.bias);
        }
        if let Rectifier::Parametric(slopes) = rectifier {
            repeat(slopes, &mut narrow.slopes);
        }
        Some(narrow)
    }
}

/// A sum of products, to which a rectifier is applied.
struct WeightedSum<'a> {
    rectifier: Rectifier<'a>,
    /// The first channel, and the distance from one vector to the next.
    channel: usize,
    vector: usize,
    /// The number of the last vector, and its channels.
    last: (usize, usize),
}

impl Reduction for WeightedSum<'_> {
    const WEIGHTED: bool = true;

    #[inline(always)]
    fn add<S: Simd>(s: S, x: S::F32, weights: S::F32, sum: S::F32, half: bool) -> S::F32 {
        if half { s.fma_half(x, weights, sum) } else { s.fma(x, weights, sum) }
    }
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, sum: S::F32, v: usize) -> S::F32 {
        let width = if v == self.last.0 { self.last.1 } else { S::LANES };
        self.rectifier.apply(s, sum, self.channel + v * self.vector, width)
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
        // The windows from `column` to `inside` do not reach into the padding, once `column` is at the first such window.
        let inside = horizontal.inside_end();
        let mut column = 0;
        while column < horizontal.output {
            if horizontal.inside(horizontal.origin(column)) && inside >= PIXELS {
                // The last pixels overlap those before them, unless these are in the padding.
                let first = column.min(inside - PIXELS);
                let left = horizontal.origin(first);
                if left >= 0 {
                    let groups = (inside - first) / PIXELS;
                    let y = part_mut(y, first * self.outputs..);
                    self.channels::<S, PIXELS>(s, groups, left, 0..horizontal.size, y);
                    column = first + groups * PIXELS;
                    continue;
                }
            }
            let left = horizontal.origin(column);
            let y = part_mut(y, column * self.outputs..);
            self.channels::<S, 1>(s, 1, left, horizontal.taps(left), y);
            column += 1;
        }
    }

    /// Computes all channels of `groups` times `M` pixels. The window of the first one begins at `left`.
    #[inline(always)]
    fn channels<S: Simd, const M: usize>(
        &self,
        s: S,
        groups: usize,
        left: isize,
        taps: Range<usize>,
        y: &mut [f32],
    ) {
        let mut channel = 0;
        // Four vectors of sums per pixel need 16 registers.
        while const { S::MR * S::NR >= 24 * S::LANES } && channel + 4 * S::LANES <= self.outputs {
            self.vectors::<S, M, 4, false>(s, groups, left, taps.clone(), [channel, S::LANES], y);
            channel += 4 * S::LANES;
        }
        while channel + 2 * S::LANES <= self.outputs {
            self.vectors::<S, M, 2, false>(s, groups, left, taps.clone(), [channel, S::LANES], y);
            channel += 2 * S::LANES;
        }
        let last = self.outputs.checked_sub(S::LANES);
        match (self.outputs - channel, last) {
            (0, _) => {}
            (left_over, _) if const { S::HALVES && M > 1 } && left_over == S::LANES + S::LANES / 2 => {
                self.vectors::<S, M, 2, true>(s, groups, left, taps, [channel, S::LANES], y);
            }
            // The last vector overlaps the one before it.
            (left_over, Some(last)) if left_over > S::LANES => {
                self.vectors::<S, M, 2, false>(s, groups, left, taps, [channel, last - channel], y);
            }
            (_, Some(last)) => self.vectors::<S, M, 1, false>(s, groups, left, taps, [last, 0], y),
            (_, None) => {
                for m in 0..groups * M {
                    let origin = left + (m * self.horizontal.stride) as isize;
                    self.rest(s, origin, taps.clone(), channel, part_mut(y, m * self.outputs..));
                }
            }
        }
    }

    /// The offset of the weights of a tap, and that of its inputs in the image.
    #[inline(always)]
    fn tap(&self, left: isize, tap_y: usize, tap_x: usize) -> (usize, usize) {
        let Self { horizontal, vertical, outputs, top, .. } = *self;
        let line = (top + (tap_y * vertical.dilation) as isize) as usize;
        let column = (left + (tap_x * horizontal.dilation) as isize) as usize;
        ((tap_y * horizontal.size + tap_x) * outputs, (line * horizontal.input + column) * outputs)
    }

    /// Computes `V` vectors of channels, from `channel` on and `vector` channels apart, of `groups` times `M` pixels. If
    /// `HALF` is set, the last one has half as many channels.
    #[inline(always)]
    fn vectors<S: Simd, const M: usize, const V: usize, const HALF: bool>(
        &self,
        s: S,
        groups: usize,
        left: isize,
        taps: Range<usize>,
        [channel, vector]: [usize; 2],
        y: &mut [f32],
    ) {
        let mut start = [s.splat(0.0); V];
        if let Some(bias) = self.layer.bias {
            for v in 0..V {
                let bias = part(bias, channel + v * vector..);
                start[v] = if HALF && v + 1 == V { s.load_partial(bias, 0.0) } else { s.load(bias) };
            }
        }
        let stencil = self.stencil(taps.len(), vector, self.outputs);
        let (mut x, mut w): (&[f32], &[f32]) = (&[], &[]);
        if !self.taps.is_empty() && !taps.is_empty() {
            let (first_w, first_x) = self.tap(left, self.taps.start, taps.start);
            (x, w) = (part(self.x, first_x + channel..), part(self.layer.kernel, first_w + channel..));
        }
        let last = if HALF { S::LANES / 2 } else { S::LANES };
        let pixels = Pixels { groups, y: part_mut(y, channel..), pitch: self.outputs, last };
        let reduction = WeightedSum { rectifier: self.rectifier, channel, vector, last: (V - 1, last) };
        stencil.run::<S, _, M, V, HALF>(s, x, w, start, pixels, &reduction);
    }

    /// The taps inside the image, of which `taps` are on a line. Weights of a tap are `pitch` elements apart.
    #[inline(always)]
    fn stencil(&self, taps: usize, vector: usize, pitch: usize) -> Stencil {
        let Self { horizontal, vertical, outputs, .. } = *self;
        // A stride that overflows is never used, because the image has no second line, tap or pixel.
        Stencil {
            lines: [
                self.taps.len(),
                vertical.dilation.wrapping_mul(horizontal.input * outputs),
                horizontal.size * pitch,
            ],
            taps: [taps, horizontal.dilation.wrapping_mul(outputs), pitch],
            pixel: horizontal.stride.wrapping_mul(outputs),
            vector,
        }
    }

    /// Computes a line of a layer with few channels.
    #[inline(always)]
    fn run_narrow<S: Simd>(&self, s: S, narrow: &Narrow, y: &mut [f32]) {
        let horizontal = &self.horizontal;
        let mut column = 0;
        while column < horizontal.output {
            let left = horizontal.origin(column);
            let y = part_mut(y, column * self.outputs..);
            let mut done = 0;
            if horizontal.inside(left) {
                let vectors = (horizontal.inside_end() - column) / narrow.pixels.max(1);
                done = self.narrow_pixels::<S, PIXELS>(s, narrow, vectors, left, y);
                if done == 0 {
                    done = self.narrow_pixels::<S, 1>(s, narrow, vectors, left, y);
                }
            }
            if done == 0 {
                self.rest(s, left, horizontal.taps(left), 0, y);
            }
            column += done.max(1);
        }
    }

    /// Computes up to `vectors` vectors of pixels, `M` at a time, as far as no vector would be read beyond the image.
    /// Returns the number of pixels.
    #[inline(always)]
    fn narrow_pixels<S: Simd, const M: usize>(
        &self,
        s: S,
        narrow: &Narrow,
        vectors: usize,
        left: isize,
        y: &mut [f32],
    ) -> usize {
        let mut stencil = self.stencil(self.horizontal.size, 0, PANEL);
        stencil.pixel *= narrow.pixels;
        let (mut x, mut w): (&[f32], &[f32]) = (&[], &[]);
        let mut groups = vectors / M;
        if !self.taps.is_empty() {
            let (_, first) = self.tap(left, self.taps.start, 0);
            (x, w) = (
                part(self.x, first..),
                part(&narrow.kernel, self.taps.start * self.horizontal.size * PANEL..),
            );
            // The vectors that can be read: all but the first one are a step from the one before.
            let room = stencil.end(1, S::LANES).and_then(|end| x.len().checked_sub(end));
            groups = groups.min(room.map_or(0, |room| room / stencil.pixel.max(1) + 1) / M);
        }
        let rectifier = match self.rectifier {
            Rectifier::Parametric(_) => Rectifier::Parametric(&narrow.slopes),
            other => other,
        };
        let width = narrow.pixels * self.outputs;
        let pixels = Pixels { groups, y, pitch: width, last: width };
        let reduction = WeightedSum { rectifier, channel: 0, vector: 0, last: (0, S::LANES) };
        stencil.run::<S, _, M, 1, false>(s, x, w, [s.load(&narrow.bias)], pixels, &reduction);
        groups * M * narrow.pixels
    }

    /// Computes the last channels of a pixel, which are fewer than a vector.
    #[inline(always)]
    fn rest<S: Simd>(&self, s: S, left: isize, taps: Range<usize>, channel: usize, y: &mut [f32]) {
        let width = self.outputs - channel;
        let mut sum = match self.layer.bias {
            Some(bias) => s.load_partial(part(bias, channel..), 0.0),
            None => s.splat(0.0),
        };
        for tap_y in self.taps.clone() {
            for tap_x in taps.clone() {
                let (w, x) = self.tap(left, tap_y, tap_x);
                let (w, x) = (w + channel, x + channel);
                let w = s.load_partial(part(self.layer.kernel, w..w + width), 0.0);
                let x = s.load_partial(part(self.x, x..x + width), 0.0);
                sum = s.fma(x, w, sum);
            }
        }
        let sum = self.rectifier.apply(s, sum, channel, width);
        s.store_partial(sum, part_mut(y, channel..channel + width));
    }

    /// Computes a line if channels have several outputs.
    #[inline(always)]
    fn run_multiplied<S: Simd>(&self, s: S, y: &mut [f32]) {
        let (channels, multiplier) = (self.layer.channels, self.layer.multiplier);
        for (column, y) in y.chunks_exact_mut(self.outputs.max(1)).enumerate() {
            let left = self.horizontal.origin(column);
            match self.layer.bias {
                Some(bias) => copy(y, bias),
                None => y.fill(0.0),
            }
            for tap_y in self.taps.clone() {
                let line = (self.top + (tap_y * self.vertical.dilation) as isize) as usize;
                for tap_x in self.horizontal.taps(left) {
                    let column = (left + (tap_x * self.horizontal.dilation) as isize) as usize;
                    let pixel = (line * self.horizontal.input + column) * channels;
                    let x = part(self.x, pixel..pixel + channels);
                    let tap = tap_y * self.horizontal.size + tap_x;
                    let w = part(self.layer.kernel, tap * self.outputs..(tap + 1) * self.outputs);
                    for (i, (y, x)) in y.chunks_exact_mut(multiplier.max(1)).zip(x).enumerate() {
                        let w = part(w, i * multiplier..(i + 1) * multiplier);
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
