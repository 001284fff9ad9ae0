//! Functions of single elements as tables.

use super::Byte;
use crate::Context;
use crate::error::{Result, check_len};
use crate::tensor::{View, ViewMut, check_dims};

/// Any function of one quantized element: y = table[x]. The table holds the results for all 256 bytes.
///
/// ```
/// use tf_layers::nn::QuantizedLookup;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // The absolute value of an `i8`. Its bits are the index.
/// let table: [u8; 256] = core::array::from_fn(|bits| (bits as i8).unsigned_abs());
/// let layer = QuantizedLookup::new(&table);
/// let mut y = [0_u8; 3];
/// let y = layer.run(cx, View::new(&[3_i8, -3, -128], [3])?, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [3, 3, 128]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedLookup<'w> {
    /// The bits of 256 results, in the order of the bits of x as unsigned bytes.
    pub table: &'w [u8],
}

impl<'w> QuantizedLookup<'w> {
    /// The function with these results.
    #[must_use]
    pub const fn new(table: &'w [u8]) -> Self {
        Self { table }
    }

    fn table(&self) -> Result<&'w [u8; 256]> {
        check_len("table", 256, self.table.len())?;
        self.table.try_into().map_err(|_| crate::Error::Overflow)
    }

    /// Computes y from x.
    ///
    /// # Errors
    ///
    /// If the table does not have 256 elements, or y other dims than x.
    pub fn run<'y, X: Byte, Y: Byte, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        check_dims(&x.dims(), &y.dims())?;
        let table = self.table()?;
        for (&x, y) in X::bits(x.as_slice()?).iter().zip(Y::bits_mut(y.as_mut_slice()?)) {
            *y = table[usize::from(x)];
        }
        Ok(y.into_view())
    }

    /// Replaces the elements of y.
    ///
    /// # Errors
    ///
    /// If the table does not have 256 elements.
    pub fn run_in_place<'y, Y: Byte, const R: usize>(
        &self,
        _: &mut Context<'_>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        let table = self.table()?;
        for y in Y::bits_mut(y.as_mut_slice()?) {
            *y = table[usize::from(*y)];
        }
        Ok(y.into_view())
    }
}
