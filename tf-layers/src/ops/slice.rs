//! Parts of a tensor: elements at regular distances along each axis.

use super::strided::{Strided, strides};
use crate::error::{Result, check_len, require};
use crate::tensor::{Shape, len};

/// Takes `out_dims[i]` elements along axis i, from `starts[i]` on in steps of `steps[i]`, which may be negative.
pub fn slice<T: Copy>(
    x: &[T],
    dims: &[usize],
    starts: &[usize],
    steps: &[isize],
    out_dims: &[usize],
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(&Shape::new(dims)?)?, x.len())?;
    check_len("y", len(&Shape::new(out_dims)?)?, y.len())?;
    let rank = dims.len();
    require(
        starts.len() == rank && steps.len() == rank && out_dims.len() == rank,
        "slice",
        "have a start, a step and a size for each axis",
    )?;
    if y.is_empty() {
        return Ok(());
    }
    let strides = strides(dims);
    let mut start = 0;
    for axis in 0..rank {
        // The last element taken must lie in the axis too.
        let last = isize::try_from(out_dims[axis] - 1).ok().and_then(|n| n.checked_mul(steps[axis]));
        let last = last.and_then(|distance| starts[axis].checked_add_signed(distance));
        let inside = starts[axis] < dims[axis] && last.is_some_and(|last| last < dims[axis]);
        require(inside, "slice", "lie within the dims")?;
        start += starts[axis] * strides[axis];
    }
    let mut strided = Strided::new(start);
    for axis in (0..rank).rev() {
        strided.push(out_dims[axis], strides[axis].wrapping_mul(steps[axis] as usize));
    }
    strided.copy(x, y);
    Ok(())
}
