//! The macro-kernel of processors with tile registers.
//!
//! It copies rows of A, as many as stay in the level-2 cache, and multiplies them with four panels of B at a time. Rows of a
//! matrix that begin with cache lines are read in place: loading a tile whose rows straddle two lines takes five times as
//! long. The epilogue is that of register tiles, so the results have the same bits if sums are not rounded.

use core::ops::Range;

use super::epilogue::Tile;
use super::lhs::{LhsRows, RowMajor};
use super::{Epilogue, Gemm};
use crate::checked::{part, part_mut};
use crate::simd::{
    Accumulator, BLOCK_PANELS, BLOCK_ROWS, Configured, Copied, Kernel, MulAdd, PANEL, Segment, Simd, Steps,
    Sums, TARGET_MR, TILE_BYTES, TILE_ROWS, TileProduct, TileRows, Tiles,
};

/// Bytes of the rows of A that are read in place and stay in the level-2 cache while B streams by.
const L2_BYTES: usize = 192 * 1024;
/// With fewer rows, most of the work on tiles of bytes would be wasted.
const MIN_ROWS: usize = 8;
/// With fewer columns or a shorter k, loading and storing tiles takes longer than their products.
const MIN_COLUMNS: usize = PANEL;
const MIN_K: usize = 32;
/// With fewer multiply-adds of bytes, configuring the tile registers takes longer than the product.
const MIN_WORK: usize = 3 << 16;
/// As `MIN_ROWS` and `MIN_WORK`, for `BF16`: vectors of them take four times as long as those of bytes.
const MIN_BF16_ROWS: usize = 2;
const MIN_BF16_WORK: usize = 3 << 14;
/// The rows that an epilogue stores together.
const MR: usize = 4;

/// The tiles of a row of A that is cut into blocks of k: so short that the rows of two blocks of C fit the memory for copies.
const BLOCK_TILES: usize = 23;

/// The steps of `k` elements.
fn steps<T: MulAdd>(k: usize) -> Steps {
    Steps::new(k.div_ceil(T::STEP))
}

/// The largest block of k: all of it, unless copies of as many rows as a block of C has would not fit their memory and C can hold
/// partial sums.
fn kc<T: MulAdd, E: Epilogue<T::Acc>>(gemm: &Gemm<'_, T, E>) -> usize {
    let tile = TILE_BYTES / size_of::<T::A>();
    if const { !E::PARTIAL_SUMS } || steps::<T>(gemm.k).pitch() * BLOCK_ROWS <= Copied::capacity::<u8>() {
        return gemm.k;
    }
    gemm.k.div_ceil(gemm.k.div_ceil(BLOCK_TILES * tile)).next_multiple_of(tile)
}

/// Whether a product with `m` rows is faster on tile registers than on vectors.
pub(super) fn pays<T: MulAdd, E: Epilogue<T::Acc>>(m: usize, gemm: &Gemm<'_, T, E>) -> bool {
    let [rows, work] = match T::TILES {
        Some(TileProduct::Bf16) => [MIN_BF16_ROWS, MIN_BF16_WORK],
        _ => [MIN_ROWS, MIN_WORK],
    };
    m >= rows
        && gemm.n >= MIN_COLUMNS
        && gemm.k >= MIN_K
        && m.saturating_mul(gemm.n).saturating_mul(gemm.k) >= work
        && steps::<T>(kc(gemm)).pitch() * TILE_ROWS <= Copied::capacity::<u8>()
}

