//! Expand: broadcasts a tensor to other dims.

use super::strided::{Strided, strides};
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::broadcast::shape;
use crate::tensor::{View, ViewMut};

/// Broadcasts x to the dims of y, as NumPy does: axes of size 1 are repeated.
///
/// ```
/// use tf_layers::ops::expand;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0; 6];
/// let y = expand(cx, View::new(&[1, 2], [2, 1])?, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [1, 1, 1, 2, 2, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x does not broadcast to the dims of y, or y has more than 8.
pub fn expand<'y, T: Copy, const A: usize, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, A>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    plan(&x.dims(), &y.dims())?.copy(x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn plan(x: &[usize], y: &[usize]) -> Result<Strided> {
    require(shape([x, y])?.iter().eq(y), "x", "broadcast to the dims of y")?;
    let strides = strides(x);
    let mut strided = Strided::new(0);
    for back in 1..=y.len() {
        let own = x.len().checked_sub(back);
        let stride = own.filter(|&axis| x[axis] != 1).map_or(0, |axis| strides[axis]);
        strided.push(y[y.len() - back], stride);
    }
    Ok(strided)
}
