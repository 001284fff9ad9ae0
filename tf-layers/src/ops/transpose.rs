//! Permuting axes.

use super::strided::{Strided, strides};
use crate::error::{Result, check_len, require};
use crate::tensor::{MAX_RANK, Shape, len};

/// Permutes the axes: axis i of y is axis `perm[i]` of x, whose shape is `dims`.
pub fn transpose<T: Copy>(x: &[T], y: &mut [T], dims: &[usize], perm: &[usize]) -> Result<()> {
    let shape = Shape::new(dims)?;
    check_len("x", len(&shape)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    let mut seen = [false; MAX_RANK];
    require(perm.len() == dims.len(), "perm", "have one entry for each axis")?;
    for &axis in perm {
        require(axis < dims.len() && !seen[axis], "perm", "name every axis once")?;
        seen[axis] = true;
    }
    let strides = strides(dims);
    let mut strided = Strided::new(0);
    for &axis in perm.iter().rev() {
        strided.push(dims[axis], strides[axis]);
    }
    strided.copy(x, y);
    Ok(())
}
