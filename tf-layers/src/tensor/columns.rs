//! Some columns of a matrix as the place of a result.

use super::ViewMut;
use crate::error::{Error, Result, require};

/// The rows of a result, which may stand beside others: what they are concatenated to needs no copy.
#[derive(Debug)]
pub(crate) struct Columns<'y> {
    /// From the first element of the result to the last.
    pub y: &'y mut [f32],
    /// The elements from one row to the next.
    pub of: usize,
    /// The columns of the result.
    n: usize,
}

impl<'y> Columns<'y> {
    /// Those of a tensor.
    #[inline]
    pub fn of<const R: usize>(y: &'y mut ViewMut<'_, f32, R>) -> Self {
        let (of, n) = (y.stride(), y.columns());
        Self { y: y.memory(), of, n }
    }

    /// Whether there is room for a result `[rows, n]`.
    #[inline]
    pub fn check(&self, rows: usize, n: usize) -> Result<()> {
        require(n == self.n && n <= self.of, "y", "have as many columns as the result")?;
        let len = match rows.checked_sub(1) {
            Some(above) if n > 0 => above.checked_mul(self.of).and_then(|above| above.checked_add(n)),
            _ => Some(0),
        };
        require(len.ok_or(Error::Overflow)? <= self.y.len(), "y", "have as many rows as the result")
    }

    /// What begins with column `column` of the result. There must be rows and columns.
    #[inline]
    pub fn from(&mut self, column: usize) -> &mut [f32] {
        &mut self.y[column..]
    }
}
