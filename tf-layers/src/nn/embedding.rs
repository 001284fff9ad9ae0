//! Looking up rows of a table.

use crate::error::{Result, check_len};
use crate::tensor::index::find;
use crate::tensor::{Index, Outside, len};

/// A table of vectors, one for each index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding<'w> {
    /// The name of the tensor of indices, for errors.
    pub input: &'static str,
    /// `[rows, dim]`
    pub table: &'w [f32],
    /// Vectors in the table.
    pub rows: usize,
    /// Numbers in a vector.
    pub dim: usize,
    /// What an index outside the table does.
    pub outside: Outside,
}

impl Embedding<'_> {
    /// From x, any number of indices, to y `[len of x, dim]`. A NaN among them is an error.
    pub fn run<I: Index>(&self, x: &[I], y: &mut [f32]) -> Result<()> {
        check_len("table", len(&[self.rows, self.dim])?, self.table.len())?;
        check_len("y", len(&[x.len(), self.dim])?, y.len())?;
        for position in 0..x.len() {
            let row = find(self.input, self.outside, self.rows, x, position)?;
            let vector = &self.table[row * self.dim..][..self.dim];
            y[position * self.dim..][..self.dim].copy_from_slice(vector);
        }
        Ok(())
    }
}
