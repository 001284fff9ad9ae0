//! Looking up rows of a table.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::index::find;
use crate::tensor::{Index, Outside, View, ViewMut};

/// A table of vectors, one for each index.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::Outside;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let table = View::new(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5], [3, 2])?;
/// let layer = Embedding { input: "ids", table, outside: Outside::FromEnd };
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, View::new(&[1, -1], [2])?, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 1.5, 2.0, 2.5]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding<'w> {
    /// The name of the tensor of indices, for errors.
    pub input: &'static str,
    /// `[rows, dim]`
    pub table: View<'w, f32, 2>,
    /// What an index outside the table does.
    pub outside: Outside,
}

impl Embedding<'_> {
    /// From x, indices of any dims, to y `[.., dim]`, which has a row for each of them. A NaN among them is an error.
    pub fn run<'y, I: Index, const P: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, I, P>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let ([rows, dim], x) = (self.table.dims(), x.as_slice()?);
        require(y.rows() == x.len() && y.columns() == dim, "y", "have a row of the table for each index")?;
        self.look_up(rows, dim, x, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn look_up<I: Index>(&self, rows: usize, dim: usize, x: &[I], y: &mut [f32]) -> Result<()> {
        let table = self.table.as_slice()?;
        for position in 0..x.len() {
            let row = find(self.input, self.outside, rows, x, position)?;
            y[position * dim..][..dim].copy_from_slice(&table[row * dim..][..dim]);
        }
        Ok(())
    }
}
