//! Some columns of a matrix as the place of a result.

use super::len;
use crate::error::{Result, check_len, require};

/// Some columns of a matrix, for a result that stands beside others: what they are concatenated to needs no copy.
#[derive(Debug)]
pub struct Columns<'y> {
    /// `[rows, of]`; the other columns stay as they are.
    pub y: &'y mut [f32],
    /// The column of the result's first.
    pub first: usize,
    /// The columns of y.
    pub of: usize,
}

impl<'y> Columns<'y> {
    /// All columns.
    pub(crate) const fn all(y: &'y mut [f32], n: usize) -> Self {
        Self { y, first: 0, of: n }
    }

    /// Whether there is room for a result `[rows, n]`.
    pub(crate) fn check(&self, rows: usize, n: usize) -> Result<()> {
        check_len("y", len(&[rows, self.of])?, self.y.len())?;
        let end = self.first.checked_add(n);
        require(
            end.is_some_and(|end| end <= self.of),
            "first",
            "leave room for the result in the columns of y",
        )
    }

    /// What begins with column `column` of the result. There must be rows and columns.
    pub(crate) fn from(&mut self, column: usize) -> &mut [f32] {
        &mut self.y[self.first + column..]
    }
}
