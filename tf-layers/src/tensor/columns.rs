//! A result that is written to some columns of a wider matrix.

use super::ViewMut;
use crate::checked::part_mut;
use crate::error::{Error, Result, require};
use crate::simd::Bits8;

/// The rows of a result, which may be columns of a wider matrix: a Concatenate then needs no copy.
#[derive(Debug)]
pub(crate) struct Columns<'y, T = f32> {
    /// The memory from the first element of the result to the last.
    pub y: &'y mut [T],
    /// The row stride: the number of elements from the start of one row to that of the next.
    pub of: usize,
    /// The number of columns of the result.
    n: usize,
}

impl<'y, T> Columns<'y, T> {
    /// The rows of a tensor.
    #[inline]
    pub fn of<const R: usize>(y: &'y mut ViewMut<'_, T, R>) -> Self {
        let (of, n) = (y.stride(), y.columns());
        Self { y: y.memory(), of, n }
    }

    /// An error unless a result `[rows, n]` fits exactly.
    #[inline]
    pub fn check(&self, rows: usize, n: usize) -> Result<()> {
        require(n == self.n && n <= self.of, "y", "have as many columns as the result")?;
        let len = match rows.checked_sub(1) {
            Some(above) if n > 0 => above.checked_mul(self.of).and_then(|above| above.checked_add(n)),
            _ => Some(0),
        };
        require(len.ok_or(Error::Overflow)? <= self.y.len(), "y", "have as many rows as the result")
    }

    /// The memory from column `column` of the first row on. There must be at least one row and column.
    #[inline]
    pub fn from(&mut self, column: usize) -> &mut [T] {
        part_mut(self.y, column..)
    }
}

impl<'y> Columns<'y, u8> {
    /// The rows of the bits of a tensor.
    #[inline]
    pub fn bits<B: Bits8, const R: usize>(y: &'y mut ViewMut<'_, B, R>) -> Self {
        let (of, n) = (y.stride(), y.columns());
        Self { y: B::bits_mut(y.memory()), of, n }
    }
}
