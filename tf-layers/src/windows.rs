//! The windows of a convolution as the left operand of a product.

use core::ops::Range;

use crate::operand::{MAX_RANGE, MAX_SCATTERED, Rows, Weights};
use crate::product::product;
use crate::simd::{Kernel, Lines, Simd};
use crate::window::Axis;

/// A convolution of one group.
pub(crate) struct Run<'a, 'y> {
    pub windows: Windows<'a>,
    pub pixels: usize,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Kernel for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        product(s, self.windows, self.pixels, self.weights, self.y);
    }
}

/// What taps in the padding read.
static ZEROS: [f32; MAX_RANGE] = [0.0; MAX_RANGE];

/// The windows of all output pixels as the rows of a matrix, which is never written down.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    x: &'a [f32],
    /// Vertical and horizontal.
    axes: [Axis; 2],
    channels: usize,
    /// The first channel of the group, and how many it has.
    first: usize,
    depth: usize,
    /// Whether a line of a window is one stretch of memory.
    joined: bool,
    /// Whether windows that reach into the padding are worth copying.
    small: bool,
}

/// The windows of `M` consecutive output pixels.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, const M: usize> {
    /// For each the image, and where the window begins in it.
    windows: [(&'a [f32], isize, isize); M],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Only the first window is given: the others follow on the same line, and none has a tap in the padding.
    Even,
    /// None has a tap in the padding.
    Whole,
    /// Any windows at all.
    Ragged,
}

impl<'a> Windows<'a> {
    /// The windows over the channels `group` of images with `channels`.
    pub fn new(x: &'a [f32], axes: [Axis; 2], channels: usize, group: Range<usize>) -> Self {
        let depth = group.len();
        let joined = axes[1].dilation == 1 && depth == channels;
        let small = axes[0].size * axes[1].size * depth <= MAX_SCATTERED;
        Self { x, axes, channels, first: group.start, depth, joined, small }
    }

    /// The numbers in a piece: a line of the window where that is one stretch of memory, else a tap.
    #[inline(always)]
    fn piece_len(&self, kind: Kind) -> usize {
        if kind == Kind::Ragged { self.depth } else { self.axes[1].size * self.depth }
    }

    /// The tap's channels in the image; `None` in the padding.
    #[inline(always)]
    fn tap(&self, window: (&'a [f32], isize, isize), tap_y: usize, tap_x: usize) -> Option<&'a [f32]> {
        let (image, top, left) = window;
        let line = self.axes[0].position(top, tap_y)?;
        let pixel = line * self.axes[1].input + self.axes[1].position(left, tap_x)?;
        Some(&image[pixel * self.channels + self.first..][..self.depth])
    }
}

impl<'a> Rows<'a> for Windows<'a> {
    type Tile<const M: usize> = Tile<'a, M>;

    #[inline(always)]
    fn tile<const M: usize>(self, row: usize) -> Tile<'a, M> {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (line, mut column) = (row / horizontal.output, row % horizontal.output);
        let (mut sample, mut line) = (line / vertical.output, line % vertical.output);
        let (top, left) = (vertical.origin(line), horizontal.origin(column));
        let mut windows = [(&self.x[sample * image..][..image], top, left); M];
        if self.joined
            && column + M <= horizontal.output
            && vertical.inside(top)
            && horizontal.inside(left)
            && horizontal.inside(horizontal.origin(column + M - 1))
        {
            return Tile { windows, kind: Kind::Even };
        }
        let mut whole = self.joined;
        for window in &mut windows {
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            whole &= vertical.inside(top) && horizontal.inside(left);
            *window = (&self.x[sample * image..][..image], top, left);
            column += 1;
            if column == horizontal.output {
                (column, line) = (0, line + 1);
                if line == vertical.output {
                    (line, sample) = (0, sample + 1);
                }
            }
        }
        Tile { windows, kind: if whole { Kind::Whole } else { Kind::Ragged } }
    }

    #[inline(always)]
    fn pieces<const M: usize>(self, tile: Tile<'a, M>, range: Range<usize>) -> Range<usize> {
        let len = self.piece_len(tile.kind);
        let [vertical, horizontal] = self.axes;
        let taps = vertical.size * horizontal.size;
        let all = if tile.kind == Kind::Ragged { taps } else { vertical.size };
        // Divisions are slow, and small windows are asked for whole.
        let first = if range.start == 0 { 0 } else { range.start / len };
        let last = if range.end == taps * self.depth { all } else { range.end.div_ceil(len) };
        first..last
    }

    #[inline(always)]
    fn piece<const M: usize>(
        self,
        tile: Tile<'a, M>,
        piece: usize,
        range: Range<usize>,
    ) -> Option<(usize, Lines<'a, M>)> {
        let [vertical, horizontal] = self.axes;
        let len = self.piece_len(tile.kind);
        // The numbers of the piece, and what of them is asked for.
        let start = piece * len;
        let from = range.start.saturating_sub(start);
        let to = len.min(range.end - start);
        let mut slices = [&self.x[..0]; M];
        if tile.kind == Kind::Ragged {
            let (tap_y, tap_x) = (piece / horizontal.size, piece % horizontal.size);
            let mut any = false;
            for (slice, &window) in slices.iter_mut().zip(&tile.windows) {
                *slice = match self.tap(window, tap_y, tap_x) {
                    Some(channels) => {
                        any = true;
                        &channels[from..to]
                    }
                    None => &ZEROS[..to - from],
                };
            }
            return any.then_some((start + from, Lines::Each(slices)));
        }
        let pitch = horizontal.stride * self.channels;
        for (slice, &(image, top, left)) in slices.iter_mut().zip(&tile.windows) {
            let line = top as usize + piece * vertical.dilation;
            let pixel = line * horizontal.input + left as usize;
            let x = &image[pixel * self.channels + from..];
            if tile.kind == Kind::Even {
                return Some((start + from, Lines::Even { x, pitch, len: to - from }));
            }
            *slice = &x[..to - from];
        }
        Some((start + from, Lines::Each(slices)))
    }

    #[inline(always)]
    fn scattered<const M: usize>(self, tile: Tile<'a, M>) -> bool {
        self.small && tile.kind == Kind::Ragged
    }

    #[inline(always)]
    fn collect<const M: usize>(self, tile: Tile<'a, M>, line: usize, row: &mut [f32]) {
        let [vertical, horizontal] = self.axes;
        let (image, top, left) = tile.windows[line];
        let (mut row, mut tap_y) = (row, 0);
        while tap_y < vertical.size {
            let (taps, rest) = row.split_at_mut(horizontal.size * self.depth);
            if let Some(line) = vertical.position(top, tap_y) {
                let image =
                    &image[line * horizontal.input * self.channels..][..horizontal.input * self.channels];
                self.collect_line(image, left, taps);
            }
            (row, tap_y) = (rest, tap_y + 1);
        }
    }
}

impl Windows<'_> {
    /// Copies the taps of one line of a window from that line of the image.
    #[inline(always)]
    fn collect_line(&self, image: &[f32], left: isize, taps: &mut [f32]) {
        let horizontal = &self.axes[1];
        if self.joined {
            let before = left.min(0).unsigned_abs() * self.channels;
            let from = image.get(left.max(0) as usize * self.channels..).unwrap_or(&[]);
            for (to, from) in taps.iter_mut().skip(before).zip(from) {
                *to = *from;
            }
            return;
        }
        for tap in 0..horizontal.size {
            if let Some(column) = horizontal.position(left, tap) {
                let from = &image[column * self.channels + self.first..][..self.depth];
                for (to, from) in taps[tap * self.depth..].iter_mut().zip(from) {
                    *to = *from;
                }
            }
        }
    }
}
