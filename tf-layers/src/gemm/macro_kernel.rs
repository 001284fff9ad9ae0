//! The macro-kernel: splits a product into blocks that stay in the caches, and each block into register tiles.

use core::hint::black_box;
use core::mem;
use core::ops::Range;

use super::epilogue::Tile;
use super::lhs::Rows;
use super::{Epilogue, Gemm};
use crate::simd::{Kernel, MAX_SEGMENT, MulAdd, PANEL, Prefetch, Segment, Simd, accumulate};

/// Bytes of a strip of B, KC × NR, that stays in the level-1 cache while rows of A stream by.
const L1_BYTES: usize = 32 * 1024;
/// Bytes of a block of A, MC × KC, that stays in the level-2 cache while B streams by.
const L2_BYTES: usize = 192 * 1024;
/// With at most this many register tiles of rows, each element of B is used too few times to block for the caches or to prefetch.
const FEW_TILES: usize = 4;
/// A k of at most this many elements is never split.
pub(super) const UNSPLIT_K: usize = 160;

/// A product on one thread.
pub(super) struct MacroKernel<'r, 'a, T: MulAdd, E: Epilogue<T::Acc>> {
    pub a: Rows<'r, T>,
    /// The rows of A and C.
    pub m: usize,
    pub gemm: Gemm<'a, T, E>,
    pub c: &'a mut [E::Output],
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Kernel for MacroKernel<'_, '_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Self { a, m, gemm, c } = &mut self;
        let m = *m;
        // Hides `a` from the compiler, which would otherwise hoist work that only some tile heights need to the front of every
        // product, small ones included.
        let a = black_box(a);
        let (kc, mc) = if m > FEW_TILES * S::MR {
            let kc = if gemm.k <= UNSPLIT_K { UNSPLIT_K } else { L1_BYTES / (S::NR * size_of::<T::B>()) };
            (kc, (L2_BYTES / size_of::<T::A>() / kc.min(gemm.k.max(1))).next_multiple_of(S::MR))
        } else {
            (MAX_SEGMENT, m)
        };
        let kc = if const { E::PARTIAL_SUMS } { kc.min(a.max_kc()) } else { gemm.k.max(1) };
        let mut row = 0;
        while row < m {
            let rows = row..m.min(row + mc);
            row = rows.end;
            let mut p = 0;
            loop {
                let left = gemm.k - p;
                // The last two blocks share the remaining k, so that the last one is not short.
                let len = if left < 2 * kc && left > kc {
                    left.div_ceil(2).next_multiple_of(T::STEP)
                } else {
                    left.min(kc)
                };
                let last = p + len == gemm.k;
                let epilogue = &gemm.epilogue.block(p == 0, last);
                let rows = rows.clone();
                block(s, Block { rows, k: p..p + len, gemm, epilogue, a: &mut *a, c });
                p += len;
                if last {
                    break;
                }
            }
        }
    }
}

/// MC rows of A by KC of k.
struct Block<'b, 'r, T: MulAdd, E: Epilogue<T::Acc>> {
    rows: Range<usize>,
    k: Range<usize>,
    gemm: &'b Gemm<'b, T, E>,
    /// The epilogue of this block.
    epilogue: &'b E,
    a: &'b mut Rows<'r, T>,
    c: &'b mut [E::Output],
}

