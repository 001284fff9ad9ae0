//! The diagonals that an `Einsum` reads if an operand repeats a label.

use super::strided::{Strided, strides};
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Shape, View, ViewMut};

/// Reads the elements of x with equal indices on all axes that map to the same axis of y.
///
/// Axis i of x maps to axis `axes[i]` of y. Every axis of y must have at least one axis of x.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4], [2, 2])?;
/// let mut y = [0; 2];
/// let y = ops::diagonal(cx, [0, 0], x, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [1, 4]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If `axes` does not cover the axes of y, or the dims of the axes differ.
pub fn diagonal<'y, T: Copy, const R: usize, const Q: usize>(
    _: &mut Context<'_>,
    axes: [usize; R],
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, Q>,
) -> Result<View<'y, T, Q>> {
    let dims = y.dims();
    plan(&x.dims(), &axes, &dims)?.copy(x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn plan(x: &[usize], axes: &[usize], y: &[usize]) -> Result<Strided> {
    let (dims, strides) = (Shape::new(x)?, strides(x));
    require(axes.iter().all(|&axis| axis < y.len()), "axes", "be axes of y")?;
    let mut strided = Strided::new(0);
    for (axis, &size) in y.iter().enumerate().rev() {
        let own = (0..dims.len()).filter(|&i| axes[i] == axis);
        require(own.clone().next().is_some(), "axes", "name every axis of y")?;
        require(own.clone().all(|i| dims[i] == size), "y", "have the dims of the axes of x that map to it")?;
        strided.push(size, own.fold(0usize, |sum, i| sum.wrapping_add(strides[i])));
    }
    Ok(strided)
}
