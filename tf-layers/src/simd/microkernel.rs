//! The micro-kernel: the loop over k in which matrix products and convolutions spend their time.

use core::hint::black_box;
use core::marker::PhantomData;
use core::ptr::null;
use core::slice::from_raw_parts;

use super::mul_add::MAX_STEP;
use super::{Accumulator, Accumulators, MulAdd, PANEL, Portable, Simd};
use crate::checked::{element, holds, part};

/// The largest `MR` of any instruction set.
pub(crate) const MAX_MR: usize = 6;

/// The rows of the highest register tile, which has one panel or half of one.
pub(crate) const TALL_MR: usize = 2 * MAX_MR;

/// The largest `MR` of an instruction set of this target.
pub(crate) const TARGET_MR: usize =
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")) {
        MAX_MR
    } else {
        <Portable as Simd>::MR
    };

/// The largest length of a segment of implicit rows.
pub(crate) const MAX_SEGMENT: usize = 512;

/// A k of at most this many elements is never split.
pub(crate) const UNSPLIT_K: usize = 160;

/// The elements of a register tile of copied windows.
pub(crate) const COPIES: usize = TARGET_MR * UNSPLIT_K;

/// A range of k of each row of a register tile: an entry of an indirection buffer.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a, A> {
    /// The first k.
    start: usize,
    len: usize,
    /// Where each of the first `count` rows has its elements.
    rows: [*const A; TARGET_MR],
    count: usize,
    /// The end of the slice of strided rows; otherwise null.
    end: *const A,
    borrowed: PhantomData<&'a [A]>,
}

impl<'a, A> Segment<'a, A> {
    /// A segment of no rows.
    pub const EMPTY: Self =
        Self { start: 0, len: 0, rows: [null(); TARGET_MR], count: 0, end: null(), borrowed: PhantomData };

    /// Sets `count` rows of `len` elements. The first begins with `a`, each of the others `stride` elements after the
    /// one before.
    ///
    /// It works in place because copying a segment right after its fields were stored stalls the processor.
    #[inline(always)]
    pub fn set_strided(&mut self, start: usize, a: &'a [A], stride: usize, len: usize, count: usize) {
        let end = stride.checked_mul(count - 1).and_then(|last| last.checked_add(len));
        if !holds(count <= TARGET_MR && end.is_some_and(|end| end <= a.len())) {
            *self = Self::EMPTY;
            return;
        }
        (self.start, self.len, self.count, self.end) = (start, len, count, a.as_ptr_range().end);
        for (i, row) in self.rows.iter_mut().enumerate().take(count) {
            *row = a.as_ptr().wrapping_add(i * stride);
        }
    }

    /// The first k.
    #[inline(always)]
    pub fn start(&self) -> usize {
        self.start
    }

    /// The elements of each row.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The elements of row `i`, and those of strided rows that follow it in memory. Empty if there is no such row.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [A] {
        let Some(&row) = element(&self.rows, i).filter(|_| i < self.count) else { return &[] };
        let follow = self.end.addr().saturating_sub(row.addr()) / size_of::<A>();
        // SAFETY: each of the first `count` rows has `len` elements, which are borrowed; so is what is before `end`.
        unsafe { from_raw_parts(row, follow.max(self.len)) }
    }

    /// Moves strided rows forward by `distance` elements.
    #[inline(always)]
    pub fn advance(&mut self, distance: usize) {
        let Some(last) = element(&self.rows, self.count.saturating_sub(1)) else { return };
        // The rows are in order, so the last one ends last.
        let room = self.end.addr().saturating_sub(last.addr()) / size_of::<A>();
        if !holds(distance.checked_add(self.len).is_some_and(|end| end <= room)) {
            *self = Self::EMPTY;
            return;
        }
        for row in &mut self.rows {
            *row = row.wrapping_add(distance);
        }
    }

    /// The elements of each row.
    #[inline(always)]
    pub fn rows(&self) -> impl Iterator<Item = &'a [A]> {
        (0..self.count).map(|i| part(self.row(i), ..self.len))
    }

    /// Sets rows at any addresses. The shortest slice gives the length of all.
    pub fn set_rows(&mut self, start: usize, slices: &[&'a [A]]) {
        if !holds(slices.len() <= TARGET_MR) {
            *self = Self::EMPTY;
            return;
        }
        (self.start, self.len, self.count, self.end) = (start, usize::MAX, slices.len(), null());
        for (row, slice) in self.rows.iter_mut().zip(slices) {
            *row = slice.as_ptr();
            self.len = self.len.min(slice.len());
        }
    }
}

/// Rows of neighbouring panels to prefetch. The pointer is never dereferenced.
#[derive(Clone, Copy)]
pub(crate) struct Prefetch<T: MulAdd> {
    first: *const T::B,
    /// Elements from one panel to the next.
    pitch: usize,
    rows: usize,
}

