//! The micro-kernel: the one loop in which matrix products and convolutions spend their time.

use core::marker::PhantomData;
use core::ptr::null;
use core::slice::from_raw_parts;

use super::{MulAdd, PANEL, Simd};

/// The most rows of any register tile.
pub(crate) const MAX_MR: usize = 6;

/// The most numbers of a segment where the rows are no plain matrix.
pub(crate) const MAX_SEGMENT: usize = 512;

/// Some neighbouring numbers of each row of a register tile: an entry of an indirection buffer.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a, A> {
    /// Where the numbers begin in the k of a row.
    start: usize,
    len: usize,
    /// The first `count` are those of the tile.
    rows: [*const A; MAX_MR],
    count: usize,
    borrowed: PhantomData<&'a [A]>,
}

impl<'a, A> Segment<'a, A> {
    /// Of no rows at all.
    pub const EMPTY: Self =
        Self { start: 0, len: 0, rows: [null(); MAX_MR], count: 0, borrowed: PhantomData };

    /// Becomes `count` rows, the first at the beginning of `a`, the others `stride` numbers further on each.
    ///
    /// It is written in its place: the processor would wait for what is stored number by number and copied at once.
    #[inline(always)]
    pub fn set_strided(&mut self, start: usize, a: &'a [A], stride: usize, len: usize, count: usize) {
        let end = stride.checked_mul(count - 1).and_then(|last| last.checked_add(len));
        assert!(count <= MAX_MR && end.is_some_and(|end| end <= a.len()));
        (self.start, self.len, self.count) = (start, len, count);
        for (i, row) in self.rows.iter_mut().enumerate().take(count) {
            *row = a.as_ptr().wrapping_add(i * stride);
        }
    }

    /// Becomes rows that lie anywhere; the shortest decides the length of all.
    pub fn set_rows(&mut self, start: usize, slices: &[&'a [A]]) {
        assert!(slices.len() <= MAX_MR);
        (self.start, self.len, self.count) = (start, usize::MAX, slices.len());
        for (row, slice) in self.rows.iter_mut().zip(slices) {
            *row = slice.as_ptr();
            self.len = self.len.min(slice.len());
        }
    }
}

/// What will be read soon: some rows of neighbouring panels. It is never read here, only asked for.
#[derive(Clone, Copy)]
pub(crate) struct Prefetch<T: MulAdd> {
    first: *const T::B,
    /// Numbers from one panel to the next.
    pitch: usize,
    rows: usize,
}

impl<T: MulAdd> Prefetch<T> {
    pub const NOTHING: Self = Self { first: null(), pitch: 0, rows: 0 };

    /// `rows` rows of panels that are `pitch` numbers apart, the first at the beginning of `panels`.
    #[inline(always)]
    pub fn new(panels: &[T::B], pitch: usize, rows: usize) -> Self {
        Self { first: panels.as_ptr(), pitch, rows }
    }

    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes away the first `rows` rows, or what there is.
    #[inline(always)]
    pub fn take(&mut self, rows: usize) -> Self {
        let rows = rows.min(self.rows);
        let taken = Self { rows, ..*self };
        self.first = self.first.wrapping_add(rows * T::STEP * PANEL);
        self.rows -= rows;
        taken
    }
}

/// Multiply-adds of a row between two requests for what is read next.
const STEPS: usize = 64;

/// The sums plus `rows[row] · panels[panel]`, for the rows of the segment.
///
/// Each of the panels has as many rows as A has columns. The sums of `MR` rows by `P` panels are passed by value to
/// stay in registers. Large tiles ask meanwhile for what is to be prefetched in as many panels.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, T: MulAdd, const MR: usize, const P: usize>(
    s: S,
    segment: &Segment<'_, T::A>,
    panels: [&[T::B]; P],
    sums: [[T::Sums<S>; P]; MR],
    prefetch: Prefetch<T>,
) -> [[T::Sums<S>; P]; MR] {
    assert!(segment.count >= MR);
    let (mut k, mut rows) = (segment.len, [null(); MR]);
    rows.copy_from_slice(&segment.rows[..MR]);
    let mut weights = [null(); P];
    for (weights, panel) in weights.iter_mut().zip(panels) {
        let panel = &panel[segment.start * PANEL..];
        if const { T::STEP > 1 } {
            assert!(panel.len().is_multiple_of(T::STEP * PANEL));
        }
        k = k.min(panel.len() / PANEL);
        *weights = panel.as_ptr();
    }
    let panels = weights;
    let steps = k / T::STEP;
    // Multiply-adds that wait for each other leave the units idle, so a small tile has several sets of sums.
    // SAFETY: every row has k ≥ steps · STEP numbers, every panel as many times PANEL.
    let mut sums = unsafe {
        if const { MR * P * (PANEL / S::LANES) < 3 } {
            unrolled::<S, T, MR, P, 4>(s, steps, rows, panels, sums)
        } else if const { MR * P * (PANEL / S::LANES) < 8 } {
            unrolled::<S, T, MR, P, 2>(s, steps, rows, panels, sums)
        } else {
            prefetching::<S, T, MR, P>(s, steps, rows, panels, sums, prefetch)
        }
    };
    if const { T::STEP > 1 } && k > steps * T::STEP {
        // SAFETY: the rest of the k is shorter than STEP; the panels are filled up with zeros to a whole row.
        sums = unsafe { step::<S, T, MR, P>(s, steps, k - steps * T::STEP, rows, panels, sums) };
    }
    sums
}

