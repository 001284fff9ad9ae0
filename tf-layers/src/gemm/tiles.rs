//! The macro-kernel of processors with tile registers.
//!
//! It multiplies as many rows of A as stay in the level-2 cache with four panels of B at a time. Rows that begin with cache
//! lines are read in place, as are the windows of images without padding; others are copied. Loading a tile whose rows
//! straddle two lines takes five times as long. The epilogue is that of register tiles, so the results have the same bits if
//! sums are not rounded.

use core::ops::Range;

use super::epilogue::Tile;
use super::lhs::{Cursor, LhsRows, PixelRows, RowMajor};
use super::{Epilogue, Gemm};
use crate::checked::{part, part_mut};
use crate::simd::{
    Accumulator, BLOCK_PANELS, BLOCK_ROWS, CacheLines, Configured, Copied, Kernel, MulAdd, PANEL, Segment,
    Simd, Steps, Streamed, Sums, TARGET_MR, TILE_BYTES, TILE_ROWS, TileProduct, TileRows, Tiles,
};

/// Bytes of the rows of A that stay in the level-2 cache while B streams by.
const L2_BYTES: usize = 512 * 1024;
/// Bytes of panels that stay in the level-1 cache.
const L1_BYTES: usize = 32 * 1024;
/// Bytes of the panels of a block that are prefetched during the products before them. More would have to wait too long in the
/// level-2 cache, so blocks of a longer k have two panels.
const AHEAD_BYTES: usize = 160 * 1024;
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
const BLOCK_TILES: usize = 19;

/// The bytes from one copied row of `k` elements to the next.
fn pitch<T: MulAdd>(k: usize) -> usize {
    Steps::pitch(k.div_ceil(T::STEP))
}

/// The largest block of k: all of it, unless copies of as many rows as a block of C has would not fit their memory and C can hold
/// partial sums.
fn kc<T: MulAdd, E: Epilogue<T::Acc>>(gemm: &Gemm<'_, T, E>) -> usize {
    let tile = TILE_BYTES / size_of::<T::A>();
    if const { !E::PARTIAL_SUMS } || pitch::<T>(gemm.k) * BLOCK_ROWS <= Copied::capacity::<u8>() {
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
        && pitch::<T>(kc(gemm)) * TILE_ROWS <= Copied::capacity::<u8>()
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
        let (tiles, m) = (*tiles, *m);
        let in_place = in_place(a, m, gemm);
        let kc = if in_place.is_some() { gemm.k } else { kc(gemm) };
        let mut memory = Copied::NONE;
        let mut k = 0..0;
        while k.end < gemm.k {
            k = k.end..gemm.k.min(k.end + kc);
            let contiguous = Steps::new(k.len().div_ceil(T::STEP));
            let (pixels, steps) = match &in_place {
                Some((pixels, steps)) => (Some(pixels), steps),
                None => (None, &contiguous),
            };
            let pitch = pitch::<T>(k.len()) / size_of::<T::A>();
            let room = Copied::capacity::<T::A>() / pitch;
            let most = match pixels {
                Some(_) => m,
                None if room < BLOCK_ROWS => TILE_ROWS,
                None => room / BLOCK_ROWS * BLOCK_ROWS,
            };
            let rows = if pixels.is_some() { 0 } else { most.min(m.next_multiple_of(TILE_ROWS)) };
            let copied = memory.zeros(rows * pitch);
            let mut block = Block::new(gemm, k.clone(), *product, tiles.configure(steps), steps);
            let epilogue = block.epilogue;
            let mut row = 0;
            while row < m {
                let count = most.min(m - row);
                let found = if let Some(pixels) = pixels {
                    *pixels
                } else {
                    block.copy(tiles, a, row..row + count, pitch, copied);
                    matrix(RowMajor { data: copied, stride: pitch }, count)
                };
                block.epilogue = epilogue.rows(row);
                block.run(s, &found, count, part_mut(c, row * gemm.ldc..));
                row += count;
            }
        }
    }
}

/// `rows` rows of a matrix as pixels of an image.
fn matrix<A>(RowMajor { data, stride }: RowMajor<'_, A>, rows: usize) -> PixelRows<'_, A> {
    PixelRows { data, pitch: stride, line: rows, image: rows, width: rows, height: 1, first: 0 }
}

/// The rows of A and the steps of k, if the rows can be read in place.
#[inline(always)]
fn in_place<'r, T: MulAdd, E: Epilogue<T::Acc>>(
    a: &LhsRows<'r, T>,
    m: usize,
    gemm: &Gemm<'_, T, E>,
) -> Option<(PixelRows<'r, T::A>, Steps)> {
    if T::flip(gemm.setup) != 0 || !gemm.k.is_multiple_of(T::STEP) {
        return None;
    }
    let (pixels, steps) = match a {
        LhsRows::Matrix(rows) => (matrix(*rows, m), Steps::new(gemm.k.div_ceil(T::STEP))),
        LhsRows::Implicit(rows) => rows.pixels()?,
    };
    let rows = TileRows::new(pixels.data, pixels.pitch, &steps);
    // Rows of a tile that are too many are read and not used, so there must be some in memory.
    let fits = steps.gap()[1] == 0 && m >= BLOCK_ROWS && rows.rows() >= BLOCK_ROWS;
    let aligned = (pixels.pitch * size_of::<T::A>()).is_multiple_of(TILE_BYTES)
        && pixels.data.as_ptr().addr().is_multiple_of(TILE_BYTES);
    (fits && aligned).then_some((pixels, steps))
}