impl<T: MulAdd> Prefetch<T> {
    pub const NOTHING: Self = Self { first: null(), pitch: 0, rows: 0 };

    /// The first `rows` rows of `panels`, whose panels are `pitch` elements apart.
    #[inline(always)]
    pub fn new(panels: &[T::B], pitch: usize, rows: usize) -> Self {
        Self { first: panels.as_ptr(), pitch, rows }
    }

    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Splits off the first `rows` rows, or all if there are fewer.
    #[inline(always)]
    pub fn take(&mut self, rows: usize) -> Self {
        let rows = rows.min(self.rows);
        let taken = Self { rows, ..*self };
        self.first = self.first.wrapping_add(rows * T::STEP * PANEL);
        self.rows -= rows;
        taken
    }
}

/// Steps of the loop between two bursts of prefetches.
const STEPS: usize = 64;

/// The vectors of sums of a register tile. Half a vector counts as one.
const fn vectors<S: Simd>(rows: usize, panels: usize, half: bool) -> usize {
    let vectors = PANEL / S::LANES;
    rows * (panels * vectors - if half { vectors / 2 } else { 0 })
}

/// Adds the products of a segment and `P` panels to the accumulators. If `HALF` is set, only the first half of the last
/// panel's columns is computed.
///
/// The accumulators are passed by value to stay in registers. Large tiles also prefetch rows of `P` panels.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, T: MulAdd, const MR: usize, const P: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    segment: &Segment<'_, T::A>,
    panels: [&[T::B]; P],
    sums: Accumulators<S, T::Acc, MR, P>,
    prefetch: Prefetch<T>,
) -> Accumulators<S, T::Acc, MR, P> {
    if !holds(segment.count >= MR) {
        return sums;
    }
    let (mut k, mut rows) = (segment.len, [null(); MR]);
    rows.copy_from_slice(&segment.rows[..MR]);
    let mut weights = [null(); P];
    for (weights, panel) in weights.iter_mut().zip(panels) {
        let panel = part(panel, segment.start * PANEL..);
        if const { T::STEP > 1 } && !holds(panel.len().is_multiple_of(T::STEP * PANEL)) {
            return sums;
        }
        k = k.min(panel.len() / PANEL);
        *weights = panel.as_ptr();
    }
    let panels = weights;
    let steps = k / T::STEP;
    // SAFETY: every row has k ≥ steps · STEP elements, every panel PANEL times as many.
    let mut sums = unsafe { all_steps::<S, T, MR, P, HALF>(s, ready, steps, rows, panels, sums, prefetch) };
    if const { T::STEP > 1 } && k > steps * T::STEP {
        let mut rest = [[T::A::default(); MAX_STEP]; MR];
        // Not unrolled, because this runs once.
        for (rest, row) in rest.iter_mut().zip(rows).take(black_box(MR)) {
            for (at, rest) in (steps * T::STEP..k).zip(rest) {
                // SAFETY: every row has k elements.
                *rest = unsafe { *row.add(at) };
            }
        }
        let rows = rest.each_ref().map(|row| row.as_ptr());
        let panels = panels.map(|panel| panel.wrapping_add(steps * T::STEP * PANEL));
        // SAFETY: every array has STEP elements; panels are padded with zeros to a whole row.
        sums = unsafe { step::<S, T, MR, P, HALF>(s, ready, 0, rows, panels, sums) };
    }
    if const { T::BYTES && S::OFFSETS } {
        // Once for all rows of the tile.
        for j in 0..P {
            let mut offset = T::Acc::zero(s);
            for p in 0..k.div_ceil(T::STEP) {
                // SAFETY: every panel has whole rows for k elements.
                offset = T::add_offset(s, unsafe { row::<S, T>(s, panels[j], p) }, offset);
            }
            for i in 0..MR {
                sums[i][j] = T::Acc::add(s, sums[i][j], offset);
            }
        }
    }
    sums
}

/// The loop over k.
///
/// # Safety
/// `steps` · `STEP` elements must be readable from each of `rows`, `PANEL` times as many from each of `panels`.
#[inline(always)]
pub(super) unsafe fn all_steps<S: Simd, T: MulAdd, const MR: usize, const P: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    steps: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    sums: Accumulators<S, T::Acc, MR, P>,
    prefetch: Prefetch<T>,
) -> Accumulators<S, T::Acc, MR, P> {
    // A small tile has several sets of accumulators, because dependent multiply-adds leave the execution units idle.
    // SAFETY: by the caller's contract.
    unsafe {
        if const { S::COMPACT } {
            unrolled::<S, T, MR, P, 1, HALF>(s, ready, steps, rows, panels, sums)
        } else if const { vectors::<S>(MR, P, HALF) < 3 } {
            unrolled::<S, T, MR, P, 4, HALF>(s, ready, steps, rows, panels, sums)
        } else if const { vectors::<S>(MR, P, HALF) < 8 } {
            unrolled::<S, T, MR, P, 2, HALF>(s, ready, steps, rows, panels, sums)
        } else {
            prefetching::<S, T, MR, P, HALF>(s, ready, steps, rows, panels, sums, prefetch)
        }
    }
}

