//! The inner loop of depthwise convolutions and pooling.

use core::slice::from_raw_parts_mut;

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
    /// The stride from the first to the second of two vectors of channels. At most `LANES`, so that they can overlap.
    pub vector: usize,
}

/// Output pixels side by side: groups of some pixels, whose number is a constant of the kernel.
pub(crate) struct Pixels<'y> {
    pub groups: usize,
    /// The first vector of the first pixel, and all that follows.
    pub y: &'y mut [f32],
    /// The stride from one pixel to the next.
    pub pitch: usize,
    /// The channels of the last vector of a pixel.
    pub last: usize,
}

/// What a stencil computes.
pub(crate) trait Reduction {
    /// Whether taps have weights.
    const WEIGHTED: bool;

    /// Adds a vector of a tap to the result. `half` tells that only the first half of the lanes counts.
    fn add<S: Simd>(s: S, x: S::F32, weights: S::F32, result: S::F32, half: bool) -> S::F32;
    /// What is stored in vector `v` of a pixel. A method, because a closure would not be inlined.
    fn finish<S: Simd>(&self, s: S, result: S::F32, v: usize) -> S::F32;
}

impl Stencil {
    /// The end of the elements of x (`which` = 1) or w (2) that are read, if the last tap reads `last` elements. `None`
    /// if it overflows.
    #[inline(always)]
    pub fn end(&self, which: usize, last: usize) -> Option<usize> {
        let lines = self.lines[0].saturating_sub(1).checked_mul(self.lines[which])?;
        let taps = self.taps[0].saturating_sub(1).checked_mul(self.taps[which])?;
        lines.checked_add(taps)?.checked_add(last)
    }

    /// Reduces the taps to `V` vectors of channels of each pixel, `M` pixels at a time, beginning with `start`. If `HALF` is
    /// set, which takes an instruction set with `HALVES`, the last vector has half as many channels.
    #[inline(always)]
    pub fn run<S: Simd, R: Reduction, const M: usize, const V: usize, const HALF: bool>(
        &self,
        s: S,
        x: &[f32],
        w: &[f32],
        start: [S::F32; V],
        mut pixels: Pixels<'_>,
        reduction: &R,
    ) {
        let Some(others) = pixels.groups.checked_mul(M).and_then(|count| count.checked_sub(1)) else {
            return;
        };
        let first = (V - 1) * self.vector::<S, V>();
        // The end of the last whole vector, which may be after that of an overlapping part of one.
        let whole = if V > 1 { first - self.vector::<S, V>() + S::LANES } else { 0 };
        let read = whole.max(first + lanes::<S>(HALF));
        let written = whole.max(first + pixels.last.min(S::LANES));
        let from = others.checked_mul(self.pixel).and_then(|end| self.end(1, end.checked_add(read)?));
        let to = others.checked_mul(pixels.pitch).and_then(|end| end.checked_add(written));
        let is_inside = self.lines[0] == 0
            || self.taps[0] == 0
            || (from.is_some_and(|end| end <= x.len())
                && (!R::WEIGHTED || self.end(2, read).is_some_and(|end| end <= w.len())));
        if const { HALF && !S::HALVES } || !holds(is_inside && to.is_some_and(|end| end <= pixels.y.len())) {
            return;
        }
        let pixels = &mut pixels;
        // Neighbouring pixels have all but one tap of a line in common, if neither they nor the taps skip any.
        if const { R::WEIGHTED && M > 1 && !S::COMPACT } && self.pixel == self.taps[1] {
            match self.taps[0] {
                // SAFETY: the vectors of the last pixel and tap end within x and w, those of the last result within y.
                3 => return unsafe { self.groups::<S, R, M, V, 3, HALF>(s, x, w, start, pixels, reduction) },
                // SAFETY: as above.
                5 => return unsafe { self.groups::<S, R, M, V, 5, HALF>(s, x, w, start, pixels, reduction) },
                _ => {}
            }
        }
        // SAFETY: as above.
        unsafe { self.groups::<S, R, M, V, 0, HALF>(s, x, w, start, pixels, reduction) }
    }

    /// The stride from one vector of channels to the next. Only two vectors overlap.
    #[inline(always)]
    fn vector<S: Simd, const V: usize>(&self) -> usize {
        if const { V == 2 } { self.vector.min(S::LANES) } else { S::LANES }
    }

    /// Computes all groups. `K` is the number of taps of a line that are as far apart as the pixels, or 0.
    ///
    /// # Safety
    /// The vectors of the last pixel and tap must end within `x`, those of the last tap within `w`, those of the last pixel
    /// within the results, unless there are none of them.
    #[inline(always)]
    unsafe fn groups<
        S: Simd,
        R: Reduction,
        const M: usize,
        const V: usize,
        const K: usize,
        const HALF: bool,
    >(
        &self,
        s: S,
        x: &[f32],
        w: &[f32],
        start: [S::F32; V],
        pixels: &mut Pixels<'_>,
        reduction: &R,
    ) {
        let (vector, last) = (self.vector::<S, V>(), pixels.last.min(S::LANES));
        let (results, len) = (pixels.y.as_mut_ptr(), pixels.y.len());
        let (mut window, mut y) = (x.as_ptr(), results);
        for _ in 0..pixels.groups {
            // SAFETY: by the caller's contract.
            let sums = unsafe {
                if const { K > 0 } {
                    self.sliding::<S, R, M, V, K, HALF>(s, window, [x, w], start)
                } else {
                    self.apart::<S, R, M, V, HALF>(s, window, [x, w], start)
                }
            };
            for m in 0..M {
                for v in 0..V {
                    let (sum, to) = (reduction.finish(s, sums[m][v], v), y.wrapping_add(v * vector));
                    let lanes = if v + 1 == V { last } else { S::LANES };
                    debug_assert!(within(results, len, to, lanes));
                    // SAFETY: the last vector of the last pixel ends within the results, and this one is not after it.
                    unsafe {
                        if lanes == S::LANES {
                            s.store_ptr(sum, to);
                        } else {
                            s.store_partial(sum, from_raw_parts_mut(to, lanes));
                        }
                    }
                }
                y = y.wrapping_add(pixels.pitch);
            }
            window = window.wrapping_add(self.pixel.wrapping_mul(M));
        }
    }

