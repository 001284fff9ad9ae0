//! The micro-kernel of rows that are equally far apart.

use core::hint::black_box;
use core::marker::PhantomData;

use super::microkernel::all_steps;
use super::{Accumulator, Accumulators, MulAdd, PANEL, Prefetch, Simd};
use crate::checked::holds;

/// Rows of A that are equally far apart: those of a matrix, or windows on a line of an image. The elements of a row are in lines
/// that are equally far apart, too.
///
/// Finding them takes less time than finding the segments of each register tile, so tiles with little work are faster.
#[derive(Clone, Copy)]
pub(crate) struct Strip<'a, A> {
    a: *const A,
    rows: usize,
    pitch: usize,
    lines: Lines,
    /// The end of the last line in k.
    end: usize,
    borrowed: PhantomData<&'a [A]>,
}

/// The lines of a row.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    pub count: usize,
    /// The elements of a line.
    pub len: usize,
    /// The stride from one line to the next.
    pub pitch: usize,
    /// The first k.
    pub start: usize,
    /// The stride in k.
    pub step: usize,
}

impl Lines {
    /// A row that is zero.
    pub const NONE: Self = Self { count: 0, len: 0, pitch: 0, start: 0, step: 0 };
}

impl<'a, A> Strip<'a, A> {
    /// `rows` rows, of which the first begins with `a` and each of the others `pitch` elements after the one before. `None` if
    /// they do not end within `a`.
    #[inline(always)]
    pub fn new(a: &'a [A], rows: usize, pitch: usize, lines: Lines) -> Option<Self> {
        let (mut last, mut end) = (0, lines.start);
        if let Some(others) = lines.count.checked_sub(1) {
            let row = rows.checked_sub(1)?.checked_mul(pitch)?;
            last = others.checked_mul(lines.pitch)?.checked_add(row)?.checked_add(lines.len)?;
            end = others.checked_mul(lines.step)?.checked_add(lines.start)?.checked_add(lines.len)?;
        }
        (last <= a.len()).then_some(Self { a: a.as_ptr(), rows, pitch, lines, end, borrowed: PhantomData })
    }

    /// The number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Adds the products of `MR` rows from `first` on and `P` panels to the accumulators. If `HALF` is set, only the first half of the
/// last panel's columns is computed. It also prefetches rows of `P` panels.
#[inline(always)]
pub(crate) fn accumulate_strip<S: Simd, T: MulAdd, const MR: usize, const P: usize, const HALF: bool>(
    s: S,
    ready: T::Ready<S>,
    strip: &Strip<'_, T::A>,
    first: usize,
    panels: [&[T::B]; P],
    mut sums: Accumulators<S, T::Acc, MR, P>,
    mut prefetch: Prefetch<T>,
) -> Accumulators<S, T::Acc, MR, P> {
    let mut fits = first.checked_add(MR).is_some_and(|end| end <= strip.rows);
    let mut weights = [panels[0].as_ptr(); P];
    for (weights, panel) in weights.iter_mut().zip(panels) {
        fits &= strip.end <= panel.len() / PANEL;
        *weights = panel.as_ptr().wrapping_add(strip.lines.start * PANEL);
    }
    if const { T::STEP > 1 } || !holds(fits) {
        return sums;
    }
    let lines = &strip.lines;
    // Hidden from the compiler, which would otherwise keep a pointer to every row of the next tile in memory.
    let mut a = black_box(strip.a.wrapping_add(first * strip.pitch));
    let mut pairs = [T::Acc::zero(s); MR];
    for _ in 0..lines.count {
        let mut rows = [a; MR];
        for i in 1..MR {
            rows[i] = rows[i - 1].wrapping_add(strip.pitch);
        }
        // SAFETY: the last line of the last row ends within the rows, and `end` is its end within the panels.
        unsafe {
            if const { holds_pairs::<S, T, P, HALF>() } {
                pairs = T::mul_add_pairs(s, lines.len, rows, weights[0], pairs);
            } else {
                sums = all_steps::<S, T, MR, P, HALF>(s, ready, lines.len, rows, weights, sums, prefetch);
            }
        }
        prefetch = Prefetch::NOTHING;
        a = a.wrapping_add(lines.pitch);
        for weights in &mut weights {
            *weights = weights.wrapping_add(lines.step * PANEL);
        }
    }
    if const { holds_pairs::<S, T, P, HALF>() } {
        for i in 0..MR {
            sums[i][0] = T::Acc::add(s, sums[i][0], T::add_pairs(s, pairs[i]));
        }
    }
    sums
}

/// Whether a vector holds the products of two k.
const fn holds_pairs<S: Simd, T: MulAdd, const P: usize, const HALF: bool>() -> bool {
    HALF && P == 1 && T::PAIRS && S::PAIRS
}

/// [`MulAdd::mul_add_pairs`] of floats.
///
/// # Safety
/// `len` floats must be readable from each of `rows`, as many rows of a panel from `panel`.
#[inline(always)]
pub(super) unsafe fn float_pairs<S: Simd, const MR: usize>(
    s: S,
    len: usize,
    rows: [*const f32; MR],
    panel: *const f32,
    mut pairs: [S::Panel; MR],
) -> [S::Panel; MR] {
    let mut p = 0;
    while p + 2 <= len {
        // SAFETY: by the caller's contract, as p + 1 < len.
        unsafe {
            let panel = panel.add(p * PANEL);
            let w = s.pair_halves(s.panel_load(panel), s.panel_load(panel.add(PANEL)));
            for i in 0..MR {
                pairs[i] = s.panel_fma(s.splat_pair_ptr(rows[i].add(p)), w, pairs[i]);
            }
        }
        p += 2;
    }
    if p < len {
        // SAFETY: by the caller's contract, as p < len.
        unsafe {
            let w = s.pair_halves(s.panel_load(panel.add(p * PANEL)), s.panel(0.0));
            for i in 0..MR {
                // Not repeated in all lanes, because the product of an infinity and zero would be NaN.
                pairs[i] = s.panel_fma(s.splat_even(*rows[i].add(p)), w, pairs[i]);
            }
        }
    }
    pairs
}
