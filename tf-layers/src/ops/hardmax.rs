//! One-hot vectors of the greatest elements.

use super::arg_reduce::{Extreme, lane};
use crate::Context;
use crate::error::Result;
use crate::tensor::{Scalar, View, ViewMut, around, check_dims};

/// Hardmax: y = 1 where the first greatest element along an axis is, 0 elsewhere. x and y have the same dims.
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
pub fn hardmax<'y, T: Scalar, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    fill(around(&x.dims(), axis, 1)?, x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

/// The same for slices of these dims, `[outer, axis, inner]`.
fn fill<T: Scalar>([outer, axis, inner]: [usize; 3], x: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    if y.is_empty() {
        return;
    }
    for i in 0..outer * inner {
        let at = Extreme { greatest: true, last: false }.find(lane(x, i, axis, inner));
        y[(i / inner * axis + at) * inner + i % inner] = T::ONE;
    }
}