/// A product for a part of k.
struct Block<'g, 'a, T: MulAdd, E> {
    gemm: &'g Gemm<'a, T, E>,
    k: Range<usize>,
    /// The epilogue of this part.
    epilogue: E,
    product: TileProduct,
    registers: Configured<'g>,
    steps: &'g Steps,
    sums: Sums<T::Acc>,
}

impl<'g, 'a, T: MulAdd, E: Epilogue<T::Acc>> Block<'g, 'a, T, E> {
    #[inline(always)]
    fn new(
        gemm: &'g Gemm<'a, T, E>,
        k: Range<usize>,
        product: TileProduct,
        registers: Configured<'g>,
        steps: &'g Steps,
    ) -> Self {
        let epilogue = gemm.epilogue.block(k.start == 0, k.end == gemm.k);
        Self { gemm, k, epilogue, product, registers, steps, sums: Sums::NONE }
    }

    /// Copies rows of A to rows of `pitch` elements.
    #[inline(always)]
    fn copy(
        &self,
        tiles: Tiles,
        a: &mut LhsRows<'_, T>,
        rows: Range<usize>,
        pitch: usize,
        copied: &mut [T::A],
    ) {
        let flip = T::flip(self.gemm.setup);
        let [before, gap] = self.steps.gap().map(|bytes| bytes / size_of::<T::A>());
        let first = self.k.start;
        if self.k.len() == self.gemm.k && a.copy(rows.start, rows.len(), pitch, copied) {
            for row in copied.chunks_exact_mut(pitch).take(rows.len()) {
                tiles.open(row, self.gemm.k, [before, gap], flip);
            }
            return;
        }
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
                            tiles.copy(from, flip, part_mut(to, start..));
                        } else {
                            let (front, back) = from.split_at(before.saturating_sub(start));
                            tiles.copy(front, flip, part_mut(to, start..));
                            tiles.copy(back, flip, part_mut(to, start + front.len() + gap..));
                        }
                    }
                }
                row += count;
            }
            k.start = k.end;
        }
    }

    /// Computes `m` rows of C.
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S, a: &PixelRows<'_, T::A>, m: usize, c: &mut [E::Output]) {
        let rows = TileRows::new(a.data, a.pitch, self.steps);
        let panels = self.gemm.n.div_ceil(PANEL);
        let bytes = self.steps.panel_bytes();
        let size = m.saturating_mul(self.gemm.n).saturating_mul(size_of::<E::Output>());
        let most = if bytes * BLOCK_PANELS > AHEAD_BYTES { 2 } else { BLOCK_PANELS };
        // If C is large and B stays in the cache, whole rows of C are written at a time.
        let by_rows = size > L2_BYTES && bytes * panels <= L2_BYTES / 2;
        let fit = L2_BYTES / (a.pitch * size_of::<T::A>()).max(1);
        let group = if by_rows { BLOCK_ROWS } else { fit.max(1).next_multiple_of(BLOCK_ROWS) };
        // The panels that are read again for the next block of rows stay in the level-1 cache if they fit. Otherwise the rows do,
        // which are read again for the next pair of panels.
        let streamed = match bytes * if by_rows { panels } else { most } {
            ..=L1_BYTES if by_rows || bytes * BLOCK_PANELS <= L1_BYTES / 2 => Streamed::Neither,
            ..=L1_BYTES => Streamed::A,
            _ => Streamed::B,
        };
        let mut start = a.find(0);
        while start.row < m {
            let end = m.min(start.row + group);
            let mut next = start;
            let mut panel = 0;
            while panel < panels {
                let count = most.min(panels - panel);
                let blocks = (end - start.row).div_ceil(BLOCK_ROWS);
                // All of a small B is in the cache after the first rows.
                let cached = by_rows && start.row > 0;
                let mut ahead = if cached { CacheLines::NONE } else { self.ahead(panel..panel + count) };
                let share = ahead.count().div_ceil(blocks * count.div_ceil(2));
                next = start;
                while next.row < end {
                    if size > L2_BYTES / 2 {
                        self.prefetch(s, next.row + BLOCK_ROWS, panel, c);
                    }
                    let first = next;
                    let stop = a.span(&mut next, BLOCK_ROWS, end);
                    let tile = self.multiply(
                        rows,
                        first.pixel..stop,
                        panel..panel + count,
                        streamed,
                        (&mut ahead, share),
                    );
                    self.store(s, a, (first, next.row), first.pixel - tile, panel..panel + count, c);
                }
                panel += count;
            }
            start = next;
        }
    }

    /// Prefetches the part of C in a block of four panels that begins in row `row`.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, row: usize, panel: usize, c: &[E::Output]) {
        let width = (BLOCK_PANELS * PANEL).min(self.gemm.n - panel * PANEL);
        for row in row..row + BLOCK_ROWS {
            let first = row * self.gemm.ldc + panel * PANEL;
            let Some(part) = c.get(first..first + width) else { break };
            let line = TILE_BYTES / size_of::<E::Output>();
            for first in part.iter().step_by(line) {
                s.prefetch((&raw const *first).cast());
            }
        }
    }

    /// Multiplies the rows that begin with these pixels, at most a block. It prefetches `share` of the lines `ahead` for each
    /// pair of panels. Returns the pixel of the first row of the sums.
    #[inline(always)]
    fn multiply(
        &mut self,
        a: TileRows<'_, T::A>,
        pixels: Range<usize>,
        panels: Range<usize>,
        streamed: Streamed,
        (ahead, share): (&mut CacheLines, usize),
    ) -> usize {
        let tiles = pixels.len().div_ceil(TILE_ROWS);
        // The last block of all begins earlier, so that all rows of its tiles are in memory.
        let first = pixels.start.min(a.rows().saturating_sub(tiles * TILE_ROWS));
        let pitch = self.gemm.padded_k() * PANEL;
        for (pair, panel) in panels.clone().step_by(2).enumerate() {
            // An odd last panel is multiplied twice, which takes little longer than once.
            let pairs = [panel, (panel + 1).min(panels.end - 1)];
            let pairs =
                pairs.map(|panel| part(part(self.gemm.panels, panel * pitch..), self.k.start * PANEL..pitch));
            let ahead = ahead.take(share);
            self.registers.multiply(
                self.product,
                a,
                first,
                tiles,
                pairs,
                &mut self.sums,
                pair,
                streamed,
                ahead,
            );
        }
        first
    }

    /// Stores the rows of a block from the cursor to row `end`. Row `sum` of the sums is the first of them.
    #[inline(always)]
    fn store<S: Simd>(
        &self,
        s: S,
        a: &PixelRows<'_, T::A>,
        (mut cursor, end): (Cursor, usize),
        sum: usize,
        panels: Range<usize>,
        c: &mut [E::Output],
    ) {
        let before = cursor.pixel - sum;
        while cursor.row < end {
            let count = a.left(&cursor).min(end - cursor.row);
            let (rows, sum) = (cursor.row..cursor.row + count, cursor.pixel - before);
            if const { !E::NARROW } && panels.len() == BLOCK_PANELS {
                self.store_rows::<S, BLOCK_PANELS>(s, rows, sum, panels.start, 0, c);
            } else {
                for i in 0..panels.len() {
                    self.store_rows::<S, 1>(s, rows.clone(), sum, panels.start, i, c);
                }
            }
            a.advance(&mut cursor, count);
        }
    }

    /// The lines of B that are read after these panels: as many as they have.
    #[inline(always)]
    fn ahead(&self, panels: Range<usize>) -> CacheLines {
        let pitch = self.gemm.padded_k() * PANEL;
        let part = part(self.gemm.panels, panels.start * pitch..panels.end * pitch);
        if size_of_val(part) > AHEAD_BYTES || self.k.len() < self.gemm.k {
            return CacheLines::NONE;
        }
        CacheLines::after(part, size_of_val(part) / TILE_BYTES)
    }

    /// Stores the sums of these rows, from row `sum` of the sums on, and of `P` panels from `panel` + `first` on. The sums begin
    /// with those of `panel`.
    #[inline(always)]
    fn store_rows<S: Simd, const P: usize>(
        &self,
        s: S,
        rows: Range<usize>,
        sum: usize,
        panel: usize,
        first: usize,
        c: &mut [E::Output],
    ) {
        let column = (panel + first) * PANEL;
        let width = (P * PANEL).min(self.gemm.n - column);
        let mut i = 0;
        while i + MR <= rows.len() {
            let tile = Tile { row: rows.start + i, column, width, ldc: self.gemm.ldc };
            self.finish::<S, MR, P>(s, tile, sum + i, first, c);
            i += MR;
        }
        while i < rows.len() {
            let tile = Tile { row: rows.start + i, column, width, ldc: self.gemm.ldc };
            self.finish::<S, 1, P>(s, tile, sum + i, first, c);
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
