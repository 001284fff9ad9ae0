//! Implicit im2col: the windows of a convolution as the left operand of a product.
//!
//! The matrix of windows is never stored. A register tile reads its rows in the image, one segment for each contiguous
//! part of a window.

mod copy;
mod strip;

use core::ops::Range;
use core::slice::from_ref;

use crate::checked::{part, part_mut};
use crate::gemm::lhs::{ImplicitRows, Lhs, LhsRows, PixelRows};
use crate::gemm::macro_kernel::multiply;
use crate::gemm::{Epilogue, Gemm};
use crate::simd::{Isa, MAX_SEGMENT, MAY_HAVE_TILES, MulAdd, Segment, Steps, Strip, TARGET_MR, UNSPLIT_K};
use crate::window::Axis;

/// The largest number of segments of a register tile.
const SEGMENTS: usize = 64;

/// A matrix whose rows are the windows of all output pixels.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Windows<'a, T: MulAdd> {
    x: &'a [T::A],
    /// Vertical and horizontal.
    axes: [Axis; 2],
    /// The output pixel of the first row.
    first_pixel: usize,
    channels: usize,
    /// The first channel of the group.
    first_channel: usize,
    /// The channels of the group.
    depth: usize,
    /// Whether a line of a window is contiguous in memory.
    contiguous_lines: bool,
    /// Whether windows that are not read in place are copied, up to [`UNSPLIT_K`] elements at a time.
    copied: bool,
    /// Whether windows outside the padding are read in place rather than copied.
    in_place: bool,
    /// The padding of the image, [`MAX_SEGMENT`] equal elements.
    padding: &'a [T::A],
    /// Whether the padding adds nothing to a product, so that taps in it are skipped.
    skips_padding: bool,
    /// The number of windows on a line that do not reach into the padding on the right.
    inside: usize,
}

/// Strided windows, and how many on the same line can follow them.
#[derive(Clone)]
struct Run {
    /// The row after the windows.
    row: usize,
    left: usize,
    count: usize,
    k: Range<usize>,
    /// The segments that hold the windows.
    segments: usize,
    /// The first row of the windows that were copied together.
    copied: usize,
}

impl Run {
    const NONE: Self = Self { row: 0, left: 0, count: 0, k: 0..0, segments: 0, copied: 0 };
}

/// An image, and the top and left of a window in it.
type Window<'a, A> = (&'a [A], isize, isize);

/// How to read the windows of a register tile.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// In place: neighbours on a line, all inside the image, so they are a fixed stride apart.
    Strided,
    /// In place: all inside the image.
    Inside,
    /// Copied, as they are small or their taps are not whole steps.
    Copied,
    /// In place, tap by tap: some taps are in the padding.
    Padded,
}

impl<'a, T: MulAdd> Windows<'a, T> {
    /// The windows of the channels `group` of images that have `channels`.
    pub fn new(x: &'a [T::A], axes: [Axis; 2], channels: usize, group: Range<usize>) -> Self {
        let depth = group.len();
        let contiguous_lines = axes[1].dilation == 1 && depth == channels;
        let small = axes[0].size * axes[1].size * depth <= UNSPLIT_K;
        // Small windows are read as a whole, so all of their segments must fit; and a segment must begin with a step.
        let [segments, len] = if contiguous_lines {
            [axes[0].size, axes[1].size * depth]
        } else {
            [axes[0].size * axes[1].size, depth]
        };
        let in_place = len.is_multiple_of(T::STEP) && (!small || segments <= SEGMENTS);
        // In the padding, a segment is a tap.
        let copied = small || !depth.is_multiple_of(T::STEP);
        let inside = axes[1].inside_end();
        Self {
            x,
            axes,
            first_pixel: 0,
            channels,
            first_channel: group.start,
            depth,
            contiguous_lines,
            copied,
            in_place,
            inside,
            padding: T::ZEROS,
            skips_padding: true,
        }
    }

