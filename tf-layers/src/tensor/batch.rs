//! Batches in tiles of rows, each of which goes through a whole model before the next one does.

use crate::error::Result;
use crate::simd::MAX_MR;

/// What the rows of a tile may take, so that a level-2 cache of 1 MiB, and even more one of 2, has room for weights.
const TILE_BYTES: usize = 3 << 18;
/// Heights of which register tiles leave nothing over, whatever the instruction set.
const STEP: usize = 48;
/// More rows are no better for the weights, and worse for the level-1 cache.
const MOST: usize = 8 * STEP;

/// Slices of tensors whose first dim is the batch, or a multiple of it: they can be cut between two rows.
pub trait Rows: Sized {
    /// The first `count` of `rows` rows, and the others.
    #[must_use]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self);

    /// Whether no row has elements: then any number of rows fits into no memory, and they must not be counted out.
    #[must_use]
    fn are_hollow(&self) -> bool;
}

impl<T> Rows for &[T] {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        self.split_at(cut(self.len(), count, rows))
    }

    #[inline]
    fn are_hollow(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Rows for &mut [T] {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let at = cut(self.len(), count, rows);
        self.split_at_mut(at)
    }

    #[inline]
    fn are_hollow(&self) -> bool {
        self.is_empty()
    }
}

/// Where the first `count` of `rows` rows end in `len` elements.
#[inline]
fn cut(len: usize, count: usize, rows: usize) -> usize {
    len.checked_div(rows).unwrap_or(0).saturating_mul(count).min(len)
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Rows),+> Rows for ($($name,)+) {
            #[inline]
            #[allow(non_snake_case)]
            fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
                let ($($name,)+) = self;
                let ($($name,)+) = ($($name.split_rows(count, rows),)+);
                (($($name.0,)+), ($($name.1,)+))
            }

            #[inline]
            #[allow(non_snake_case)]
            fn are_hollow(&self) -> bool {
                let ($($name,)+) = self;
                $($name.are_hollow())&&+
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

/// How many rows make a tile, where each takes `row_bytes` on its way through the model: as many as stay in the
/// level-2 cache together, but `least`, so that loading the weights pays.
#[must_use]
pub const fn tile_rows(row_bytes: usize, least: usize) -> usize {
    let fitting = match TILE_BYTES.checked_div(row_bytes) {
        Some(rows) => rows,
        None => TILE_BYTES,
    };
    let rows = match fitting {
        0 => 1,
        1..MAX_MR => fitting,
        MAX_MR..STEP => fitting / MAX_MR * MAX_MR,
        STEP..MOST => fitting / STEP * STEP,
        _ => MOST,
    };
    match least {
        _ if rows >= least => rows,
        0..MAX_MR => least,
        _ => least.next_multiple_of(MAX_MR),
    }
}

/// Calls `run` with the number of rows, the rows and `workspace`, for tiles of at most `height` of the `batch` rows, in order;
/// once for all of them where they are few, or have no elements.
///
/// The first error ends it. What it says of a position in a tensor then counts from the first row of all.
#[inline]
pub fn each_tile<R: Rows, W>(
    batch: usize,
    height: usize,
    rows: R,
    workspace: &mut W,
    run: impl Fn(usize, R, &mut W) -> Result<()>,
) -> Result<()> {
    if batch <= height || rows.are_hollow() {
        return run(batch, rows, workspace);
    }
    let height = height.max(1);
    let (mut first, mut rest) = (0, rows);
    loop {
        let left = batch - first;
        if left <= height {
            return run(left, rest, workspace).map_err(|error| error.in_tile(first, left, batch));
        }
        // Two tiles of nearly equal height rather than a full one and a low one.
        let count = if left < 2 * height { left.div_ceil(2) } else { height };
        let (tile, others) = rest.split_rows(count, left);
        run(count, tile, workspace).map_err(|error| error.in_tile(first, count, batch))?;
        (first, rest) = (first + count, others);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::error::Error;

    #[test]
    fn tiles_are_as_high_as_they_may_be_and_cover_all_rows() {
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
        for (batch, height, expected) in cases {
            let x: Vec<usize> = (0..batch * 2).collect();
            let mut y = [0; 11];
            let mut heights = Vec::new();
            let run = |rows: usize, (x, y): (&[usize], &mut [usize]), heights: &mut Vec<usize>| {
                heights.push(rows);
                for (y, x) in y.iter_mut().zip(x.chunks(2)) {
                    *y = x[0] + x[1];
                }
                assert_eq!((x.len(), y.len()), (2 * rows, rows));
                Ok(())
            };
            assert_eq!(each_tile(batch, height, (&x[..], &mut y[..batch]), &mut heights, run), Ok(()));
            assert_eq!(heights, expected, "{batch} rows by {height}");
            assert!(y[..batch].iter().enumerate().all(|(i, &y)| y == 4 * i + 1));
        }
    }

    #[test]
    fn rows_without_elements_are_rows() {
        let none: &[f32] = &[];
        assert_eq!(none.split_rows(2, 5), (none, none));
        assert_eq!(each_tile(usize::MAX, 1, (none, none), &mut (), |_, _, ()| Ok(())), Ok(()));
        assert_eq!((none, &[1, 2, 3, 4][..]).split_rows(1, 2), ((none, &[1, 2][..]), (none, &[3, 4][..])));
    }

    #[test]
    fn an_error_says_where_in_the_whole_tensor() {
        let index = |position, len| Error::Index { tensor: "x", position, len, value: -1, size: 2 };
        let fail = |rows: usize, x: &[i32], (): &mut ()| {
            x.iter().position(|&x| x < 0).map_or(Ok(()), |at| Err(index(at, rows * 2)))
        };
        for bad in [0, 3, 9] {
            let mut x = [0; 10];
            x[bad] = -1;
            assert_eq!(each_tile(5, 2, &x[..], &mut (), fail), Err(index(bad, 10)));
        }
    }

    #[test]
    fn height_of_a_tile() {
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
            assert_eq!(tile_rows(row_bytes, least), rows, "{row_bytes} {least}");
        }
    }
}