/// The same for large tiles: prefetches little by little, as the loads would have to wait for many requests at once.
///
/// # Safety
/// steps · `STEP` numbers must be readable from each of `rows`, `PANEL` times as many from each of `panels`.
#[inline(always)]
unsafe fn prefetching<S: Simd, T: MulAdd, const MR: usize, const P: usize>(
    s: S,
    steps: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    mut sums: [[T::Sums<S>; P]; MR],
    mut prefetch: Prefetch<T>,
) -> [[T::Sums<S>; P]; MR] {
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
            sums = unsafe { step::<S, T, MR, P>(s, p, T::STEP, rows, panels, sums) };
            p += 1;
        }
    }
    sums
}

/// The same for small tiles, with `U` sets of sums, each for every `U`-th step.
///
/// # Safety
/// steps · `STEP` numbers must be readable from each of `rows`, `PANEL` times as many from each of `panels`.
#[inline(always)]
unsafe fn unrolled<S: Simd, T: MulAdd, const MR: usize, const P: usize, const U: usize>(
    s: S,
    steps: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    sums: [[T::Sums<S>; P]; MR],
) -> [[T::Sums<S>; P]; MR] {
    let mut all = [[[T::zero(s); P]; MR]; U];
    all[0] = sums;
    let mut p = 0;
    while p + U <= steps {
        for u in 0..U {
            debug_assert!(p + u < steps);
            // SAFETY: p + u < steps.
            all[u] = unsafe { step::<S, T, MR, P>(s, p + u, T::STEP, rows, panels, all[u]) };
        }
        p += U;
    }
    while p < steps {
        // SAFETY: p < steps.
        all[0] = unsafe { step::<S, T, MR, P>(s, p, T::STEP, rows, panels, all[0]) };
        p += 1;
    }
    let mut sums = all[0];
    for u in 1..U {
        for i in 0..MR {
            for j in 0..P {
                sums[i][j] = T::add(s, sums[i][j], all[u][i][j]);
            }
        }
    }
    sums
}

/// `count` ≤ `STEP` of the k numbers of every row, from number p · `STEP` on, times their row of every panel.
///
/// # Safety
/// These numbers must be readable from each of `rows`, rows 0 to p of `STEP` · `PANEL` numbers from each of `panels`.
#[inline(always)]
unsafe fn step<S: Simd, T: MulAdd, const MR: usize, const P: usize>(
    s: S,
    p: usize,
    count: usize,
    rows: [*const T::A; MR],
    panels: [*const T::B; P],
    mut sums: [[T::Sums<S>; P]; MR],
) -> [[T::Sums<S>; P]; MR] {
    // SAFETY: by the caller's contract.
    let mut weights = [unsafe { row::<S, T>(s, panels[0], p) }; P];
    for j in 1..P {
        // SAFETY: by the caller's contract.
        weights[j] = unsafe { row::<S, T>(s, panels[j], p) };
    }
    for i in 0..MR {
        // SAFETY: by the caller's contract.
        let x = T::broadcast(s, unsafe { from_raw_parts(rows[i].add(p * T::STEP), count) });
        for j in 0..P {
            sums[i][j] = T::mul_add(s, x, weights[j], sums[i][j]);
        }
    }
    sums
}

/// Row p of a panel.
///
/// # Safety
/// It must be readable.
#[inline(always)]
unsafe fn row<S: Simd, T: MulAdd>(s: S, panel: *const T::B, p: usize) -> T::Row<S> {
    // SAFETY: by the caller's contract.
    T::row(s, unsafe { from_raw_parts(panel.add(p * T::STEP * PANEL), T::STEP * PANEL) })
}
