//! Copying whole tensors.

use crate::Context;
use crate::error::Result;
use crate::tensor::{View, ViewMut, check_dims};

/// y = x. y may be columns of a wider tensor.
pub fn copy<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    let (columns, stride) = (x.columns(), y.stride());
    let x = x.as_slice()?;
    if stride == columns {
        y.as_mut_slice()?.copy_from_slice(x);
    } else if columns > 0 {
        for (x, y) in x.chunks_exact(columns).zip(y.memory().chunks_mut(stride)) {
            y[..columns].copy_from_slice(x);
        }
    }
    Ok(y.into_view())
}