    /// The first `count` windows, whole lines of them, each a single pixel: every line from its first pixel on, and the elements
    /// from one of its pixels to the next.
    pub fn lines(&self, count: usize) -> impl Iterator<Item = (&'a [T::A], usize)> {
        let Self { x, axes: [vertical, horizontal], channels, first_channel, .. } = *self;
        (0..count / horizontal.output.max(1)).map(move |line| {
            let (sample, line) = (line / vertical.output.max(1), line % vertical.output.max(1));
            let line = sample * vertical.input + line * vertical.stride;
            (part(x, line * horizontal.input * channels + first_channel..), horizontal.stride * channels)
        })
    }

    /// The windows as pixels, and the steps from such a pixel on to the end of its window, if all windows on a line begin with
    /// neighbouring pixels and are inside the image.
    fn neighbours(&self) -> Option<(PixelRows<'a, T::A>, Steps)> {
        let [vertical, horizontal] = self.axes;
        if self.axes.iter().any(|axis| axis.stride != 1 || axis.padding != [0; 2]) {
            return None;
        }
        // A line of a window if that is contiguous in memory, and otherwise a tap.
        let [columns, len] = if self.contiguous_lines {
            [1, horizontal.size * self.depth]
        } else {
            [horizontal.size, self.depth]
        };
        let pixel = self.channels * size_of::<T::A>();
        let offset = |tap: usize| {
            let (y, x) = (tap / columns, tap % columns);
            (y * vertical.dilation * horizontal.input + x * horizontal.dilation) * pixel
        };
        let taps = (0..vertical.size * columns).map(offset);
        let pixels = PixelRows {
            data: part(self.x, self.first_channel.min(self.x.len())..),
            pitch: self.channels,
            line: horizontal.input,
            image: vertical.input * horizontal.input,
            width: horizontal.output,
            height: vertical.output,
            first: self.first_pixel,
        };
        Some((pixels, Steps::of_taps(taps, len * size_of::<T::A>())?))
    }

    /// The windows of images with this padding, [`MAX_SEGMENT`] equal elements. `skips_padding` tells whether it adds nothing
    /// to a product.
    pub fn padding(self, padding: &'a [T::A], skips_padding: bool) -> Self {
        Self { padding, skips_padding, ..self }
    }

