//! Implicit im2col: the windows of a convolution as the left operand of a product.
//!
//! The matrix of windows is never written down. A register tile reads its rows where they lie in the image, a segment for each
//! stretch of a window that is contiguous there.

use core::ops::Range;
use core::slice::from_ref;

use super::lhs::{ImplicitRows, Lhs, Rows};
use super::macro_kernel::WHOLE;
use crate::simd::{MAX_MR, MAX_SEGMENT, MulAdd, Segment};
use crate::window::Axis;

/// Numbers in the largest tile of small windows.
const COPIES: usize = MAX_MR * WHOLE;

/// The most segments of a tile.
const SEGMENTS: usize = 64;

/// The windows of all output pixels as the rows of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a, T: MulAdd> {
    x: &'a [T::A],
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
    /// Whether other windows are read where they lie.
    in_place: bool,
}

/// The image, and where in it a window begins, from the top and from the left.
type Window<'a, A> = (&'a [A], isize, isize);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// They follow each other on a line, and none has a tap in the padding.
    Even,
    /// None has a tap in the padding.
    Whole,
    /// Any windows that are so small that they can be copied.
    Small,
    /// Any other windows.
    Ragged,
}

impl<'a, T: MulAdd> Windows<'a, T> {
    /// The windows over the channels `group` of images with `channels`.
    ///
    /// Where a multiply-add takes several numbers, the group must have as many or a multiple, unless its windows are small.
    pub fn new(x: &'a [T::A], axes: [Axis; 2], channels: usize, group: Range<usize>) -> Self {
        let depth = group.len();
        let joined = axes[1].dilation == 1 && depth == channels;
        let small = axes[0].size * axes[1].size * depth <= WHOLE;
        // Small windows are not asked for in part, however many taps they have; and a segment begins where a step of the
        // multiply-adds does.
        let [segments, len] =
            if joined { [axes[0].size, axes[1].size * depth] } else { [axes[0].size * axes[1].size, depth] };
        let in_place = !small || segments <= SEGMENTS && len.is_multiple_of(T::STEP);
        Self { x, axes, pixel: 0, channels, first: group.start, depth, joined, small, in_place }
    }

    /// Finds the windows from output pixel `pixel` on; of even ones only the first.
    fn find(&self, pixel: usize, windows: &mut [Window<'a, T::A>]) -> Kind {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (line, mut column) = (pixel / horizontal.output, pixel % horizontal.output);
        let (mut sample, mut line) = (line / vertical.output, line % vertical.output);
        let last = column + windows.len() - 1;
        if last < horizontal.output
            && vertical.inside(vertical.origin(line))
            && horizontal.inside(horizontal.origin(column))
            && horizontal.inside(horizontal.origin(last))
            && self.in_place
        {
            windows[0] =
                (&self.x[sample * image..][..image], vertical.origin(line), horizontal.origin(column));
            return Kind::Even;
        }
        let mut whole = self.joined && self.in_place;
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
            (true, _) => Kind::Whole,
            (false, true) => Kind::Small,
            (false, false) => Kind::Ragged,
        }
    }

    fn even(
        &self,
        (image, top, left): Window<'a, T::A>,
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        asked: Range<usize>,
        count: usize,
        rows: &mut Segment<'a, T::A>,
    ) {
        let [vertical, horizontal] = self.axes;
        let line = top as usize + tap_y * vertical.dilation;
        let pixel = line * horizontal.input + left as usize + tap_x * horizontal.dilation;
        let x = &image[pixel * self.channels + self.first + asked.start..];
        // It overflows only where there is no second pixel to reach.
        let pitch = horizontal.stride.wrapping_mul(self.channels);
        rows.set_strided(start + asked.start, x, pitch, asked.len(), count);
    }