/// The loop of large tiles. It spreads the prefetches over the steps, because loads wait while many are in flight.
///
/// # Safety
/// `steps` · `STEP` elements must be readable from each of `rows`, `PANEL` times as many from each of `panels`.
#[inline(always)]
unsafe fn prefetching<S: Simd, T: MulAdd, const MR: usize, const P: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    steps: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    mut sums: Accumulators<S, T::Acc, MR, P>,
    mut prefetch: Prefetch<T>,
) -> Accumulators<S, T::Acc, MR, P> {
    let share = if prefetch.rows == 0 { 0 } else { prefetch.rows.div_ceil(steps.div_ceil(STEPS).max(1)) };
    let mut p = 0;
    while p < steps {
        let now = prefetch.take(share);
        for row in 0..now.rows {
            for panel in 0..P {
                s.prefetch(now.first.wrapping_add(row * T::STEP * PANEL + panel * now.pitch).cast());
            }
        }
        let end = steps.min(p + STEPS);
        while p < end {
            // SAFETY: p < steps.
            sums = unsafe { step::<S, T, MR, P, HALF>(s, ready, p, rows, panels, sums) };
            p += 1;
        }
    }
    sums
}

/// The loop of small tiles, with `U` sets of accumulators, each for every `U`-th step.
///
/// # Safety
/// `steps` · `STEP` elements must be readable from each of `rows`, `PANEL` times as many from each of `panels`.
#[inline(always)]
unsafe fn unrolled<S: Simd, T: MulAdd, const MR: usize, const P: usize, const U: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    steps: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    mut sums: Accumulators<S, T::Acc, MR, P>,
) -> Accumulators<S, T::Acc, MR, P> {
    let mut p = 0;
    // Several sets take longer to add up than the steps of a short segment.
    if const { U > 1 } && steps > 3 {
        let mut all = [[[T::Acc::zero(s); P]; MR]; U];
        all[0] = sums;
        while p + U <= steps {
            for u in 0..U {
                debug_assert!(p + u < steps);
                // SAFETY: p + u < steps.
                all[u] = unsafe { step::<S, T, MR, P, HALF>(s, ready, p + u, rows, panels, all[u]) };
            }
            p += U;
        }
        sums = all[0];
        for u in 1..U {
            for i in 0..MR {
                for j in 0..P {
                    sums[i][j] = T::Acc::add(s, sums[i][j], all[u][i][j]);
                }
            }
        }
    }
    while p < steps {
        // SAFETY: p < steps.
        sums = unsafe { step::<S, T, MR, P, HALF>(s, ready, p, rows, panels, sums) };
        p += 1;
    }
    sums
}

/// Adds the products of step `p`: `STEP` elements of every row times the `p`-th row of every panel.
///
/// # Safety
/// Elements p · `STEP` to (p + 1) · `STEP` must be readable from each of `rows`, and row `p` from each of `panels`.
#[inline(always)]
unsafe fn step<S: Simd, T: MulAdd, const MR: usize, const P: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    p: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    mut sums: Accumulators<S, T::Acc, MR, P>,
) -> Accumulators<S, T::Acc, MR, P> {
    // SAFETY: by the caller's contract.
    let mut weights = [unsafe { row::<S, T>(s, panels[0], p) }; P];
    for j in 1..P {
        // SAFETY: by the caller's contract.
        weights[j] = unsafe { row::<S, T>(s, panels[j], p) };
    }
    for i in 0..MR {
        // SAFETY: by the caller's contract.
        let x = T::broadcast(s, ready, unsafe { from_raw_parts(rows[i].add(p * T::STEP), T::STEP) });
        for j in 0..P {
            sums[i][j] = if HALF && j + 1 == P {
                T::mul_add_half(s, x, weights[j], sums[i][j])
            } else {
                T::mul_add(s, x, weights[j], sums[i][j])
            };
        }
    }
    sums
}

/// Loads row `p` of a panel.
///
/// # Safety
/// The row must be readable.
#[inline(always)]
unsafe fn row<S: Simd, T: MulAdd>(s: S, panel: *const T::B, p: usize) -> T::Row<S> {
    // SAFETY: by the caller's contract.
    T::row(s, unsafe { from_raw_parts(panel.add(p * T::STEP * PANEL), T::STEP * PANEL) })
}
