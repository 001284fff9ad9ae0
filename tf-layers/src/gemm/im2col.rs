//! The windows of a convolution as the left operand of a product.

use core::ops::Range;
use core::slice::from_ref;

use crate::gemm::each_part;
use crate::gemm::macro_kernel::Product;
use crate::gemm::operand::{MAX_RANGE, MAX_SMALL, Rows, Weights};
use crate::simd::{Isa, MAX_ROWS, Piece};
use crate::window::Axis;

/// A convolution of one group.
pub(crate) struct Run<'a, 'y> {
    pub windows: Windows<'a>,
    pub pixels: usize,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Run<'_, '_> {
    /// All of it on one thread.
    pub fn here(self, isa: Isa) {
        let Self { windows, pixels, weights, y } = self;
        isa.run(Product { rows: Rows::Windows(windows, &mut Space::new()), count: pixels, weights, y });
    }

    /// All of it, on several threads where that pays.
    pub fn on(self, isa: Isa) {
        let Self { windows, pixels, weights, y } = self;
        each_part(pixels, weights, y, |pixels, weights, y| {
            let windows = Windows { pixel: windows.pixel + pixels.start, ..windows };
            Run { windows, pixels: pixels.len(), weights, y }.here(isa);
        });
    }
}

/// Numbers in the largest tile of small windows.
const COPIES: usize = MAX_ROWS * MAX_SMALL;

/// The most pieces of a tile.
const PIECES: usize = 64;

/// What taps in the padding read.
static ZEROS: [f32; MAX_RANGE] = [0.0; MAX_RANGE];

/// Memory for a tile of windows.
pub(crate) struct Space<'a> {
    pieces: [Piece<'a>; PIECES],
    copies: [f32; COPIES],
}

impl Space<'_> {
    pub const fn new() -> Self {
        Self { pieces: [Piece::NONE; PIECES], copies: [0.0; COPIES] }
    }
}

/// The windows of all output pixels as the rows of a matrix, which is never written down.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    x: &'a [f32],
    /// Vertical and horizontal.
    axes: [Axis; 2],
    /// Which output pixel the first row belongs to.
    pixel: usize,
    channels: usize,
    /// The first channel of the group, and how many it has.
    first: usize,
    depth: usize,
    /// Whether a line of a window is one stretch of memory.
    joined: bool,
    /// Whether windows that reach into the padding are worth copying.
    small: bool,
}

/// The image, and where in it a window begins, from the top and from the left.
type Window<'a> = (&'a [f32], isize, isize);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// They follow each other on a line, and none has a tap in the padding.
    Even,
    /// None has a tap in the padding.
    FromInteger,
    /// Any windows that are so small that they had better be copied.
    Small,
    /// Any other windows.
    Ragged,
}

impl<'a> Windows<'a> {
    /// The windows over the channels `group` of images with `channels`.
    pub fn new(x: &'a [f32], axes: [Axis; 2], channels: usize, group: Range<usize>) -> Self {
        let depth = group.len();
        let joined = axes[1].dilation == 1 && depth == channels;
        let small = axes[0].size * axes[1].size * depth <= MAX_SMALL;
        Self { x, axes, pixel: 0, channels, first: group.start, depth, joined, small }
    }

    /// The most numbers of a window that may be asked for at once. Small windows are asked for whole.
    pub fn most(&self) -> usize {
        if self.small { MAX_SMALL } else { ((PIECES - 2) * self.depth).min(MAX_RANGE) }
    }

