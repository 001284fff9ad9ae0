//! Hardmax: one-hot vectors of the maxima along an axis.

use super::arg_reduce::{ArgReduce, lane};
use crate::Context;
use crate::error::Result;
use crate::tensor::{Number, View, ViewMut, around, check_dims};

/// Writes 1 at the first maximum along the axis and 0 elsewhere. A NaN counts as the maximum.
///
/// ```
/// use tf_layers::ops::hardmax;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 5, 5, 0, -1, -2], [2, 3])?;
/// let mut y = [0; 6];
/// let y = hardmax(cx, 1, x, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [0, 1, 0, 1, 0, 0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x, or x has no such axis.
pub fn hardmax<'y, T: Number, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    fill(around(&x.dims(), axis, 1)?, x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

/// From x `[outer, axis, inner]` to y with the same dims.
fn fill<T: Number>([outer, axis, inner]: [usize; 3], x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    if y.is_empty() {
        return;
    }
    for i in 0..outer * inner {
        let at = ArgReduce { greatest: true, last: false }.find(lane(x, i, axis, inner));
        y[(i / inner * axis + at) * inner + i % inner] = T::ONE;
    }
}
