//! The diagonals of a tensor, as an Einsum reads them.

use super::strided::{Strided, strides};
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Shape, View, ViewMut};

/// The elements of x whose places on the axes with the same number in `axes` are equal.
///
/// Axis i of x runs along axis `axes[i]` of y; each axis of y has one of x at least.
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
pub fn diagonal<'y, T: Copy, const R: usize, const Q: usize>(
    _: &mut Context<'_>,
    axes: [usize; R],
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, Q>,
) -> Result<View<'y, T, Q>> {
    let dims = y.dims();
    let strided = walk(&x.dims(), &axes, &dims)?;
    strided.copy(x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn walk(x: &[usize], axes: &[usize], y: &[usize]) -> Result<Strided> {
    let (dims, strides) = (Shape::new(x)?, strides(x));
    require(axes.iter().all(|&axis| axis < y.len()), "axes", "be axes of y")?;
    let mut strided = Strided::new(0);
    for (axis, &size) in y.iter().enumerate().rev() {
        let own = (0..dims.len()).filter(|&i| axes[i] == axis);
        require(own.clone().next().is_some(), "axes", "name every axis of y")?;
        require(own.clone().all(|i| dims[i] == size), "y", "have the dims of the axes that it runs along")?;
        strided.push(size, own.fold(0usize, |sum, i| sum.wrapping_add(strides[i])));
    }
    Ok(strided)
}
