//! How a product is cut into tiles: what the loop over tile registers reads.
#![allow(dead_code, reason = "only tile registers need all of it, which few targets have")]

use core::ptr::null;

/// The rows of a tile.
pub(crate) const TILE_ROWS: usize = 16;
/// The bytes in a row of a tile.
pub(crate) const TILE_BYTES: usize = 64;
/// The rows of a block of C: two tiles.
pub(crate) const BLOCK_ROWS: usize = 2 * TILE_ROWS;
/// The panels of a block of C.
pub(crate) const BLOCK_PANELS: usize = 4;
/// The largest number of runs.
pub(crate) const MAX_RUNS: usize = 64;

/// Rows of A, equally far apart. They may overlap.
#[derive(Clone, Copy)]
pub(crate) struct TileRows<'a, A> {
    data: &'a [A],
    pitch: usize,
    /// The rows of which the first `reach` bytes are in `data`.
    rows: usize,
    reach: usize,
}

impl<'a, A> TileRows<'a, A> {
    /// All rows in `data` that have the bytes which these steps read. They begin every `pitch` elements.
    pub fn new(data: &'a [A], pitch: usize, steps: &Steps) -> Self {
        let room = size_of_val(data).checked_sub(steps.reach);
        let rows = room.map_or(0, |room| room / (pitch * size_of::<A>()).max(1) + 1);
        Self { data, pitch, rows, reach: steps.reach }
    }

    /// The number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The first byte of the rows, and the bytes from one row to the next, if `count` rows from row `row` on have the bytes
    /// which these steps read.
    #[inline(always)]
    pub fn bytes(&self, row: usize, count: usize, steps: &Steps) -> Option<(*const u8, usize)> {
        let fits = row.checked_add(count).is_some_and(|end| end <= self.rows) && steps.reach <= self.reach;
        let pitch = self.pitch * size_of::<A>();
        fits.then(|| (self.data.as_ptr().cast::<u8>().wrapping_add(row * pitch), pitch))
    }
}

/// Steps whose bytes follow each other, in the rows of A as in the panels of B.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The bytes before the first step in a row, and in a panel.
    a: usize,
    b: usize,
    steps: usize,
}

/// How the k of a product is cut into steps of one tile.
///
/// All steps take equally many elements.
pub(crate) struct Steps {
    runs: [Run; MAX_RUNS],
    used: usize,
    count: usize,
    /// The groups of 4 bytes in a row of a tile of A, which are the rows of a tile of B.
    words: usize,
    /// The words of the gap; see [`Steps::new`].
    gap: usize,
    /// The bytes from the begin of a row of A to the end of the last ones that are read.
    reach: usize,
}

impl Steps {
    const NONE: Self = Self {
        runs: [Run { a: 0, b: 0, steps: 0 }; MAX_RUNS],
        used: 0,
        count: 0,
        words: TILE_ROWS,
        gap: 0,
        reach: 0,
    };

    /// The steps of `words` words of k that follow each other in the rows of A.
    ///
    /// If k is not a multiple of a step, the last step begins earlier, with rows of B that the step before has already
    /// multiplied. There, A has a gap of zeros.
    pub fn new(words: usize) -> Self {
        let count = words.div_ceil(TILE_ROWS);
        if count <= 1 {
            return Self { words, ..Self::NONE }.run(0, 0, count);
        }
        let gap = count * TILE_ROWS - words;
        let (before, last) = if gap == 0 { (count, 0) } else { (count - 1, 1) };
        Self { gap, ..Self::NONE }.run(0, 0, before).run(before * TILE_BYTES, before * TILE_ROWS - gap, last)
    }

    /// The steps of taps of `bytes` bytes each that are at `offsets` in the rows of A, in bytes. `None` if there are too many
    /// of them, or they are not whole steps.
    pub fn of_taps(offsets: impl Iterator<Item = usize>, bytes: usize) -> Option<Self> {
        let steps = bytes / TILE_BYTES;
        let mut all = Self::NONE;
        for (tap, offset) in offsets.enumerate() {
            if tap == MAX_RUNS || steps * TILE_BYTES != bytes {
                return None;
            }
            all = all.run(offset, tap * steps * TILE_ROWS, steps);
        }
        Some(all)
    }

    /// Appends a run, unless it has no steps. The first step begins with byte `a` of the rows and with row `b` of the panels.
    fn run(mut self, a: usize, b: usize, steps: usize) -> Self {
        if let Some(run) = self.runs.get_mut(self.used).filter(|_| steps > 0) {
            *run = Run { a, b: b * TILE_BYTES, steps };
            self.used += 1;
            self.count += steps;
            self.reach = self.reach.max(a + ((steps - 1) * TILE_ROWS + self.words) * 4);
        }
        self
    }

    #[inline(always)]
    pub fn runs(&self) -> &[Run] {
        &self.runs[..self.used.min(MAX_RUNS)]
    }

    /// The number of steps.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    pub fn words(&self) -> usize {
        self.words
    }

    /// The bytes from the begin of a row of A to the gap, and of the gap.
    pub fn gap(&self) -> [usize; 2] {
        [self.count.saturating_sub(1) * TILE_BYTES, self.gap * 4]
    }

    /// The bytes from one copied row of `words` words to the next: an odd number of cache lines, so that the rows of a tile are
    /// in different sets of the cache.
    pub const fn pitch(words: usize) -> usize {
        (words.div_ceil(TILE_ROWS) | 1) * TILE_BYTES
    }

    /// The bytes of a panel of B.
    #[inline(always)]
    pub fn panel_bytes(&self) -> usize {
        (self.count * self.words - self.gap) * TILE_BYTES
    }
}

/// The operand whose bytes need not stay in the level-1 cache.
#[derive(Clone, Copy)]
pub(crate) enum Streamed {
    Neither,
    A,
    B,
}

/// Cache lines to prefetch. The pointer is never dereferenced.
#[derive(Clone, Copy)]
pub(crate) struct CacheLines {
    first: *const u8,
    count: usize,
}

impl CacheLines {
    pub const NONE: Self = Self { first: null(), count: 0 };

    /// The `count` lines after a slice.
    #[inline(always)]
    pub fn after<T>(slice: &[T], count: usize) -> Self {
        Self { first: slice.as_ptr_range().end.cast(), count }
    }

    #[inline(always)]
    pub fn first(&self) -> *const u8 {
        self.first
    }

    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Splits off the first `count` lines, or all if there are fewer.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Self {
        let count = count.min(self.count);
        let taken = Self { count, ..*self };
        self.first = self.first.wrapping_add(count * TILE_BYTES);
        self.count -= count;
        taken
    }
}
