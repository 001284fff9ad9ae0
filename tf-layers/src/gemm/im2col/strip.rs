//! The windows on a line of an image as a strip of rows.

use core::ops::Range;

use super::Windows;
use crate::checked::part;
use crate::simd::{Lines, MAX_MR, MulAdd, Strip};

impl<'a, T: MulAdd> Windows<'a, T> {
    /// See `ImplicitRows::strip`. Only whole windows whose lines are contiguous in memory are strips, and only if most lines of
    /// the image have a register tile of them. A window that reaches into the padding on the left or right is a strip by itself.
    pub(super) fn strip(&self, row: usize, most: usize, k: Range<usize>) -> Option<Strip<'a, T::A>> {
        let [vertical, horizontal] = self.axes;
        let len = horizontal.size * self.depth;
        // Strips save time, but cost code that small programs do without.
        let pays = cfg!(feature = "alloc") && self.contiguous_lines && self.inside >= MAX_MR;
        if !pays || !self.skips_padding || k != (0..vertical.size * len) {
            return None;
        }
        let pixel = self.first_pixel + row;
        let (line, column) = (pixel / horizontal.output.max(1), pixel % horizontal.output.max(1));
        let (sample, line) = (line / vertical.output.max(1), line % vertical.output.max(1));
        let (top, left) = (vertical.origin(line), horizontal.origin(column));
        let (mut rows, mut taps) = (most.min(self.inside.saturating_sub(column)), 0..horizontal.size);
        if left < 0 || rows == 0 {
            (rows, taps) = (1, horizontal.taps(left));
        }
        let lines = vertical.taps(top);
        if lines.is_empty() || taps.is_empty() {
            return Strip::new(&[], rows, 0, Lines::NONE);
        }
        let line = (top + (lines.start * vertical.dilation) as isize) as usize;
        let column = (left + taps.start as isize) as usize;
        let image = vertical.input * horizontal.input * self.channels;
        let first = sample * image + (line * horizontal.input + column) * self.channels;
        // A stride that overflows is never used, because there is no second line or window.
        let lines = Lines {
            count: lines.len(),
            len: taps.len() * self.depth,
            pitch: vertical.dilation.wrapping_mul(horizontal.input * self.channels),
            start: (lines.start * horizontal.size + taps.start) * self.depth,
            step: len,
        };
        Strip::new(part(self.x, first..), rows, horizontal.stride.wrapping_mul(self.channels), lines)
    }
}
