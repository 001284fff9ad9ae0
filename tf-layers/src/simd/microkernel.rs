//! The register tile: the one loop in which matrix products and convolutions spend their time.

use core::marker::PhantomData;
use core::ptr::null;

use super::{PANEL, Simd};

/// The most rows of any tile.
pub(crate) const MAX_ROWS: usize = 6;

/// Some numbers of each row of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Where the numbers begin in the k of a row.
    start: usize,
    len: usize,
    /// The first `count` are those of the tile.
    rows: [*const f32; MAX_ROWS],
    count: usize,
    lives: PhantomData<&'a [f32]>,
}

impl<'a> Piece<'a> {
    /// Of no rows at all.
    pub const NONE: Self = Self { start: 0, len: 0, rows: [null(); MAX_ROWS], count: 0, lives: PhantomData };

    /// Becomes `count` rows, the first at the beginning of `x`, the others `pitch` numbers further on each.
    ///
    /// It is written in its place: the processor would wait for what is stored number by number and copied at once.
    #[inline(always)]
    pub fn set_even(&mut self, start: usize, x: &'a [f32], pitch: usize, len: usize, count: usize) {
        let end = pitch.checked_mul(count - 1).and_then(|last| last.checked_add(len));
        assert!(count <= MAX_ROWS && end.is_some_and(|end| end <= x.len()));
        (self.start, self.len, self.count) = (start, len, count);
        for (i, row) in self.rows.iter_mut().enumerate().take(count) {
            *row = x.as_ptr().wrapping_add(i * pitch);
        }
    }

    /// Becomes rows that lie anywhere; the shortest decides the length of all.
    pub fn set_each(&mut self, start: usize, slices: &[&'a [f32]]) {
        assert!(slices.len() <= MAX_ROWS);
        (self.start, self.len, self.count) = (start, usize::MAX, slices.len());
        for (row, slice) in self.rows.iter_mut().zip(slices) {
            *row = slice.as_ptr();
            self.len = self.len.min(slice.len());
        }
    }
}

/// What will be read soon: some rows of neighbouring panels. It is never read here, only asked for.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    first: *const f32,
    /// Numbers from one panel to the next.
    pitch: usize,
    rows: usize,
}

impl Ahead {
    pub const NOTHING: Self = Self { first: core::ptr::null(), pitch: 0, rows: 0 };

    /// `rows` rows of panels `pitch` numbers apart, the first at the beginning of `panels`.
    #[inline(always)]
    pub fn new(panels: &[f32], pitch: usize, rows: usize) -> Self {
        Self { first: panels.as_ptr(), pitch, rows }
    }

    #[inline(always)]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Takes away the first `rows` rows, or what there is.
    #[inline(always)]
    pub fn take(&mut self, rows: usize) -> Self {
        let rows = rows.min(self.rows);
        let taken = Self { rows, ..*self };
        self.first = self.first.wrapping_add(rows * PANEL);
        self.rows -= rows;
        taken
    }
}

/// Numbers of a row between two requests for what is read next.
const STEPS: usize = 64;

/// The sums plus `rows[row] · panels[panel]`, for the rows of the piece.
///
/// Each of the panels has k × 16 numbers in row-major order. The sums of `M` rows by `P` panels are passed by value to
/// stay in registers. Large tiles ask meanwhile for what is `ahead` in as many panels.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const M: usize, const P: usize>(
    s: S,
    piece: &Piece<'_>,
    panels: [&[f32]; P],
    sums: [[S::Panel; P]; M],
    ahead: Ahead,
) -> [[S::Panel; P]; M] {
    assert!(piece.count >= M);
    let (mut k, mut rows) = (piece.len, [null(); M]);
    rows.copy_from_slice(&piece.rows[..M]);
    let mut weights = [null(); P];
    for (weights, panel) in weights.iter_mut().zip(panels) {
        let panel = &panel[piece.start * PANEL..];
        k = k.min(panel.len() / PANEL);
        *weights = panel.as_ptr();
    }
    let panels = weights;
    // Multiply-adds that wait for each other leave the units idle, so a small tile has several sets of sums.
    // SAFETY: every row has k floats, every panel k · PANEL.
    unsafe {
        if const { M * P * (PANEL / S::LANES) < 3 } {
            chains::<S, M, P, 4>(s, k, rows, panels, sums)
        } else if const { M * P * (PANEL / S::LANES) < 8 } {
            chains::<S, M, P, 2>(s, k, rows, panels, sums)
        } else {
            foresighted(s, k, rows, panels, sums, ahead)
        }
    }
}

