//! The macro-kernel: splits a product into blocks that stay in the caches, and each block into register tiles.

use core::hint::black_box;
use core::mem;
use core::ops::Range;

use super::epilogue::Tile;
use super::lhs::LhsRows;
use super::wide::{FEW_ROWS, Wide};
use super::{Epilogue, Gemm};
use crate::checked::part;
use crate::simd::{
    Accumulator, Isa, Kernel, MAX_MR, MAX_SEGMENT, MulAdd, PANEL, Prefetch, Segment, Simd, Strip, TALL_MR,
    TileShape, UNSPLIT_K, accumulate, accumulate_strip,
};

/// Bytes of a strip of B, KC × NR, that stays in the level-1 cache while rows of A stream by.
const L1_BYTES: usize = 32 * 1024;
/// Bytes of a block of A, MC × KC, that stays in the level-2 cache while B streams by.
const L2_BYTES: usize = 192 * 1024;
/// KC, if the level-2 cache is so fast that a strip of B need not stay in the level-1 cache. C is then read and written fewer
/// times.
const DEEP_KC: usize = MAX_SEGMENT;
/// As `L2_BYTES`, for a level-2 cache of 2 MiB.
const DEEP_L2_BYTES: usize = 512 * 1024;
/// With at most this many register tiles of rows, each element of B is used too few times to block for the caches or to
/// prefetch.
const FEW_TILES: usize = 4;

/// The rows of a register tile.
const fn mr<S: Simd, T: MulAdd>() -> usize {
    <T::Tile<S>>::MR
}

/// The rows of the next register tile, at most `most`, if `left` rows are left.
#[inline(always)]
pub(crate) const fn tile_height(left: usize, most: usize) -> usize {
    if left >= 2 * most {
        most
    } else if left > most {
        // Two tiles of nearly equal height are faster than a full one and a low one.
        left.div_ceil(2)
    } else {
        left
    }
}

/// Evaluates an expression with the height of a register tile, at most `most`, as a constant.
macro_rules! with_height {
    ($height:expr, $most:expr, |$mr:ident| $tile:expr) => {
        with_height!(@ $height, $most, $mr, $tile, 6 5 4 3 2)
    };
    (@ $height:expr, $most:expr, $mr:ident, $tile:expr, $($rows:literal)*) => {
        match $height {
            $($rows if const { $most >= $rows } => {
                const $mr: usize = $rows;
                $tile
            })*
            _ => {
                const $mr: usize = 1;
                $tile
            }
        }
    };
}
pub(crate) use with_height;

/// Whether register tiles of one panel, or half of one, have twice as many rows: if that many sums fit the registers.
const fn is_tall<S: Simd, T: MulAdd>(half: bool) -> bool {
    let vectors = PANEL / S::LANES;
    2 * if half { vectors.div_ceil(2) } else { vectors } <= <T::Tile<S>>::NR / S::LANES
}

/// The columns of a register tile.
const fn nr<S: Simd, T: MulAdd, E: Epilogue<T::Acc>>() -> usize {
    if E::NARROW { PANEL } else { <T::Tile<S>>::NR }
}

/// Computes a product on this thread, with tile registers if that is faster.
#[inline(always)]
pub(super) fn multiply<T: MulAdd, E: Epilogue<T::Acc>>(
    isa: Isa,
    a: LhsRows<'_, T>,
    m: usize,
    gemm: Gemm<'_, T, E>,
    c: &mut [E::Output],
) {
    if let Some(product) = T::TILES
        && let Some(tiles) = isa.tiles()
        && super::tiles::pays(m, &gemm)
    {
        return tiles.run(super::tiles::TileKernel { tiles, product, a, m, gemm, c });
    }
    isa.run(MacroKernel { a, m, gemm, c, deep: isa.has_fast_l2() });
}