/// Multiplies a block with all columns of B, NR at a time.
#[inline(always)]
fn block<S: Simd, T: MulAdd, E: Epilogue<T::Acc>>(s: S, mut block: Block<'_, '_, T, E>) {
    let panels = block.gemm.n.div_ceil(PANEL);
    let strips = panels / (S::NR / PANEL);
    for strip in 0..strips {
        let strip = if block.gemm.reverse { strips - 1 - strip } else { strip };
        let column = strip * S::NR;
        // The constant conditions here and below keep code out that the instruction set never runs.
        if const { S::NR == 4 * PANEL } {
            columns::<S, T, E, 4>(s, &mut block, column);
        } else {
            columns::<S, T, E, 1>(s, &mut block, column);
        }
    }
    let column = strips * S::NR;
    match panels - strips * (S::NR / PANEL) {
        3 if const { S::NR > 3 * PANEL } => columns::<S, T, E, 3>(s, &mut block, column),
        2 if const { S::NR > 2 * PANEL } => columns::<S, T, E, 2>(s, &mut block, column),
        1 if const { S::NR > PANEL } => columns::<S, T, E, 1>(s, &mut block, column),
        _ => {}
    }
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Block<'_, '_, T, E> {
    /// The part of B that is read after the panels before `panel`: the next panels, then the next block of k, then what follows
    /// B in memory.
    #[inline(always)]
    fn next(&self, panel: usize) -> Prefetch<T> {
        let (gemm, k) = (self.gemm, &self.k);
        let (panel, first) = match gemm.n.div_ceil(PANEL) {
            panels if panel < panels => (panel, k.start),
            _ if k.end < gemm.k => (0, k.end),
            panels => (panels, 0),
        };
        let pitch = gemm.padded_k() * PANEL;
        match gemm.panels.get(panel * pitch + first * PANEL..) {
            Some(panels) if !panels.is_empty() => {
                let rows = k.len().min(gemm.k - first).div_ceil(T::STEP);
                Prefetch::new(panels, pitch, rows)
            }
            _ => Prefetch::NOTHING,
        }
    }
}

/// Multiplies a block with `P` panels, MR rows at a time.
#[inline(always)]
fn columns<S: Simd, T: MulAdd, E: Epilogue<T::Acc>, const P: usize>(
    s: S,
    block: &mut Block<'_, '_, T, E>,
    column: usize,
) {
    let tiles = block.rows.len().div_ceil(S::MR);
    let (mut next, mut share) = (Prefetch::NOTHING, 0);
    if tiles > FEW_TILES && !block.gemm.reverse {
        next = block.next(column / PANEL + P);
        share = next.rows().div_ceil(tiles);
    }
    let mut row = block.rows.start;
    while row < block.rows.end {
        let soon = next.take(share);
        let height = match block.rows.end - row {
            left if left >= 2 * S::MR => S::MR,
            // Two tiles of nearly equal height are faster than a full one and a low one.
            left if left > S::MR => left.div_ceil(2),
            left => left,
        };
        match height {
            6 if const { S::MR >= 6 } => tile::<S, T, E, 6, P>(s, block, [row, column], soon),
            5 if const { S::MR >= 5 } => tile::<S, T, E, 5, P>(s, block, [row, column], soon),
            4 if const { S::MR >= 4 } => tile::<S, T, E, 4, P>(s, block, [row, column], soon),
            3 if const { S::MR >= 3 } => tile::<S, T, E, 3, P>(s, block, [row, column], soon),
            2 => tile::<S, T, E, 2, P>(s, block, [row, column], soon),
            _ => tile::<S, T, E, 1, P>(s, block, [row, column], soon),
        }
        row += height;
    }
}

/// Computes a register tile and prefetches `next`.
#[inline(always)]
fn tile<S: Simd, T: MulAdd, E: Epilogue<T::Acc>, const MR: usize, const P: usize>(
    s: S,
    Block { k, gemm, epilogue, a, c, .. }: &mut Block<'_, '_, T, E>,
    [row, column]: [usize; 2],
    mut next: Prefetch<T>,
) {
    let tile = Tile { row, column, width: (P * PANEL).min(gemm.n - column), ldc: gemm.ldc };
    let mut sums = epilogue.start::<S, MR, P>(s, tile);
    let (first, pitch) = (column / PANEL, gemm.padded_k() * PANEL);
    let mut panels = [gemm.panels; P];
    for (i, panel) in panels.iter_mut().enumerate() {
        *panel = &gemm.panels[(first + i) * pitch..][..pitch];
    }
    let mut k = k.clone();
    loop {
        // A block of partial sums is at most `max_kc` long. A k that is not split may be longer.
        let end =
            if const { E::PARTIAL_SUMS } { k.end } else { k.end.min(k.start.saturating_add(a.max_kc())) };
        let mut one = Segment::EMPTY;
        for segment in a.segments(row, MR, k.start..end, &mut one) {
            let next = mem::replace(&mut next, Prefetch::NOTHING);
            sums = accumulate::<S, T, MR, P>(s, segment, panels, sums, next);
        }
        k.start = end;
        if const { E::PARTIAL_SUMS } || k.is_empty() {
            break;
        }
    }
    epilogue.store(s, tile, sums, c);
}
