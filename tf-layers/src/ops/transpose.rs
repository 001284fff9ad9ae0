//! Transpose: permutes axes.

use core::mem::replace;

use super::strided::{Strided, strides};
use crate::Context;
use crate::checked::axis_index;
use crate::error::{Result, require};
use crate::tensor::{MAX_RANK, Shape, View, ViewMut};

/// Permutes the axes: axis i of y is axis `perm[i]` of x.
///
/// ```
/// use tf_layers::ops::transpose;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let mut y = [0; 6];
/// let y = transpose(cx, [1, 0], x, ViewMut::new(&mut y, [3, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 4, 2, 5, 3, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If `perm` is not a permutation of the axes, y does not have the permuted dims of x, or there are more than 8.
pub fn transpose<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    perm: [usize; R],
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    plan(&perm, &x.dims(), &y.dims())?.copy(x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

/// The strided copy from x to y; x, y and `perm` have the same length.
fn plan(perm: &[usize], x: &[usize], y: &[usize]) -> Result<Strided> {
    Shape::new(x)?;
    let mut seen = [false; MAX_RANK];
    for (&axis, &dim) in perm.iter().zip(y) {
        let seen = seen.iter_mut().take(x.len()).nth(axis);
        require(seen.is_some_and(|seen| !replace(seen, true)), "perm", "name every axis once")?;
        require(x.get(axis) == Some(&dim), "y", "have the permuted dims of x")?;
    }
    let strides = strides(x);
    let mut strided = Strided::new(0);
    for &axis in perm.iter().rev() {
        strided.push(x.get(axis).copied().unwrap_or(1), strides[axis_index(axis)]);
    }
    Ok(strided)
}