/// A product on one thread.
struct MacroKernel<'r, 'a, T: MulAdd, E: Epilogue<T::Acc>> {
    a: LhsRows<'r, T>,
    /// The rows of A and C.
    m: usize,
    gemm: Gemm<'a, T, E>,
    c: &'a mut [E::Output],
    /// Whether blocks are as deep as a fast level-2 cache allows.
    deep: bool,
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Kernel for MacroKernel<'_, '_, T, E> {
    type Output = ();
    const BYTES: bool = T::BYTES;
    const BF16: bool = T::BF16;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        // Hides the operands from the compiler, which would otherwise hoist work that only some tile heights need to
        // the front of every product, small ones included. They are read through references for the same reason:
        // copies of all fields would be spilled.
        let Self { a, m, gemm, c, deep } = black_box(&mut self);
        let (m, (least, l2)) = (*m, if *deep { (DEEP_KC, DEEP_L2_BYTES) } else { (0, L2_BYTES) });
        if const { T::BYTES && S::WIDENS } && m >= FEW_ROWS {
            let mc = (L2_BYTES / gemm.k.max(UNSPLIT_K)).next_multiple_of(MAX_MR);
            return Wide::new(s, gemm).run(s, a, m, mc, c);
        }
        let (kc, mc) = if m > FEW_TILES * mr::<S, T>() {
            let kc = match gemm.k {
                k if const { !E::PARTIAL_SUMS } || k <= UNSPLIT_K => k.max(UNSPLIT_K),
                // A strip needs all of k. Other products take blocks of whole steps.
                _ if const { T::STRIPS } => {
                    let columns = nr::<S, T, E>().min(gemm.n.next_multiple_of(PANEL));
                    least.max(L1_BYTES / (columns * size_of::<T::B>()).max(1))
                }
                _ => L1_BYTES / (nr::<S, T, E>() * size_of::<T::B>()),
            };
            (kc, (l2 / size_of::<T::A>() / kc.min(gemm.k).max(1)).next_multiple_of(mr::<S, T>()))
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
                let epilogue = gemm.epilogue.block(p == 0, last);
                Block { rows: rows.clone(), k: p..p + len, gemm, epilogue }.run(s, a, c);
                p += len;
                if last {
                    break;
                }
            }
        }
    }
}

/// What is prefetched while register tiles are computed.
struct Ahead<T: MulAdd> {
    next: Prefetch<T>,
    /// The part for a register tile of `height` rows.
    share: usize,
    height: usize,
}

impl<T: MulAdd> Ahead<T> {
    /// The part for a register tile of `rows` rows.
    #[inline(always)]
    fn take(&mut self, rows: usize) -> Prefetch<T> {
        self.next.take(self.share * rows / self.height.max(1))
    }
}