/// A product on one thread.
pub(super) struct TileKernel<'r, 'a, T: MulAdd, E: Epilogue<T::Acc>> {
    pub tiles: Tiles,
    pub product: TileProduct,
    pub a: LhsRows<'r, T>,
    /// The rows of A and C.
    pub m: usize,
    pub gemm: Gemm<'a, T, E>,
    pub c: &'a mut [E::Output],
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Kernel for TileKernel<'_, '_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        // They are read through references, because copying what was just stored stalls the processor.
        let Self { tiles, product, a, m, gemm, c } = &mut self;
        let (kc, m) = (kc(gemm), *m);
        let mut memory = Copied::NONE;
        let mut k = 0..0;
        while k.end < gemm.k {
            k = k.end..gemm.k.min(k.end + kc);
            let steps = steps::<T>(k.len());
            let mut block = Block {
                gemm,
                k: k.clone(),
                epilogue: gemm.epilogue.block(k.start == 0, k.end == gemm.k),
                product: *product,
                tiles: *tiles,
                steps,
                registers: tiles.configure(steps),
                sums: Sums::NONE,
            };
            let mut row = 0;
            if let Some((rows, count)) = block.in_place(a, m) {
                let most = (L2_BYTES / (k.len() * size_of::<T::A>())).next_multiple_of(BLOCK_ROWS);
                while row < count {
                    let end = count.min(row + most);
                    let data = part(rows.data, row * rows.stride + k.start..);
                    block.run(s, TileRows { data, pitch: rows.stride }, row..end, c);
                    row = end;
                }
            }
            if row == m {
                continue;
            }
            let pitch = steps.pitch() / size_of::<T::A>();
            let room = Copied::capacity::<T::A>() / pitch;
            let most = if room < BLOCK_ROWS { TILE_ROWS } else { room / BLOCK_ROWS * BLOCK_ROWS };
            let copied = memory.zeros(most.min((m - row).next_multiple_of(TILE_ROWS)) * pitch);
            while row < m {
                let end = m.min(row + most);
                block.copy(a, row..end, pitch, copied);
                block.run(s, TileRows { data: copied, pitch }, row..end, c);
                row = end;
            }
        }
    }
}

/// Some rows and a part of k of a product.
struct Block<'g, 'a, T: MulAdd, E> {
    gemm: &'g Gemm<'a, T, E>,
    k: Range<usize>,
    /// The epilogue of this part.
    epilogue: E,
    product: TileProduct,
    tiles: Tiles,
    steps: Steps,
    registers: Configured,
    sums: Sums<T::Acc>,
}

