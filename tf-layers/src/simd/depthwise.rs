//! The inner loop of depthwise convolutions.

use super::{Simd, within};
use crate::checked::holds;

/// The taps of a window: their counts, and their strides in the image x and in the weights w.
#[derive(Clone, Copy)]
pub(crate) struct Stencil {
    /// The number of lines, and their strides in x and w.
    pub lines: [usize; 3],
    /// The number of taps in a line, and their strides in x and w.
    pub taps: [usize; 3],
    /// The stride in x from one output pixel to the next.
    pub pixel: usize,
    /// The stride from one vector of channels to the next. At most `LANES`, so that vectors can overlap.
    pub vector: usize,
}

impl Stencil {
    /// The end of the elements of x (`which` = 1) or w (2) that are read, if the last tap reads `last` elements. `None`
    /// if it overflows.
    #[inline(always)]
    pub fn end(&self, which: usize, last: usize) -> Option<usize> {
        let lines = (self.lines[0] - 1).checked_mul(self.lines[which])?;
        let taps = (self.taps[0] - 1).checked_mul(self.taps[which])?;
        lines.checked_add(taps)?.checked_add(last)
    }

    /// Adds Σ w·x over the taps to the sums of `M` pixels, for `V` vectors of channels.
    #[inline(always)]
    pub fn accumulate<S: Simd, const M: usize, const V: usize>(
        &self,
        s: S,
        x: &[f32],
        w: &[f32],
        mut sums: [[S::F32; V]; M],
    ) -> [[S::F32; V]; M] {
        if self.lines[0] == 0 || self.taps[0] == 0 {
            return sums;
        }
        let vector = self.vector.min(S::LANES);
        let width = (V - 1) * vector + S::LANES;
        let last = self.pixel.checked_mul(M - 1).and_then(|last| last.checked_add(width));
        let is_inside = last.and_then(|last| self.end(1, last)).is_some_and(|end| end <= x.len());
        if !holds(is_inside && self.end(2, width).is_some_and(|end| end <= w.len())) {
            return sums;
        }
        let (image, kernel) = (x, w);
        let (mut x_line, mut w_line) = (x.as_ptr(), w.as_ptr());
        for _ in 0..self.lines[0] {
            let (mut x, mut w) = (x_line, w_line);
            for _ in 0..self.taps[0] {
                debug_assert!(within(kernel.as_ptr(), kernel.len(), w, width));
                let mut weights = [s.splat(0.0); V];
                for v in 0..V {
                    // SAFETY: the vectors of the last tap end within w, and this tap is not after it.
                    weights[v] = unsafe { s.load_ptr(w.add(v * vector)) };
                }
                for m in 0..M {
                    let pixel = x.wrapping_add(m * self.pixel);
                    debug_assert!(within(image.as_ptr(), image.len(), pixel, width));
                    for v in 0..V {
                        // SAFETY: the last tap of the last pixel ends within x, and this one is not after it.
                        let x = unsafe { s.load_ptr(x.add(m * self.pixel + v * vector)) };
                        sums[m][v] = s.fma(x, weights[v], sums[m][v]);
                    }
                }
                x = x.wrapping_add(self.taps[1]);
                w = w.wrapping_add(self.taps[2]);
            }
            x_line = x_line.wrapping_add(self.lines[1]);
            w_line = w_line.wrapping_add(self.lines[2]);
        }
        sums
    }
}