    /// The sums of `M` pixels, of which the first has the window that begins at `window`.
    ///
    /// # Safety
    /// The vectors of the last pixel and tap must end within `x`, those of the last tap within `w`.
    #[inline(always)]
    unsafe fn apart<S: Simd, R: Reduction, const M: usize, const V: usize, const HALF: bool>(
        &self,
        s: S,
        window: *const f32,
        [x, w]: [&[f32]; 2],
        start: [S::F32; V],
    ) -> [[S::F32; V]; M] {
        let (mut sums, vector) = ([start; M], self.vector::<S, V>());
        let (mut x_line, mut w_line) = (window, w.as_ptr());
        for _ in 0..self.lines[0] {
            let (mut x_tap, mut w_tap) = (x_line, w_line);
            for _ in 0..self.taps[0] {
                let mut weights = [s.splat(0.0); V];
                for v in 0..if R::WEIGHTED { V } else { 0 } {
                    // SAFETY: the vectors of the last tap end within w, and this tap is not after it.
                    weights[v] = unsafe { load(s, w, w_tap.wrapping_add(v * vector), HALF && v + 1 == V) };
                }
                let mut pixel = x_tap;
                for m in 0..M {
                    for v in 0..V {
                        let half = HALF && v + 1 == V;
                        // SAFETY: the last tap of the last pixel ends within x, and this one is not after it.
                        let x = unsafe { load(s, x, pixel.wrapping_add(v * vector), half) };
                        sums[m][v] = R::add(s, x, weights[v], sums[m][v], half);
                    }
                    pixel = pixel.wrapping_add(self.pixel);
                }
                x_tap = x_tap.wrapping_add(self.taps[1]);
                w_tap = w_tap.wrapping_add(self.taps[2]);
            }
            x_line = x_line.wrapping_add(self.lines[1]);
            w_line = w_line.wrapping_add(self.lines[2]);
        }
        sums
    }

    /// As [`apart`](Self::apart) for lines of `K` taps that are as far apart as the pixels. It loads every vector of the
    /// image once for all pixels, and adds in the same order.
    ///
    /// # Safety
    /// As for [`apart`](Self::apart).
    #[inline(always)]
    unsafe fn sliding<
        S: Simd,
        R: Reduction,
        const M: usize,
        const V: usize,
        const K: usize,
        const HALF: bool,
    >(
        &self,
        s: S,
        window: *const f32,
        [x, w]: [&[f32]; 2],
        start: [S::F32; V],
    ) -> [[S::F32; V]; M] {
        let (mut sums, vector) = ([start; M], self.vector::<S, V>());
        let (mut x_line, mut w_line) = (window, w.as_ptr());
        for _ in 0..self.lines[0] {
            let (mut weights, mut w_tap) = ([[s.splat(0.0); V]; K], w_line);
            for tap in 0..K {
                for v in 0..V {
                    let half = HALF && v + 1 == V;
                    // SAFETY: no tap is after the last one.
                    weights[tap][v] = unsafe { load(s, w, w_tap.wrapping_add(v * vector), half) };
                }
                w_tap = w_tap.wrapping_add(self.taps[2]);
            }
            let mut pixel = x_line;
            for column in 0..M + K - 1 {
                for v in 0..V {
                    let half = HALF && v + 1 == V;
                    // SAFETY: the last column is the last tap of the last pixel.
                    let x = unsafe { load(s, x, pixel.wrapping_add(v * vector), half) };
                    for m in 0..M {
                        if column >= m && column - m < K {
                            sums[m][v] = R::add(s, x, weights[column - m][v], sums[m][v], half);
                        }
                    }
                }
                pixel = pixel.wrapping_add(self.pixel);
            }
            x_line = x_line.wrapping_add(self.lines[1]);
            w_line = w_line.wrapping_add(self.lines[2]);
        }
        sums
    }
}

/// The channels of a vector, or of half a vector.
const fn lanes<S: Simd>(half: bool) -> usize {
    if half { S::LANES / 2 } else { S::LANES }
}

/// Loads the vector of `x` at `at`, or the first half of one.
///
/// # Safety
/// The vector or its half must be within `x`. Only an instruction set with `HALVES` has halves.
#[inline(always)]
unsafe fn load<S: Simd>(s: S, x: &[f32], at: *const f32, half: bool) -> S::F32 {
    debug_assert!(within(x.as_ptr(), x.len(), at, lanes::<S>(half)));
    // SAFETY: by the caller's contract.
    unsafe { if half { s.load_half_ptr(at) } else { s.load_ptr(at) } }
}
