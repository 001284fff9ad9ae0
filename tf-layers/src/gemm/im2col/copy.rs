//! Copies of windows, for windows that are small or whose taps are not whole steps.

use core::ops::Range;
use core::slice::from_ref;

use super::{Run, Window, Windows};
use crate::checked::{copy, part, part_mut, split_mut};
use crate::simd::{MulAdd, Segment};

/// The largest length of a line of a window that is copied as a whole.
const SHORT: usize = 32;
const HALF: usize = SHORT / 2;

impl<'a, T: MulAdd> Windows<'a, T> {
    /// Copies a window of `len` elements with short lines, as those of the first layer are, to the front of `rows`. Returns
    /// false if it is not inside the image.
    fn copy_short_lines(&self, (image, top, left): Window<'a, T::A>, len: usize, rows: &mut [T::A]) -> bool {
        let [vertical, horizontal] = self.axes;
        let line_len = horizontal.size * self.depth;
        let inside = vertical.inside(top) && horizontal.inside(left);
        if !inside || !self.contiguous_lines || line_len > SHORT || len != line_len * vertical.size {
            return false;
        }
        let mut pixel = top as usize * horizontal.input + left as usize;
        for line in 0..vertical.size {
            let from = image.get(pixel * self.channels..).and_then(|from| from.first_chunk::<SHORT>());
            let to = rows.get_mut(line * line_len..).and_then(|to| to.first_chunk_mut::<SHORT>());
            // Copies of a constant length are fast. What they copy too much is overwritten by the next line or window.
            let (Some(from), Some(to)) = (from, to) else { return false };
            *to = *from;
            pixel += vertical.dilation * horizontal.input;
        }
        true
    }

    /// Copies the elements `k` of a window to `row`.
    fn copy(&self, window: Window<'a, T::A>, k: Range<usize>, row: &mut [T::A]) {
        let [vertical, horizontal] = self.axes;
        let (image, top, left) = window;
        let line_len = horizontal.input * self.channels;
        row.fill(self.padding.first().copied().unwrap_or_default());
        let len = (horizontal.size * self.depth).max(1);
        if !self.contiguous_lines || row.len() < len * vertical.size {
            return self.copy_taps(window, k, row);
        }
        for (tap_y, taps) in row.chunks_exact_mut(len).enumerate() {
            let Some(line) = vertical.position(top, tap_y) else { continue };
            let before = left.min(0).unsigned_abs() * self.channels;
            let image = part(part(image, line * line_len..), ..line_len);
            let from = image.get(left.max(0) as usize * self.channels..).unwrap_or(&[]);
            for (to, from) in taps.iter_mut().skip(before).zip(from) {
                *to = *from;
            }
        }
    }

    /// Copies the elements `k` of a window to `row`, tap by tap, except those in the padding.
    fn copy_taps(&self, window: Window<'a, T::A>, k: Range<usize>, row: &mut [T::A]) {
        let (depth, width) = (self.depth.max(1), self.axes[1].size.max(1));
        let mut rest = row;
        let mut at = k.start;
        while !rest.is_empty() && at < k.end {
            let (tap, first) = (at / depth, at % depth);
            let len = (depth - first).min(rest.len());
            let (to, after) = split_mut(rest, len);
            if let Some(from) = self.tap(window, tap / width, tap % width) {
                copy(to, part(from, first..first + len));
            }
            (rest, at) = (after, at + len);
        }
    }