    /// What of the numbers `range` of `count` windows from output pixel `row` on is not padding. A piece is a line of
    /// the window where that is one stretch of memory, else a tap.
    ///
    /// It is a function of its own so that the kernels of all instruction sets share it.
    #[inline(never)]
    pub fn pieces<'s>(
        &self,
        row: usize,
        count: usize,
        range: Range<usize>,
        space: &'s mut Space<'a>,
        one: &'s mut Piece<'s>,
    ) -> &'s [Piece<'s>] {
        let [vertical, horizontal] = self.axes;
        let mut windows = [(self.x, 0, 0); MAX_ROWS];
        let windows = &mut windows[..count];
        let kind = self.find(self.pixel + row, windows);
        let taps = vertical.size * horizontal.size;
        if kind == Kind::Small {
            let k = taps * self.depth;
            for (&window, row) in windows.iter().zip(space.copies.chunks_exact_mut(k.max(1))) {
                self.copy(window, row);
            }
            one.set_even(0, &space.copies, k, k, count);
            return from_ref(one);
        }
        let by_line = self.joined && kind != Kind::Ragged;
        let (len, all) =
            if by_line { (horizontal.size * self.depth, vertical.size) } else { (self.depth, taps) };
        // Divisions are slow, and small windows are asked for whole.
        let first = if range.start == 0 { 0 } else { range.start / len };
        let last = if range.end == taps * self.depth { all } else { range.end.div_ceil(len) };
        let mut found = 0;
        for piece in first..last {
            // The numbers of the piece, and what of them is asked for.
            let start = piece * len;
            let asked = range.start.saturating_sub(start)..len.min(range.end - start);
            let [tap_y, tap_x] =
                if by_line { [piece, 0] } else { [piece / horizontal.size, piece % horizontal.size] };
            let rows = &mut space.pieces[found];
            match kind {
                Kind::Even => self.even(windows[0], [tap_y, tap_x], start, asked, count, rows),
                Kind::FromInteger => self.whole(windows, tap_y, start, asked, rows),
                _ if !self.ragged(windows, [tap_y, tap_x], start, asked, rows) => continue,
                _ => {}
            }
            found += 1;
        }
        &space.pieces[..found]
    }

    /// Finds the windows from output pixel `pixel` on; of even ones only the first.
    fn find(&self, pixel: usize, windows: &mut [Window<'a>]) -> Kind {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (line, mut column) = (pixel / horizontal.output, pixel % horizontal.output);
        let (mut sample, mut line) = (line / vertical.output, line % vertical.output);
        let last = column + windows.len() - 1;
        if last < horizontal.output
            && vertical.inside(vertical.origin(line))
            && horizontal.inside(horizontal.origin(column))
            && horizontal.inside(horizontal.origin(last))
            // Small windows are not asked for in part, however many taps they have.
            && (!self.small || self.joined || vertical.size * horizontal.size <= PIECES)
        {
            windows[0] =
                (&self.x[sample * image..][..image], vertical.origin(line), horizontal.origin(column));
            return Kind::Even;
        }
        let mut whole = self.joined;
        for window in windows {
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
        match (whole, self.small) {
            (true, _) => Kind::FromInteger,
            (false, true) => Kind::Small,
            (false, false) => Kind::Ragged,
        }
    }

    fn even(
        &self,
        (image, top, left): Window<'a>,
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        asked: Range<usize>,
        count: usize,
        rows: &mut Piece<'a>,
    ) {
        let [vertical, horizontal] = self.axes;
        let line = top as usize + tap_y * vertical.dilation;
        let pixel = line * horizontal.input + left as usize + tap_x * horizontal.dilation;
        let x = &image[pixel * self.channels + self.first + asked.start..];
        // It overflows only where there is no second pixel to reach.
        let pitch = horizontal.stride.wrapping_mul(self.channels);
        rows.set_even(start + asked.start, x, pitch, asked.len(), count);
    }

    fn whole(
        &self,
        windows: &[Window<'a>],
        line: usize,
        start: usize,
        asked: Range<usize>,
        rows: &mut Piece<'a>,
    ) {
        let [vertical, horizontal] = self.axes;
        let mut slices = [&self.x[..0]; MAX_ROWS];
        for (slice, &(image, top, left)) in slices.iter_mut().zip(windows) {
            let line = top as usize + line * vertical.dilation;
            let pixel = line * horizontal.input + left as usize;
            *slice = &image[pixel * self.channels + asked.start..][..asked.len()];
        }
        rows.set_each(start + asked.start, &slices[..windows.len()]);
    }

    /// A tap; false if it lies in the padding of all windows.
    fn ragged(
        &self,
        windows: &[Window<'a>],
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        asked: Range<usize>,
        rows: &mut Piece<'a>,
    ) -> bool {
        let mut slices = [&ZEROS[..asked.len()]; MAX_ROWS];
        let mut any = false;
        for (slice, &window) in slices.iter_mut().zip(windows) {
            if let Some(channels) = self.tap(window, tap_y, tap_x) {
                any = true;
                *slice = &channels[asked.clone()];
            }
        }
        if any {
            rows.set_each(start + asked.start, &slices[..windows.len()]);
        }
        any
    }

    /// The tap's channels in the image; `None` in the padding.
    fn tap(&self, window: Window<'a>, tap_y: usize, tap_x: usize) -> Option<&'a [f32]> {
        let (image, top, left) = window;
        let line = self.axes[0].position(top, tap_y)?;
        let pixel = line * self.axes[1].input + self.axes[1].position(left, tap_x)?;
        Some(&image[pixel * self.channels + self.first..][..self.depth])
    }

    /// Copies a window.
    fn copy(&self, window: Window<'a>, row: &mut [f32]) {
        let [vertical, horizontal] = self.axes;
        let (image, top, left) = window;
        let pitch = horizontal.input * self.channels;
        row.fill(0.0);
        for (tap_y, taps) in row.chunks_exact_mut((horizontal.size * self.depth).max(1)).enumerate() {
            let Some(line) = vertical.position(top, tap_y) else { continue };
            if self.joined {
                let before = left.min(0).unsigned_abs() * self.channels;
                let image = &image[line * pitch..][..pitch];
                let from = image.get(left.max(0) as usize * self.channels..).unwrap_or(&[]);
                for (to, from) in taps.iter_mut().skip(before).zip(from) {
                    *to = *from;
                }
                continue;
            }
            for (tap_x, to) in taps.chunks_exact_mut(self.depth).enumerate() {
                if let Some(from) = self.tap(window, tap_y, tap_x) {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}