    /// Finds the windows from output pixel `pixel` on. Of strided ones it finds only the first.
    fn find(&self, pixel: usize, windows: &mut [Window<'a, T::A>]) -> Kind {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let [height, width] = [vertical.output.max(1), horizontal.output.max(1)];
        let (line, mut column) = (pixel / width, pixel % width);
        let (mut sample, mut line) = (line / height, line % height);
        let last = column + windows.len() - 1;
        if last < self.inside
            && vertical.inside(vertical.origin(line))
            && horizontal.origin(column) >= 0
            && self.in_place
        {
            if let Some(first) = windows.first_mut() {
                let image = part(part(self.x, sample * image..), ..image);
                *first = (image, vertical.origin(line), horizontal.origin(column));
            }
            return Kind::Strided;
        }
        let mut inside = self.contiguous_lines && self.in_place;
        for window in windows {
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            inside &= vertical.inside(top) && horizontal.inside(left);
            *window = (part(part(self.x, sample * image..), ..image), top, left);
            column += 1;
            if column == horizontal.output {
                (column, line) = (0, line + 1);
                if line == vertical.output {
                    (line, sample) = (0, sample + 1);
                }
            }
        }
        match (inside, self.copied) {
            (true, _) => Kind::Inside,
            (false, true) => Kind::Copied,
            (false, false) => Kind::Padded,
        }
    }

    /// Sets the elements `range` of a line or tap of `count` strided windows. Its first element is `start` in k.
    fn set_strided(
        &self,
        (image, top, left): Window<'a, T::A>,
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        range: Range<usize>,
        count: usize,
        segment: &mut Segment<'a, T::A>,
    ) {
        let [vertical, horizontal] = self.axes;
        let line = top as usize + tap_y * vertical.dilation;
        let pixel = line * horizontal.input + left as usize + tap_x * horizontal.dilation;
        let x = part(image, pixel * self.channels + self.first_channel + range.start..);
        // This only overflows if there is no second window.
        let stride = horizontal.stride.wrapping_mul(self.channels);
        segment.set_strided(start + range.start, x, stride, range.len(), count);
    }

    /// Sets the elements `range` of a line of windows inside the image. Its first element is `start` in k.
    fn set_line(
        &self,
        windows: &[Window<'a, T::A>],
        line: usize,
        start: usize,
        range: Range<usize>,
        segment: &mut Segment<'a, T::A>,
    ) {
        let [vertical, horizontal] = self.axes;
        let mut slices: [&[T::A]; TARGET_MR] = [&[]; TARGET_MR];
        for (slice, &(image, top, left)) in slices.iter_mut().zip(windows) {
            let line = top as usize + line * vertical.dilation;
            let pixel = line * horizontal.input + left as usize;
            *slice = part(part(image, pixel * self.channels + range.start..), ..range.len());
        }
        segment.set_rows(start + range.start, part(&slices, ..windows.len()));
    }

    /// Sets the elements `range` of a tap, whose first element is `start` in k. Returns false if the tap is zero in all
    /// windows.
    fn set_tap(
        &self,
        windows: &[Window<'a, T::A>],
        [tap_y, tap_x]: [usize; 2],
        start: usize,
        range: Range<usize>,
        segment: &mut Segment<'a, T::A>,
    ) -> bool {
        let mut slices = [part(self.padding, ..range.len()); TARGET_MR];
        let mut any = !self.skips_padding;
        for (slice, &window) in slices.iter_mut().zip(windows) {
            if let Some(channels) = self.tap(window, tap_y, tap_x) {
                any = true;
                *slice = part(channels, range.clone());
            }
        }
        if any {
            segment.set_rows(start + range.start, part(&slices, ..windows.len()));
        }
        any
    }

    /// The channels of a tap. `None` in the padding.
    fn tap(&self, window: Window<'a, T::A>, tap_y: usize, tap_x: usize) -> Option<&'a [T::A]> {
        let (image, top, left) = window;
        let line = self.axes[0].position(top, tap_y)?;
        let pixel = line * self.axes[1].input + self.axes[1].position(left, tap_x)?;
        Some(part(part(image, pixel * self.channels + self.first_channel..), ..self.depth))
    }

    /// See [`ImplicitRows::segments`]. A segment is a line of the windows if that is contiguous in memory, and
    /// otherwise a tap.
    fn segments<'s>(
        &self,
        row: usize,
        count: usize,
        k: Range<usize>,
        segments: &'s mut [Segment<'a, T::A>; SEGMENTS],
        copies: &'s mut [T::A],
        one: &'s mut Segment<'s, T::A>,
        run: &mut Run,
    ) -> &'s [Segment<'s, T::A>] {
        let [vertical, horizontal] = self.axes;
        // Saves time, but costs code that small programs do without.
        let continues = cfg!(feature = "alloc") && row == run.row && count == run.count;
        if continues && count <= run.left && k == run.k {
            for segment in part_mut(segments, ..run.segments) {
                segment.advance(count * horizontal.stride * self.channels);
            }
            (run.row, run.left) = (row + count, run.left - count);
            return part(segments, ..run.segments);
        }
        let taps = vertical.size * horizontal.size;
        if cfg!(feature = "alloc") && !self.in_place && k == (0..taps * self.depth) {
            return self.copied(row, count, k, copies, one, run);
        }
        *run = Run::NONE;
        let mut windows = [(self.x, 0, 0); TARGET_MR];
        let windows = part_mut(&mut windows, ..count);
        let kind = self.find(self.first_pixel + row, windows);
        if kind == Kind::Copied {
            let pitch = k.len().next_multiple_of(T::STEP);
            self.copy_windows(windows, &k, pitch, copies);
            one.set_strided(k.start, copies, pitch, pitch, count);
            return from_ref(one);
        }
        let by_line = self.contiguous_lines && kind != Kind::Padded;
        let (len, parts) =
            if by_line { (horizontal.size * self.depth, vertical.size) } else { (self.depth, taps) };
        // Divisions are slow, and small windows are read as a whole.
        let first = if k.start == 0 { 0 } else { k.start / len.max(1) };
        let last = if k.end == taps * self.depth { parts } else { k.end.div_ceil(len.max(1)) };
        let mut found = 0;
        for part in first..last {
            let start = part * len;
            let range = k.start.saturating_sub(start)..len.min(k.end - start);
            let tap = if by_line {
                [part, 0]
            } else {
                [part / horizontal.size.max(1), part % horizontal.size.max(1)]
            };
            let Some(segment) = segments.get_mut(found) else { break };
            match kind {
                Kind::Strided => {
                    let Some(&window) = windows.first() else { break };
                    self.set_strided(window, tap, start, range, count, segment);
                }
                Kind::Inside => self.set_line(windows, part, start, range, segment),
                _ if !self.set_tap(windows, tap, start, range, segment) => continue,
                _ => {}
            }
            found += 1;
        }
        if cfg!(feature = "alloc") && kind == Kind::Strided {
            let column = (self.first_pixel + row) % horizontal.output.max(1);
            *run = Run {
                row: row + count,
                left: self.inside - column - count,
                count,
                k,
                segments: found,
                copied: 0,
            };
        }
        part(segments, ..found)
    }
}

impl<T: MulAdd> Lhs<T> for Windows<'_, T> {
    fn skip_rows(self, rows: usize) -> Self {
        Self { first_pixel: self.first_pixel + rows, ..self }
    }

