//! Repeating a tensor along axes, by broadcasting.

use super::strided::{Strided, strides};
use crate::error::{Result, check_len, require};
use crate::tensor::broadcast::shape;
use crate::tensor::{Shape, len};

/// Repeats x along the axes in which it has 1 where `y_shape` has more, as NumPy does.
pub fn broadcast<T: Copy>(x: &[T], x_shape: &[usize], y: &mut [T], y_shape: &[usize]) -> Result<()> {
    check_len("x", len(&Shape::new(x_shape)?)?, x.len())?;
    check_len("y", len(&Shape::new(y_shape)?)?, y.len())?;
    require(shape([x_shape, y_shape])?[..] == *y_shape, "x", "broadcast to the shape of y")?;
    let strides = strides(x_shape);
    let mut strided = Strided::new(0);
    for back in 1..=y_shape.len() {
        let own = x_shape.len().checked_sub(back);
        let stride = own.filter(|&axis| x_shape[axis] != 1).map_or(0, |axis| strides[axis]);
        strided.push(y_shape[y_shape.len() - back], stride);
    }
    strided.copy(x, y);
    Ok(())
}
