//! Embedding lookup.

use crate::Context;
use crate::checked::{copy, part, part_mut};
use crate::error::{Result, require};
use crate::tensor::index::find;
use crate::tensor::{Index, Outside, View, ViewMut};

/// Looks up a row of a table for every index. The table of a quantized model holds integers.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::Outside;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let table = View::new(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5], [3, 2])?;
/// let layer = Embedding { outside: Outside::FromEnd, ..Embedding::new(table) };
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, View::new(&[1, -1], [2])?, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 1.5, 2.0, 2.5]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding<'w, T = f32> {
    /// The name of the index tensor for error messages.
    pub input: &'static str,
    /// The table `[rows, dim]`.
    pub table: View<'w, T, 2>,
    /// How indices outside the table are handled.
    pub outside: Outside,
}

impl<'w, T: Copy> Embedding<'w, T> {
    /// Looks up rows of `table` `[rows, dim]`. Indices outside the table are errors, which call the input `x`.
    #[must_use]
    pub const fn new(table: View<'w, T, 2>) -> Self {
        Self { input: "x", table, outside: Outside::Error }
    }

    /// From indices x of any dims to y `[.., dim]`, with one row per index.
    ///
    /// # Errors
    ///
    /// If y does not have one row per index and `dim` columns, an index is NaN, or an index is out of range.
    pub fn run<'y, I: Index, const P: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, I, P>,
        y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        look_up(&self.table, self.input, self.outside, x, y)
    }
}

/// A table whose rows are copied or converted to elements of type `Y`.
pub(super) trait Rows<Y> {
    /// The numbers of rows and columns.
    fn dims(&self) -> [usize; 2];
    /// Fails unless the parts of the table fit together.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Writes the row `row`, which has the length of `y`.
    fn copy(&self, row: usize, y: &mut [Y]) -> Result<()>;
}

impl<T: Copy> Rows<T> for View<'_, T, 2> {
    fn dims(&self) -> [usize; 2] {
        Self::dims(self)
    }
    fn copy(&self, row: usize, y: &mut [T]) -> Result<()> {
        copy(y, row_of(self, row)?);
        Ok(())
    }
}

/// The row `row` of a table.
pub(super) fn row_of<'a, T>(table: &View<'a, T, 2>, row: usize) -> Result<&'a [T]> {
    let dim = table.columns();
    Ok(part(table.as_slice()?, row * dim..(row + 1) * dim))
}

/// Looks up the row of `table` for every index. `input` is the name of x for error messages.
pub(super) fn look_up<'y, Y: Copy, I: Index, const P: usize, const R: usize>(
    table: &impl Rows<Y>,
    input: &'static str,
    outside: Outside,
    x: View<'_, I, P>,
    mut y: ViewMut<'y, Y, R>,
) -> Result<View<'y, Y, R>> {
    let ([rows, dim], x) = (table.dims(), x.as_slice()?);
    require(y.rows() == x.len() && y.columns() == dim, "y", "have one row of the table for each index")?;
    table.check()?;
    let to = y.as_mut_slice()?;
    for position in 0..x.len() {
        let row = find(input, outside, rows, x, position)?;
        table.copy(row, part_mut(to, position * dim..(position + 1) * dim))?;
    }
    Ok(y.into_view())
}