    fn multiply<E: Epilogue<T::Acc>>(self, isa: Isa, m: usize, gemm: Gemm<'_, T, E>, c: &mut [E::Output]) {
        let mut rows =
            Im2col { windows: self, segments: [Segment::EMPTY; SEGMENTS], copies: T::COPIES, run: Run::NONE };
        multiply(isa, LhsRows::Implicit(&mut rows), m, gemm, c);
    }
}

/// Windows with memory for the segments and copies of a register tile.
struct Im2col<'a, T: MulAdd> {
    windows: Windows<'a, T>,
    segments: [Segment<'a, T::A>; SEGMENTS],
    copies: T::Copies,
    run: Run,
}

impl<'a, 'x: 'a, T: MulAdd> ImplicitRows<'a, T> for Im2col<'x, T> {
    /// Small windows are always read as a whole.
    fn max_kc(&self) -> usize {
        let Windows { copied, depth, .. } = self.windows;
        if copied { UNSPLIT_K } else { ((SEGMENTS - 2) * depth).min(MAX_SEGMENT) }
    }

    // The windows and the memory are separate arguments, so that the compiler knows that they do not overlap.
    fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        k: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>] {
        self.windows.segments(row, count, k, &mut self.segments, self.copies.as_mut(), one, &mut self.run)
    }

    fn copy(&self, row: usize, count: usize, pitch: usize, to: &mut [T::A]) -> bool {
        let windows = &self.windows;
        let k = windows.axes.iter().fold(windows.depth, |k, axis| k * axis.size);
        if !MAY_HAVE_TILES || !windows.copied || windows.in_place || k > pitch {
            return false;
        }
        let mut done = 0;
        while done < count {
            let to = part_mut(to, done * pitch..);
            done += windows.copy_some(row + done, count - done, &(0..k), pitch, to);
        }
        true
    }

    fn pixels(&self) -> Option<(PixelRows<'a, T::A>, Steps)> {
        if const { MAY_HAVE_TILES } { self.windows.neighbours() } else { None }
    }

    fn strip(&self, row: usize, most: usize, k: Range<usize>) -> Option<Strip<'_, T::A>> {
        self.windows.strip(row, most, k)
    }
}