/// The same for large tiles: asks for what lies ahead little by little, as the loads would have to wait for many
/// requests at once.
///
/// # Safety
/// k floats must be readable from each of `rows`, k · `PANEL` from each of `panels`.
#[inline(always)]
unsafe fn foresighted<S: Simd, const M: usize, const P: usize>(
    s: S,
    k: usize,
    rows: [*const f32; M],
    panels: [*const f32; P],
    mut sums: [[S::Panel; P]; M],
    mut ahead: Ahead,
) -> [[S::Panel; P]; M] {
    let share = if ahead.rows == 0 { 0 } else { ahead.rows.div_ceil(k.div_ceil(STEPS).max(1)) };
    let mut p = 0;
    while p < k {
        let now = ahead.take(share);
        for row in 0..now.rows {
            for panel in 0..P {
                s.prefetch(now.first.wrapping_add(row * PANEL + panel * now.pitch));
            }
        }
        let end = k.min(p + STEPS);
        while p < end {
            // SAFETY: p < k.
            sums = unsafe { step(s, p, rows, panels, sums) };
            p += 1;
        }
    }
    sums
}

/// The same for small tiles, with `U` sets of sums, each for every `U`-th of the k.
///
/// # Safety
/// k floats must be readable from each of `rows`, k · `PANEL` from each of `panels`.
#[inline(always)]
unsafe fn chains<S: Simd, const M: usize, const P: usize, const U: usize>(
    s: S,
    k: usize,
    rows: [*const f32; M],
    panels: [*const f32; P],
    sums: [[S::Panel; P]; M],
) -> [[S::Panel; P]; M] {
    let mut all = [[[s.panel(0.0); P]; M]; U];
    all[0] = sums;
    let mut p = 0;
    while p + U <= k {
        for u in 0..U {
            debug_assert!(p + u < k);
            // SAFETY: p + u < k.
            all[u] = unsafe { step(s, p + u, rows, panels, all[u]) };
        }
        p += U;
    }
    while p < k {
        // SAFETY: p < k.
        all[0] = unsafe { step(s, p, rows, panels, all[0]) };
        p += 1;
    }
    let mut sums = all[0];
    for u in 1..U {
        for i in 0..M {
            for j in 0..P {
                sums[i][j] = s.panel_add(sums[i][j], all[u][i][j]);
            }
        }
    }
    sums
}

/// One of the k numbers of every row, times its row of every panel.
///
/// # Safety
/// Float p must be readable from each of `rows`, row p of 16 floats from each of `panels`.
#[inline(always)]
unsafe fn step<S: Simd, const M: usize, const P: usize>(
    s: S,
    p: usize,
    rows: [*const f32; M],
    panels: [*const f32; P],
    mut sums: [[S::Panel; P]; M],
) -> [[S::Panel; P]; M] {
    let mut weights = [s.panel(0.0); P];
    for j in 0..P {
        // SAFETY: by the caller's contract.
        weights[j] = unsafe { s.panel_load(panels[j].add(p * PANEL)) };
    }
    for i in 0..M {
        // SAFETY: by the caller's contract.
        let x = s.splat(unsafe { *rows[i].add(p) });
        for j in 0..P {
            sums[i][j] = s.panel_fma(x, weights[j], sums[i][j]);
        }
    }
    sums
}
