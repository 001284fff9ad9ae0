//! Batches in chunks of rows. Each chunk runs through the whole model before the next one starts.

use crate::error::Result;
use crate::simd::MAX_MR;

/// Bytes that the rows of a chunk may take: 768 KiB leave room for weights in a level-2 cache of 1 MiB.
const CHUNK_BYTES: usize = 3 << 18;
/// A multiple of the register tile's height on every instruction set.
const STEP: usize = 48;
/// More rows do not reuse the weights better, and strain the level-1 cache.
const MAX_CHUNK_ROWS: usize = 8 * STEP;

/// Tensors that can be split between two rows of a batch: the first dim is the batch size or a multiple of it.
///
/// Implemented for slices, views, and tuples of them.
pub trait SplitRows: Sized {
    /// Splits `rows` rows after the first `count`.
    #[must_use]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self);

    /// Whether the rows have no elements. A batch of such rows can be arbitrarily large, so it must not be split.
    #[must_use]
    fn has_empty_rows(&self) -> bool;
}

impl<T> SplitRows for &[T] {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        self.split_at(cut(self.len(), count, rows))
    }

    #[inline]
    fn has_empty_rows(&self) -> bool {
        self.is_empty()
    }
}

impl<T> SplitRows for &mut [T] {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let at = cut(self.len(), count, rows);
        self.split_at_mut(at)
    }

    #[inline]
    fn has_empty_rows(&self) -> bool {
        self.is_empty()
    }
}

