//! The register tile: the one loop in which matrix products and convolutions spend their time.

use core::hint::black_box;

use super::{PANEL, Simd, within};

/// `M` rows of equally many numbers.
#[derive(Clone, Copy)]
pub(crate) enum Lines<'a, const M: usize> {
    /// Each by itself; the shortest decides the length of all.
    Each([&'a [f32]; M]),
    /// Rows of `len` numbers that begin `pitch` apart, which costs less to look up.
    Even { x: &'a [f32], pitch: usize, len: usize },
}

impl<const M: usize> Lines<'_, M> {
    /// Whether `n` numbers from `at` on are numbers of a row.
    #[inline(always)]
    fn hold(&self, row: usize, at: *const f32, n: usize) -> bool {
        match self {
            Self::Each(rows) => within(rows[row].as_ptr(), rows[row].len(), at, n),
            Self::Even { x, .. } => within(x.as_ptr(), x.len(), at, n),
        }
    }

    /// The length, and where each begins.
    #[inline(always)]
    fn pointers(self) -> (usize, [*const f32; M]) {
        match self {
            Self::Each(rows) => {
                let mut len = usize::MAX;
                for row in rows {
                    len = len.min(row.len());
                }
                (len, rows.map(<[f32]>::as_ptr))
            }
            Self::Even { x, pitch, len } => {
                let end = pitch.checked_mul(M - 1).and_then(|last| last.checked_add(len));
                assert!(end.is_some_and(|end| end <= x.len()));
                let mut rows = [x.as_ptr(); M];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = row.wrapping_add(i * pitch);
                }
                (len, rows)
            }
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

/// The sums plus `rows[row] · panels[panel]`.
///
/// Each of the panels has k × 16 numbers in row-major order, and at least as many as the rows are long. The sums
/// of `M` rows by `P` panels are passed by value to stay in registers. Large tiles ask meanwhile for what is
/// `ahead` in as many panels.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const M: usize, const P: usize>(
    s: S,
    rows: Lines<'_, M>,
    panels: [&[f32]; P],
    sums: [[S::Panel; P]; M],
    ahead: Ahead,
) -> [[S::Panel; P]; M] {
    let lines = rows;
    let (mut k, rows) = rows.pointers();
    for panel in panels {
        k = k.min(panel.len() / PANEL);
    }
    // Hides that the rows may be evenly spaced: knowing it, the compiler would rather add up addresses in the
    // loop than hold them, and the additions compete with the multiply-adds for ports.
    let rows = black_box(rows);
    debug_assert!((0..M).all(|row| lines.hold(row, rows[row], k)));
    debug_assert!(panels.iter().all(|panel| k * PANEL <= panel.len()));
    let panels = panels.map(<[f32]>::as_ptr);
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
