//! Embedding lookup in tables that take fewer bits than `f32`.

use super::embedding::{Rows, look_up, row_of};
use crate::Context;
use crate::error::{Result, check_len};
use crate::tensor::{BF16, F16, Index, Outside, View, ViewMut};

/// Looks up a row of a table for every index, and converts it to `f32`. The table is a [`View`] of [`F16`] or [`BF16`], or
/// [`ScaledRows`].
///
/// ```
/// use tf_layers::nn::{ScaledRows, SmallEmbedding};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let integers = View::new(&[-2i8, 127, 3, 0], [2, 2])?;
/// let layer = SmallEmbedding::new(ScaledRows { integers, scales: &[0.5, 0.25] });
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, View::new(&[1], [1])?, ViewMut::new(&mut y, [1, 2])?)?;
/// assert_eq!(y.as_slice()?, [0.75, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallEmbedding<T> {
    /// The name of the index tensor for error messages.
    pub input: &'static str,
    /// The table `[rows, dim]`.
    pub table: T,
    /// How indices outside the table are handled.
    pub outside: Outside,
}

/// A table of 8-bit integers with a scale for each row: row i is `integers[i, ..] · scales[i]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledRows<'w> {
    /// `[rows, dim]`
    pub integers: View<'w, i8, 2>,
    /// `[rows]`
    pub scales: &'w [f32],
}

/// The table of a [`SmallEmbedding`].
#[allow(private_bounds)] // sealed
pub trait SmallTable: Rows<f32> {}

macro_rules! floats {
    ($($float:ty),+) => {$(
        impl SmallTable for View<'_, $float, 2> {}
        impl Rows<f32> for View<'_, $float, 2> {
            fn dims(&self) -> [usize; 2] {
                Self::dims(self)
            }
            fn copy(&self, row: usize, y: &mut [f32]) -> Result<()> {
                for (y, &x) in y.iter_mut().zip(row_of(self, row)?) {
                    *y = x.into();
                }
                Ok(())
            }
        }
    )+};
}

floats!(F16, BF16);

impl SmallTable for ScaledRows<'_> {}
impl Rows<f32> for ScaledRows<'_> {
    fn dims(&self) -> [usize; 2] {
        self.integers.dims()
    }
    fn check(&self) -> Result<()> {
        check_len("scales", self.integers.dims()[0], self.scales.len())
    }
    fn copy(&self, row: usize, y: &mut [f32]) -> Result<()> {
        let scale = self.scales.get(row).copied().unwrap_or_default();
        for (y, &x) in y.iter_mut().zip(row_of(&self.integers, row)?) {
            *y = f32::from(x) * scale;
        }
        Ok(())
    }
}

impl<T: SmallTable> SmallEmbedding<T> {
    /// Looks up rows of `table` `[rows, dim]`. Indices outside the table are errors, which call the input `x`.
    #[must_use]
    pub const fn new(table: T) -> Self {
        Self { input: "x", table, outside: Outside::Error }
    }

    /// From indices x of any dims to y `[.., dim]`, with one row per index.
    ///
    /// # Errors
    ///
    /// If y does not have one row per index and `dim` columns, the table does not have one scale per row, an index is NaN,
    /// or an index is out of range.
    pub fn run<'y, I: Index, const P: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, I, P>,
        y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        look_up(&self.table, self.input, self.outside, x, y)
    }
}
