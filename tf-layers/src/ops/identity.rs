//! Identity: copies a tensor.

use crate::Context;
use crate::checked::{self, part_mut};
use crate::error::Result;
use crate::tensor::{View, ViewMut, check_dims};

/// Copies x to y, which may be columns of a wider tensor.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut wide = [0; 6];
/// let mut y = ViewMut::new(&mut wide, [2, 3])?;
/// ops::copy(cx, View::new(&[1, 2], [2, 1])?, y.slice_columns(2..3)?)?;
/// assert_eq!(wide, [0, 0, 1, 0, 0, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn copy<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    let (columns, stride) = (x.columns(), y.stride());
    let x = x.as_slice()?;
    if stride == columns {
        checked::copy(y.as_mut_slice()?, x);
    } else if columns > 0 {
        for (row, x) in x.chunks_exact(columns).enumerate() {
            checked::copy(part_mut(y.memory(), row * stride..row * stride + columns), x);
        }
    }
    Ok(y.into_view())
}
