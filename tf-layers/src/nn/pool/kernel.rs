//! The kernel of pooling.

use core::ops::Range;

use super::PoolKind;
use crate::checked::{part, part_mut};
use crate::simd::{Kernel, Pixels, Reduction, Simd, Stencil};
use crate::window::Axis;

/// Pooling with checked arguments.
pub(super) struct PoolKernel<'a> {
    pub kind: PoolKind,
    pub axes: [Axis; 3],
    pub channels: usize,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

/// The number of output pixels that are pooled together.
const PIXELS: usize = 4;

impl Kernel for PoolKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { kind, axes, channels, x, y } = self;
        let [depth, vertical, horizontal] = axes;
        let image = depth.input * vertical.input * horizontal.input * channels;
        let height = vertical.output.max(1);
        let lines = (depth.output * height).max(1);
        // The windows from `column` to `inside` do not reach into the padding, once `column` is at the first such window.
        let inside = horizontal.inside_end();
        for (i, y) in y.chunks_exact_mut((horizontal.output * channels).max(1)).enumerate() {
            let (sample, line) = (i / lines, i % lines);
            let x = part(x, sample * image..sample * image + image);
            let (slice, line) = (line / height, line % height);
            let mut column = 0;
            while column < horizontal.output {
                if const { !S::COMPACT } && horizontal.inside(horizontal.origin(column)) && inside >= PIXELS {
                    // The last pixels overlap those before them, unless these are in the padding.
                    let first = column.min(inside - PIXELS);
                    if horizontal.origin(first) >= 0 {
                        let y = part_mut(y, first * channels..);
                        let window = Window::new(kind, axes, [slice, line, first], channels, x);
                        let pixels = window.run_pixels::<S, PIXELS>(s, inside - first, y);
                        if first + pixels > column {
                            column = first + pixels;
                            continue;
                        }
                    }
                }
                let window = Window::new(kind, axes, [slice, line, column], channels, x);
                let y = part_mut(y, column * channels..(column + 1) * channels);
                if const { S::COMPACT } || window.run_pixels::<S, 1>(s, 1, y) == 0 {
                    window.run(s, y);
                }
                column += 1;
            }
        }
    }
}

/// One position of the window.
struct Window<'a> {
    axes: [Axis; 3],
    channels: usize,
    x: &'a [f32],
    origins: [isize; 3],
    taps: [Range<usize>; 3],
    /// The initial value of the sum or maximum.
    start: f32,
    /// The divisor of the sum; `None` for a maximum.
    divisor: Option<f32>,
}

impl<'a> Window<'a> {
    #[inline(always)]
    fn new(kind: PoolKind, axes: [Axis; 3], at: [usize; 3], channels: usize, x: &'a [f32]) -> Self {
        let origins = [axes[0].origin(at[0]), axes[1].origin(at[1]), axes[2].origin(at[2])];
        let taps = [axes[0].taps(origins[0]), axes[1].taps(origins[1]), axes[2].taps(origins[2])];
        let divisor = match kind {
            PoolKind::Max | PoolKind::MaxOverPadding => None,
            PoolKind::Sum => Some(1),
            PoolKind::Average { count_include_pad: false } => {
                Some(taps[0].len() * taps[1].len() * taps[2].len())
            }
            PoolKind::Average { count_include_pad: true } => Some(
                axes[0].taps_padded(origins[0])
                    * axes[1].taps_padded(origins[1])
                    * axes[2].taps_padded(origins[2]),
            ),
        };
        let divisor = divisor.map(|count| count.max(1) as f32);
        let whole = (0..3).all(|i| axes[i].inside(origins[i]));
        let start = match kind {
            PoolKind::Max => f32::NEG_INFINITY,
            PoolKind::MaxOverPadding if whole => f32::NEG_INFINITY,
            _ => 0.0,
        };
        Self { axes, channels, x, origins, taps, start, divisor }
    }

    /// Pools pixels of a line from this one on, `M` at a time. `inside` of them have the same taps. Returns how many it has
    /// pooled: a multiple of `M`, or 0 if the window has taps in several slices or none.
    #[inline(always)]
    fn run_pixels<S: Simd, const M: usize>(&self, s: S, inside: usize, y: &mut [f32]) -> usize {
        if self.taps[0].len() != 1 || self.taps[1].is_empty() || self.taps[2].is_empty() {
            return 0;
        }
        let [depth, vertical, horizontal] = &self.axes;
        let channels = self.channels;
        // A stride that overflows is never used, because the image has no second line, tap or pixel.
        let stencil = Stencil {
            lines: [self.taps[1].len(), vertical.dilation.wrapping_mul(horizontal.input * channels), 0],
            taps: [self.taps[2].len(), horizontal.dilation.wrapping_mul(channels), 0],
            pixel: horizontal.stride.wrapping_mul(channels),
            vector: S::LANES,
        };
        let slice = (self.origins[0] + (self.taps[0].start * depth.dilation) as isize) as usize;
        let line = (self.origins[1] + (self.taps[1].start * vertical.dilation) as isize) as usize;
        let column = (self.origins[2] + (self.taps[2].start * horizontal.dilation) as isize) as usize;
        let first = ((slice * vertical.input + line) * horizontal.input + column) * channels;
        let x = part(self.x, first..);
        let mut groups = inside / M;
        if channels < S::LANES {
            // What follows the last pixel in memory is read, but not stored. All but the first pixel are a step from the
            // one before.
            let room = stencil.end(1, S::LANES).and_then(|end| x.len().checked_sub(end));
            groups = groups.min(room.map_or(0, |room| room / stencil.pixel.max(1) + 1) / M);
        }
        match self.divisor {
            None => self.vectors::<S, M>(s, &stencil, groups, x, y, &Maximum),
            Some(divisor) => self.vectors::<S, M>(s, &stencil, groups, x, y, &Mean { divisor }),
        }
        groups * M
    }