/// The number of elements in the first `count` of `rows` rows, which have `len` elements together.
#[inline]
fn cut(len: usize, count: usize, rows: usize) -> usize {
    len.checked_div(rows).unwrap_or(0).saturating_mul(count).min(len)
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: SplitRows),+> SplitRows for ($($name,)+) {
            #[inline]
            #[allow(non_snake_case)]
            fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
                let ($($name,)+) = self;
                let ($($name,)+) = ($($name.split_rows(count, rows),)+);
                (($($name.0,)+), ($($name.1,)+))
            }

            #[inline]
            #[allow(non_snake_case)]
            fn has_empty_rows(&self) -> bool {
                let ($($name,)+) = self;
                $($name.has_empty_rows())&&+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// The number of rows in a chunk, if the intermediate results of a row take `row_bytes`.
///
/// As many rows as stay in the level-2 cache together, but at least `least`, which amortize loading the weights.
#[must_use]
pub const fn chunk_rows(row_bytes: usize, least: usize) -> usize {
    let fitting = match CHUNK_BYTES.checked_div(row_bytes) {
        Some(rows) => rows,
        None => CHUNK_BYTES,
    };
    let rows = match fitting {
        0 => 1,
        1..MAX_MR => fitting,
        MAX_MR..STEP => fitting / MAX_MR * MAX_MR,
        STEP..MAX_CHUNK_ROWS => fitting / STEP * STEP,
        _ => MAX_CHUNK_ROWS,
    };
    match least {
        _ if rows >= least => rows,
        0..MAX_MR => least,
        _ => least.next_multiple_of(MAX_MR),
    }
}

/// Runs a batch in chunks of at most `chunk_rows` rows, in order. Calls `run(count, rows, workspace)` for each chunk.
///
/// A batch that fits in one chunk, or whose rows have no elements, is run at once.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::for_each_chunk;
///
/// let x: Vec<f32> = (0..10).map(|i| i as f32).collect();
/// let mut y = [0.0; 5];
/// let batch = (View::new(&x, [5, 2])?, ViewMut::new(&mut y, [5, 1])?);
/// let mut chunks = Vec::new();
/// for_each_chunk(5, 2, batch, &mut chunks, |rows, (x, mut y), chunks| {
///     chunks.push(rows);
///     for (y, x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?.chunks(2)) {
///         *y = x[0] + x[1];
///     }
///     Ok(())
/// })?;
/// assert_eq!(chunks, [2, 2, 1]);
/// assert_eq!(y, [1.0, 5.0, 9.0, 13.0, 17.0]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// The first error of `run` stops the loop. The position in an [`Error::Index`](crate::Error::Index) is converted to one
/// in the whole batch.
#[inline]
pub fn for_each_chunk<R: SplitRows, W>(
    batch: usize,
    chunk_rows: usize,
    rows: R,
    workspace: &mut W,
    run: impl Fn(usize, R, &mut W) -> Result<()>,
) -> Result<()> {
    // There is one call of `run`, so that it is inlined and the tensors of a small batch stay in registers.
    let chunk_rows = if rows.has_empty_rows() { batch } else { chunk_rows.max(1) };
    let (mut first, mut rest) = (0, rows);
    loop {
        let left = batch - first;
        let (count, chunk, others) = if left <= chunk_rows {
            (left, rest, None)
        } else {
            // Two chunks of nearly equal size rather than a full one and a small one.
            let count = if left < 2 * chunk_rows { left.div_ceil(2) } else { chunk_rows };
            let (chunk, others) = rest.split_rows(count, left);
            (count, chunk, Some(others))
        };
        run(count, chunk, workspace).map_err(|error| error.in_chunk(first, count, batch))?;
        let Some(others) = others else { return Ok(()) };
        (first, rest) = (first + count, others);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::error::Error;

    #[test]
    fn chunks_are_as_large_as_allowed_and_cover_all_rows() {
        let cases: [(usize, usize, &[usize]); 8] = [
            (0, 3, &[0]),
            (1, 3, &[1]),
            (3, 3, &[3]),
            (4, 3, &[2, 2]),
            (6, 3, &[3, 3]),
            (11, 3, &[3, 3, 3, 2]),
            (2, 0, &[1, 1]),
            (2, usize::MAX, &[2]),
        ];
        for (batch, chunk_rows, expected) in cases {
            let x: Vec<usize> = (0..batch * 2).collect();
            let mut y = [0; 11];
            let mut sizes = Vec::new();
            let run = |rows: usize, (x, y): (&[usize], &mut [usize]), sizes: &mut Vec<usize>| {
                sizes.push(rows);
                for (y, x) in y.iter_mut().zip(x.chunks(2)) {
                    *y = x[0] + x[1];
                }
                assert_eq!((x.len(), y.len()), (2 * rows, rows));
                Ok(())
            };
            assert_eq!(for_each_chunk(batch, chunk_rows, (&x[..], &mut y[..batch]), &mut sizes, run), Ok(()));
            assert_eq!(sizes, expected, "{batch} rows in chunks of {chunk_rows}");
            assert!(y[..batch].iter().enumerate().all(|(i, &y)| y == 4 * i + 1));
        }
    }

    #[test]
    fn rows_without_elements_are_not_split() {
        let none: &[f32] = &[];
        assert_eq!(none.split_rows(2, 5), (none, none));
        assert_eq!(for_each_chunk(usize::MAX, 1, (none, none), &mut (), |_, _, ()| Ok(())), Ok(()));
        assert_eq!((none, &[1, 2, 3, 4][..]).split_rows(1, 2), ((none, &[1, 2][..]), (none, &[3, 4][..])));
    }

    #[test]
    fn an_error_gives_the_position_in_the_whole_batch() {
        let index = |position, len| Error::Index { tensor: "x", position, len, value: -1, size: 2 };
        let fail = |rows: usize, x: &[i32], (): &mut ()| {
            x.iter().position(|&x| x < 0).map_or(Ok(()), |at| Err(index(at, rows * 2)))
        };
        for bad in [0, 3, 9] {
            let mut x = [0; 10];
            x[bad] = -1;
            assert_eq!(for_each_chunk(5, 2, &x[..], &mut (), fail), Err(index(bad, 10)));
        }
    }

    #[test]
    fn the_size_of_a_chunk() {
        for (row_bytes, least, rows) in [
            (0, 0, 384),
            (1 << 20, 0, 1),
            (1 << 21, 1, 1),
            (1 << 21, 5, 5),
            (1 << 21, 8, 12),
            (126 << 10, 2, 6),
            (70 << 10, 2, 6),
            (30 << 10, 2, 24),
            (7272, 64, 96),
            (9, 1, 384),
            (9, 500, 504),
        ] {
            assert_eq!(chunk_rows(row_bytes, least), rows, "{row_bytes} {least}");
        }
    }
}