impl<T: MulAdd, E: Epilogue<T::Acc>> Block<'_, '_, T, E> {
    /// The rows of A and the number of them, whole blocks, that are read in place. `None` if they must be copied.
    #[inline(always)]
    fn in_place<'r>(&self, a: &LhsRows<'r, T>, m: usize) -> Option<(RowMajor<'r, T::A>, usize)> {
        match *a {
            LhsRows::Matrix(rows)
                if T::flip(self.gemm.setup) == 0
                    && self.steps.gap()[1] == 0
                    && self.k.len().is_multiple_of(T::STEP)
                    && (rows.stride * size_of::<T::A>()).is_multiple_of(TILE_BYTES)
                    && rows.data.as_ptr().addr().is_multiple_of(TILE_BYTES) =>
            {
                Some((rows, m / BLOCK_ROWS * BLOCK_ROWS))
            }
            _ => None,
        }
    }

    /// Copies rows of A to rows of `pitch` elements.
    #[inline(always)]
    fn copy(&self, a: &mut LhsRows<'_, T>, rows: Range<usize>, pitch: usize, copied: &mut [T::A]) {
        let flip = T::flip(self.gemm.setup);
        let [before, gap] = self.steps.gap().map(|bytes| bytes / size_of::<T::A>());
        let first = self.k.start;
        let mut k = first..first;
        while k.start < self.k.end {
            k.end = self.k.end.min(k.start.saturating_add(a.max_kc()));
            let mut row = rows.start;
            while row < rows.end {
                let count = TARGET_MR.min(rows.end - row);
                let to = part_mut(copied, (row - rows.start) * pitch..);
                let mut one = Segment::EMPTY;
                let segments = a.segments(row, count, k.clone(), &mut one);
                // Segments in the padding of an image are left out if it is zero.
                if segments.iter().map(Segment::len).sum::<usize>() < k.len() {
                    for row in to.chunks_mut(pitch).take(count) {
                        let (start, end) = (k.start - first, k.end - first);
                        let end = if end > before { end + gap } else { end };
                        part_mut(row, start..end).fill(T::A::default());
                    }
                }
                for segment in segments {
                    let start = segment.start() - first;
                    for (i, from) in segment.rows().enumerate() {
                        let to = part_mut(to, i * pitch..);
                        if start + from.len() <= before {
                            self.tiles.copy(from, flip, part_mut(to, start..));
                        } else {
                            let (front, back) = from.split_at(before.saturating_sub(start));
                            self.tiles.copy(front, flip, part_mut(to, start..));
                            self.tiles.copy(back, flip, part_mut(to, start + front.len() + gap..));
                        }
                    }
                }
                row += count;
            }
            k.start = k.end;
        }
    }

    /// Computes the rows `rows` of C. The first row of `a` is the first of these.
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S, a: TileRows<'_, T::A>, rows: Range<usize>, c: &mut [E::Output]) {
        let panels = self.gemm.n.div_ceil(PANEL);
        let mut panel = 0;
        while panel < panels {
            let count = BLOCK_PANELS.min(panels - panel);
            let mut row = rows.start;
            while row < rows.end {
                let end = rows.end.min(row + BLOCK_ROWS);
                let a = TileRows { data: part(a.data, (row - rows.start) * a.pitch..), ..a };
                self.multiply(a, (end - row).div_ceil(TILE_ROWS), panel..panel + count);
                if const { !E::NARROW } && count == BLOCK_PANELS {
                    self.store::<S, BLOCK_PANELS>(s, row..end, panel, 0, c);
                } else {
                    for i in 0..count {
                        self.store::<S, 1>(s, row..end, panel, i, c);
                    }
                }
                row = end;
            }
            panel += count;
        }
    }

    /// Multiplies one or two tiles of rows with these panels.
    #[inline(always)]
    fn multiply(&mut self, a: TileRows<'_, T::A>, tiles: usize, panels: Range<usize>) {
        let pitch = self.gemm.padded_k() * PANEL;
        for (pair, first) in panels.clone().step_by(2).enumerate() {
            // An odd last panel is multiplied twice, which takes little longer than once.
            let pairs = [first, (first + 1).min(panels.end - 1)];
            let pairs =
                pairs.map(|panel| part(part(self.gemm.panels, panel * pitch..), self.k.start * PANEL..pitch));
            self.registers.multiply(self.product, a, tiles, pairs, &mut self.sums, pair);
        }
    }

    /// Stores the sums of these rows and of `P` panels from `panel` + `first` on. The sums begin with those of `panel`.
    #[inline(always)]
    fn store<S: Simd, const P: usize>(
        &self,
        s: S,
        rows: Range<usize>,
        panel: usize,
        first: usize,
        c: &mut [E::Output],
    ) {
        let column = (panel + first) * PANEL;
        let width = (P * PANEL).min(self.gemm.n - column);
        let mut i = 0;
        while i + MR <= rows.len() {
            let tile = Tile { row: rows.start + i, column, width, ldc: self.gemm.ldc };
            self.finish::<S, MR, P>(s, tile, i, first, c);
            i += MR;
        }
        while i < rows.len() {
            let tile = Tile { row: rows.start + i, column, width, ldc: self.gemm.ldc };
            self.finish::<S, 1, P>(s, tile, i, first, c);
            i += 1;
        }
    }

    /// Stores a register tile, whose sums begin in row `row` and panel `panel`.
    #[inline(always)]
    fn finish<S: Simd, const MR: usize, const P: usize>(
        &self,
        s: S,
        tile: Tile,
        row: usize,
        panel: usize,
        c: &mut [E::Output],
    ) {
        let mut sums = self.epilogue.start::<S, MR, P>(s, tile);
        for i in 0..MR {
            for j in 0..P {
                let found = T::Acc::load(s, self.sums.panel(row + i, panel + j));
                sums[i][j] = T::Acc::add(s, sums[i][j], found);
            }
        }
        self.epilogue.store(s, tile, sums, c);
    }
}