    /// Pools all channels of `groups` times `M` pixels.
    #[inline(always)]
    fn vectors<S: Simd, const M: usize>(
        &self,
        s: S,
        stencil: &Stencil,
        groups: usize,
        x: &[f32],
        y: &mut [f32],
        reduction: &impl Reduction,
    ) {
        let (start, pitch, last) = (s.splat(self.start), self.channels, self.channels.min(S::LANES));
        let mut channel = 0;
        while channel + 2 * S::LANES <= self.channels {
            let pixels = Pixels { groups, y: part_mut(y, channel..), pitch, last };
            stencil.run::<S, _, M, 2, false>(s, part(x, channel..), &[], [start; 2], pixels, reduction);
            channel += 2 * S::LANES;
        }
        while channel < self.channels {
            // The last vector overlaps the one before it, unless it is the only one.
            let at = channel.min(self.channels.saturating_sub(S::LANES));
            let pixels = Pixels { groups, y: part_mut(y, at..), pitch, last };
            stencil.run::<S, _, M, 1, false>(s, part(x, at..), &[], [start], pixels, reduction);
            channel = at + S::LANES;
        }
    }

    /// Pools all channels of this pixel, whose window may have any taps.
    #[inline(always)]
    fn run<S: Simd>(&self, s: S, y: &mut [f32]) {
        let mut channel = 0;
        while channel < self.channels {
            // As in `vectors`.
            let at = channel.min(self.channels.saturating_sub(S::LANES));
            self.pool(s, at, y);
            channel = at + S::LANES;
        }
    }

    /// Pools a vector of channels from `channel` on. A pixel with fewer channels is the first part of a vector.
    #[inline(always)]
    fn pool<S: Simd>(&self, s: S, channel: usize, y: &mut [f32]) {
        let mut result = s.splat(self.start);
        let [depth, vertical, horizontal] = &self.axes;
        for tap_z in self.taps[0].clone() {
            let slice = (self.origins[0] + (tap_z * depth.dilation) as isize) as usize;
            for tap_y in self.taps[1].clone() {
                let line = (self.origins[1] + (tap_y * vertical.dilation) as isize) as usize;
                for tap_x in self.taps[2].clone() {
                    let column = (self.origins[2] + (tap_x * horizontal.dilation) as isize) as usize;
                    let pixel = (slice * vertical.input + line) * horizontal.input + column;
                    let x = part(self.x, pixel * self.channels + channel..);
                    // What follows the pixel in memory is not stored.
                    let x = if x.len() >= S::LANES { s.load(x) } else { s.load_partial(x, 0.0) };
                    result = if self.divisor.is_some() { s.add(result, x) } else { max(s, result, x) };
                }
            }
        }
        if let Some(divisor) = self.divisor {
            result = s.div(result, s.splat(divisor));
        }
        let y = part_mut(y, channel..self.channels.min(channel + S::LANES));
        if y.len() == S::LANES { s.store(result, y) } else { s.store_partial(result, y) }
    }
}

/// The maximum of a window.
struct Maximum;

impl Reduction for Maximum {
    const WEIGHTED: bool = false;

    #[inline(always)]
    fn add<S: Simd>(s: S, x: S::F32, _: S::F32, result: S::F32, _: bool) -> S::F32 {
        max(s, result, x)
    }
    #[inline(always)]
    fn finish<S: Simd>(&self, _: S, result: S::F32, _: usize) -> S::F32 {
        result
    }
}

/// The sum of a window, divided.
struct Mean {
    divisor: f32,
}

impl Reduction for Mean {
    const WEIGHTED: bool = false;

    #[inline(always)]
    fn add<S: Simd>(s: S, x: S::F32, _: S::F32, result: S::F32, _: bool) -> S::F32 {
        s.add(result, x)
    }
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, result: S::F32, _: usize) -> S::F32 {
        s.div(result, s.splat(self.divisor))
    }
}

/// The maximum; NaN if either operand is.
#[inline(always)]
pub(super) fn max<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    // Compares the operand that is known first: the next maximum waits for `a` only.
    s.select(s.eq(b, b), s.max(b, a), b)
}