/// MC rows of A by KC of k.
struct Block<'a, T: MulAdd, E> {
    rows: Range<usize>,
    k: Range<usize>,
    gemm: &'a Gemm<'a, T, E>,
    /// The epilogue of this block.
    epilogue: E,
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Block<'_, T, E> {
    /// Multiplies the block with all columns of B, NR at a time.
    #[inline(always)]
    fn run<S: Simd>(&self, s: S, a: &mut LhsRows<'_, T>, c: &mut [E::Output]) {
        let panels = self.gemm.n.div_ceil(PANEL);
        let strips = panels / (nr::<S, T, E>() / PANEL);
        for strip in 0..strips {
            let strip = if self.gemm.reverse { strips - 1 - strip } else { strip };
            let column = strip * nr::<S, T, E>();
            // The constant conditions here and below keep code out that the instruction set never runs.
            if const { nr::<S, T, E>() == 4 * PANEL } {
                self.columns::<S, 4>(s, a, c, column);
            } else {
                self.columns::<S, 1>(s, a, c, column);
            }
        }
        let column = strips * nr::<S, T, E>();
        match panels - strips * (nr::<S, T, E>() / PANEL) {
            3 if const { nr::<S, T, E>() > 3 * PANEL } => self.columns::<S, 3>(s, a, c, column),
            2 if const { nr::<S, T, E>() > 2 * PANEL } => self.columns::<S, 2>(s, a, c, column),
            1 if const { nr::<S, T, E>() > PANEL } => self.columns::<S, 1>(s, a, c, column),
            _ => {}
        }
    }

    /// The part of B that is read after the panels before `panel`: the next panels, then the next block of k, then what
    /// follows B in memory.
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

    /// Multiplies the block with `P` panels, MR rows at a time.
    #[inline(always)]
    fn columns<S: Simd, const P: usize>(
        &self,
        s: S,
        a: &mut LhsRows<'_, T>,
        c: &mut [E::Output],
        column: usize,
    ) {
        let tiles = self.rows.len().div_ceil(mr::<S, T>());
        let mut ahead = Ahead { next: Prefetch::NOTHING, share: 0, height: mr::<S, T>() };
        if tiles > FEW_TILES && !self.gemm.reverse {
            ahead.next = self.next(column / PANEL + P);
            ahead.share = ahead.next.rows().div_ceil(tiles);
        }
        let mut row = self.rows.start;
        while row < self.rows.end {
            // Wide tiles have enough work.
            if const { T::STRIPS && P <= 2 && mr::<S, T>() == MAX_MR && !S::COMPACT }
                && let Some(strip) = a.strip(row, self.rows.end - row, self.k.clone())
                && strip.rows() > 0
            {
                if const { T::HALVES } && self.gemm.n - column <= P * PANEL - PANEL / 2 {
                    self.strip::<S, P, true>(s, &strip, c, [row, column], &mut ahead);
                } else {
                    self.strip::<S, P, false>(s, &strip, c, [row, column], &mut ahead);
                }
                row += strip.rows();
                continue;
            }
            let (height, at) = (tile_height(self.rows.end - row, mr::<S, T>()), [row, column]);
            let soon = ahead.take(mr::<S, T>());
            // Of wide tiles, the half of a panel is a small part.
            if const { mr::<S, T>() >= 6 && T::HALVES && P <= 2 }
                && height == 6
                && self.gemm.n - column <= P * PANEL - PANEL / 2
            {
                self.tile::<S, 6, P, true>(s, a, c, at, soon);
            } else {
                with_height!(height, mr::<S, T>(), |MR| self.tile::<S, MR, P, false>(s, a, c, at, soon));
            }
            row += height;
        }
    }

    /// Computes all register tiles of a strip, whose first row is `row`. `HALF` tells that C has at most half of the last panel's
    /// columns.
    #[inline(always)]
    fn strip<S: Simd, const P: usize, const HALF: bool>(
        &self,
        s: S,
        strip: &Strip<'_, T::A>,
        c: &mut [E::Output],
        at: [usize; 2],
        ahead: &mut Ahead<T>,
    ) {
        let mut done = 0;
        if const { P == 1 && is_tall::<S, T>(HALF) } {
            done = self.tiles::<S, TALL_MR, P, HALF>(s, strip, done, c, at, ahead);
        }
        done = self.tiles::<S, MAX_MR, P, HALF>(s, strip, done, c, at, ahead);
        self.tiles::<S, 1, P, HALF>(s, strip, done, c, at, ahead);
    }

    /// Computes register tiles of a strip, whose first row is `row`, from row `done` of the strip on, as many as there are.
    /// Returns the number of rows that are done then.
    #[inline(always)]
    fn tiles<S: Simd, const MR: usize, const P: usize, const HALF: bool>(
        &self,
        s: S,
        strip: &Strip<'_, T::A>,
        mut done: usize,
        c: &mut [E::Output],
        [row, column]: [usize; 2],
        ahead: &mut Ahead<T>,
    ) -> usize {
        let gemm = self.gemm;
        let (ready, panels) = (T::ready(s, gemm.setup), self.panels::<P>(column));
        while done + MR <= strip.rows() {
            let width = (P * PANEL).min(gemm.n - column);
            let tile = Tile { row: row + done, column, width, ldc: gemm.ldc };
            let soon = ahead.take(MR);
            let sums = self.epilogue.start::<S, MR, P>(s, tile);
            let sums = accumulate_strip::<S, T, MR, P, HALF>(s, ready, strip, done, panels, sums, soon);
            self.epilogue.store(s, tile, sums, c);
            done += MR;
        }
        done
    }

    /// The panels from the one with column `column` on.
    #[inline(always)]
    fn panels<const P: usize>(&self, column: usize) -> [&[T::B]; P] {
        let gemm = self.gemm;
        let (first, pitch) = (column / PANEL, gemm.padded_k() * PANEL);
        let mut panels = [gemm.panels; P];
        for (i, panel) in panels.iter_mut().enumerate() {
            *panel = part(part(gemm.panels, (first + i) * pitch..), ..pitch);
        }
        panels
    }

    /// Computes a register tile and prefetches `next`. `HALF` tells that C has at most half of the last panel's columns.
    #[inline(always)]
    fn tile<S: Simd, const MR: usize, const P: usize, const HALF: bool>(
        &self,
        s: S,
        a: &mut LhsRows<'_, T>,
        c: &mut [E::Output],
        [row, column]: [usize; 2],
        mut next: Prefetch<T>,
    ) {
        let gemm = self.gemm;
        let tile = Tile { row, column, width: (P * PANEL).min(gemm.n - column), ldc: gemm.ldc };
        let (ready, panels) = (T::ready(s, gemm.setup), self.panels::<P>(column));
        let mut sums = [[T::Acc::zero(s); P]; MR];
        let mut k = self.k.clone();
        loop {
            // A block of partial sums is at most `max_kc` long. A k that is not split may be longer.
            let end =
                if const { E::PARTIAL_SUMS } { k.end } else { k.end.min(k.start.saturating_add(a.max_kc())) };
            let mut one = Segment::EMPTY;
            let segments = a.segments(row, MR, k.start..end, &mut one);
            // Not before the call of `segments`, which would spill them.
            if const { E::PARTIAL_SUMS } || k.start == self.k.start {
                sums = self.epilogue.start::<S, MR, P>(s, tile);
            }
            for segment in segments {
                let next = mem::replace(&mut next, Prefetch::NOTHING);
                sums = accumulate::<S, T, MR, P, HALF>(s, ready, segment, panels, sums, next);
            }
            k.start = end;
            if const { E::PARTIAL_SUMS } || k.is_empty() {
                break;
            }
        }
        self.epilogue.store(s, tile, sums, c);
    }
}