    fn whole(
        &self,
        windows: &[Window<'a, T::A>],
        line: usize,
        start: usize,
        asked: Range<usize>,
        rows: &mut Segment<'a, T::A>,
    ) {
        let [vertical, horizontal] = self.axes;
        let mut slices = [&self.x[..0]; MAX_MR];
        for (slice, &(image, top, left)) in slices.iter_mut().zip(windows) {
            let line = top as usize + line * vertical.dilation;
            let pixel = line * horizontal.input + left as usize;
            *slice = &image[pixel * self.channels + asked.start..][..asked.len()];
        }
        rows.set_rows(start + asked.start, &slices[..windows.len()]);
    }

    /// A tap; false if it lies in the padding of all windows.
    fn ragged(
        &self,
        windows: &[Window<'a, T::A>],
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        asked: Range<usize>,
        rows: &mut Segment<'a, T::A>,
    ) -> bool {
        // What taps in the padding read.
        let mut slices = [&T::ZEROS[..asked.len()]; MAX_MR];
        let mut any = false;
        for (slice, &window) in slices.iter_mut().zip(windows) {
            if let Some(channels) = self.tap(window, tap_y, tap_x) {
                any = true;
                *slice = &channels[asked.clone()];
            }
        }
        if any {
            rows.set_rows(start + asked.start, &slices[..windows.len()]);
        }
        any
    }

    /// The tap's channels in the image; `None` in the padding.
    fn tap(&self, window: Window<'a, T::A>, tap_y: usize, tap_x: usize) -> Option<&'a [T::A]> {
        let (image, top, left) = window;
        let line = self.axes[0].position(top, tap_y)?;
        let pixel = line * self.axes[1].input + self.axes[1].position(left, tap_x)?;
        Some(&image[pixel * self.channels + self.first..][..self.depth])
    }

    /// Copies a window.
    fn copy(&self, window: Window<'a, T::A>, row: &mut [T::A]) {
        let [vertical, horizontal] = self.axes;
        let (image, top, left) = window;
        let pitch = horizontal.input * self.channels;
        row.fill(T::A::default());
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

impl<T: MulAdd> Lhs<T> for Windows<'_, T> {
    fn skip_rows(self, rows: usize) -> Self {
        Self { pixel: self.pixel + rows, ..self }
    }

    fn with_rows(self, run: impl FnOnce(Rows<'_, T>)) {
        run(Rows::Implicit(&mut Im2col {
            windows: self,
            indirection: [Segment::EMPTY; SEGMENTS],
            copies: [T::A::default(); COPIES],
        }));
    }
}

/// Windows with the memory for a tile of them.
struct Im2col<'a, T: MulAdd> {
    windows: Windows<'a, T>,
    indirection: [Segment<'a, T::A>; SEGMENTS],
    copies: [T::A; COPIES],
}

impl<T: MulAdd> ImplicitRows<T> for Im2col<'_, T> {
    /// Small windows are asked for whole.
    fn max_kc(&self) -> usize {
        let Windows { small, depth, .. } = self.windows;
        if small { WHOLE } else { ((SEGMENTS - 2) * depth).min(MAX_SEGMENT) }
    }

    /// A segment is a line of the window where that is one stretch of memory, else a tap. The kernels of all instruction sets
    /// share this function.
    fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        range: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>] {
        let Self { windows: all, indirection, copies } = self;
        let [vertical, horizontal] = all.axes;
        let mut windows = [(all.x, 0, 0); MAX_MR];
        let windows = &mut windows[..count];
        let kind = all.find(all.pixel + row, windows);
        let taps = vertical.size * horizontal.size;
        if kind == Kind::Small {
            let k = taps * all.depth;
            for (&window, row) in windows.iter().zip(copies.chunks_exact_mut(k.max(1))) {
                all.copy(window, row);
            }
            one.set_strided(0, copies, k, k, count);
            return from_ref(one);
        }
        let by_line = all.joined && kind != Kind::Ragged;
        let (len, pieces) =
            if by_line { (horizontal.size * all.depth, vertical.size) } else { (all.depth, taps) };
        // Divisions are slow, and small windows are asked for whole.
        let first = if range.start == 0 { 0 } else { range.start / len };
        let last = if range.end == taps * all.depth { pieces } else { range.end.div_ceil(len) };
        let mut found = 0;
        for piece in first..last {
            // The numbers of the piece, and what of them is asked for.
            let start = piece * len;
            let asked = range.start.saturating_sub(start)..len.min(range.end - start);
            let [tap_y, tap_x] =
                if by_line { [piece, 0] } else { [piece / horizontal.size, piece % horizontal.size] };
            let rows = &mut indirection[found];
            match kind {
                Kind::Even => all.even(windows[0], [tap_y, tap_x], start, asked, count, rows),
                Kind::Whole => all.whole(windows, tap_y, start, asked, rows),
                _ if !all.ragged(windows, [tap_y, tap_x], start, asked, rows) => continue,
                _ => {}
            }
            found += 1;
        }
        &indirection[..found]
    }
}