    /// Copies the elements `k` of windows to rows of `pitch` elements. What is left of a row is not defined.
    pub(super) fn copy_windows(
        &self,
        windows: &[Window<'a, T::A>],
        k: &Range<usize>,
        pitch: usize,
        copies: &mut [T::A],
    ) {
        for (i, &window) in windows.iter().enumerate() {
            let rows = part_mut(copies, i * pitch..);
            if !self.copy_short_lines(window, k.len(), rows) {
                self.copy(window, k.clone(), part_mut(rows, ..k.len()));
            }
        }
    }

    /// Copies whole windows from row `row` on to rows of `pitch` elements: at least one and at most `most`, all on the same
    /// line. Returns how many.
    pub(super) fn copy_some(
        &self,
        row: usize,
        most: usize,
        k: &Range<usize>,
        pitch: usize,
        copies: &mut [T::A],
    ) -> usize {
        let [vertical, horizontal] = self.axes;
        let mut window = [(self.x, 0, 0)];
        self.find(self.first_pixel + row, &mut window);
        let [(image, top, left)] = window;
        let column = (self.first_pixel + row) % horizontal.output.max(1);
        let line_len = horizontal.size * self.depth;
        if self.contiguous_lines
            && line_len <= SHORT
            && vertical.inside(top)
            && left >= 0
            && column < self.inside
        {
            let count = most.min(self.inside - column);
            let first = (top as usize * horizontal.input + left as usize) * self.channels;
            let from = part(image, first..);
            let done = if line_len <= HALF {
                self.copy_lines::<HALF>(from, count, pitch, copies)
            } else {
                self.copy_lines::<SHORT>(from, count, pitch, copies)
            };
            if done {
                return count;
            }
        }
        self.copy_windows(&window, k, pitch, copies);
        1
    }

    /// Copies `count` windows of one line, `N` elements from the begin of each of their lines. What that is too much is
    /// overwritten by the next line or window. Returns false if there is no room for it in the image or in `rows`.
    ///
    /// A longer copy delays loads of the bytes that the next line overwrites, so `N` should not be large.
    #[inline(always)]
    fn copy_lines<const N: usize>(
        &self,
        image: &[T::A],
        count: usize,
        pitch: usize,
        rows: &mut [T::A],
    ) -> bool {
        let [vertical, horizontal] = self.axes;
        let line_len = horizontal.size * self.depth;
        let (line_pitch, step) =
            (vertical.dilation * horizontal.input * self.channels, horizontal.stride * self.channels);
        let last = |window: usize, line: usize| (count - 1) * window + (vertical.size - 1) * line + N;
        if last(step, line_pitch) > image.len() || last(pitch, line_len) > rows.len() {
            return false;
        }
        for window in 0..count {
            for line in 0..vertical.size {
                let from = part(image, window * step + line * line_pitch..).first_chunk::<N>();
                let to = part_mut(rows, window * pitch + line * line_len..).first_chunk_mut::<N>();
                if let (Some(from), Some(to)) = (from, to) {
                    *to = *from;
                }
            }
        }
        true
    }

    /// The segment of whole windows that are always copied. Copies those of several register tiles together: a load right
    /// after the stores of what it reads waits for them if they are several.
    pub(super) fn copied<'s>(
        &self,
        row: usize,
        count: usize,
        k: Range<usize>,
        copies: &'s mut [T::A],
        one: &'s mut Segment<'s, T::A>,
        run: &mut Run,
    ) -> &'s [Segment<'s, T::A>] {
        // A row of B is padded with zeros to a whole step.
        let pitch = k.len().next_multiple_of(T::STEP);
        if row != run.row || count > run.left {
            let image = self.axes.iter().fold(self.channels, |image, axis| image * axis.input);
            let pixels = self.axes.iter().fold(self.x.len() / image.max(1), |n, axis| n * axis.output);
            let left = pixels.saturating_sub(self.first_pixel + row);
            // Windows with short lines copy more than a window.
            let room = copies.len().saturating_sub(SHORT) / pitch.max(1);
            let ahead = (room - room % count).max(count).min(left);
            let mut at = 0;
            while at < ahead {
                at += self.copy_some(row + at, ahead - at, &k, pitch, part_mut(copies, at * pitch..));
            }
            *run = Run { left: ahead, copied: row, ..Run::NONE };
        }
        let first = (row - run.copied) * pitch;
        (run.row, run.left) = (row + count, run.left - count);
        one.set_strided(k.start, part(copies, first..), pitch, pitch, count);
        from_ref(one)
    }
}
