//! The diagonals of a tensor, as an Einsum reads them.

use super::strided::{Strided, strides};
use crate::error::{Result, check_len, require};
use crate::tensor::{Shape, len};

/// The elements of x whose places on the axes with the same number in `axes` are equal.
///
/// Axis i of x, whose shape is `dims`, runs along axis `axes[i]` of y; each axis of y has one of x at least.
pub fn diagonal<T: Copy>(x: &[T], dims: &[usize], axes: &[usize], y: &mut [T]) -> Result<()> {
    check_len("x", len(&Shape::new(dims)?)?, x.len())?;
    require(axes.len() == dims.len(), "axes", "have one entry for each axis")?;
    let rank = axes.iter().map(|&axis| axis.saturating_add(1)).max().unwrap_or(0);
    require(rank <= dims.len(), "axes", "name every axis of y")?;
    let strides = strides(dims);
    let mut size = 1;
    let mut strided = Strided::new(0);
    for axis in (0..rank).rev() {
        let own = (0..dims.len()).filter(|&i| axes[i] == axis);
        let first = own.clone().next().map_or(0, |i| dims[i]);
        require(own.clone().all(|i| dims[i] == first), "axes", "join axes of one size")?;
        require(own.clone().next().is_some(), "axes", "name every axis of y")?;
        strided.push(first, own.fold(0usize, |sum, i| sum.wrapping_add(strides[i])));
        size = len(&[size, first])?;
    }
    check_len("y", size, y.len())?;
    strided.copy(x, y);
    Ok(())
}
