//! Transposing, slicing, repeating and concatenating.

use super::strided::Strided;
use crate::broadcast::shape;
use crate::error::{check_len, require};
use crate::{MAX_RANK, Result, Shape, len};

/// The distance between neighbours along each axis.
fn strides(dims: &[usize]) -> [usize; MAX_RANK] {
    let mut strides = [1usize; MAX_RANK];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis].wrapping_mul(dims[axis]);
    }
    strides
}

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

/// Repeats x as a whole, `repeats[i]` times along axis i.
pub fn tile<T: Copy>(x: &[T], dims: &[usize], repeats: &[usize], y: &mut [T]) -> Result<()> {
    check_len("x", len(&Shape::new(dims)?)?, x.len())?;
    require(repeats.len() == dims.len(), "repeats", "have one entry for each axis")?;
    let mut total = x.len();
    for &repeat in repeats {
        total = len(&[total, repeat])?;
    }
    check_len("y", total, y.len())?;
    if y.is_empty() {
        return Ok(());
    }
    // The result is made in place, from the innermost axis outward: `size` elements hold what x's last axes give.
    let inner: usize = dims.iter().product();
    let mut size = inner;
    y[..inner].copy_from_slice(x);
    for axis in (0..dims.len()).rev() {
        // Blocks along this axis stand one after the other at the front, and spread out from the last one.
        let outer: usize = dims[..axis].iter().product();
        let block = size / outer;
        for i in (0..outer).rev() {
            let to = i * block * repeats[axis];
            y.copy_within(i * block..(i + 1) * block, to);
            for copy in 1..repeats[axis] {
                y.copy_within(to..to + block, to + copy * block);
            }
        }
        size *= repeats[axis];
    }
    Ok(())
}

/// Copies x `[outer, x_inner]` into the columns from `offset` on of y `[outer, y_inner]`.
pub fn concat_part<T: Copy>(
    outer: usize,
    x: &[T],
    x_inner: usize,
    y: &mut [T],
    y_inner: usize,
    offset: usize,
) -> Result<()> {
    check_len("x", len(&[outer, x_inner])?, x.len())?;
    check_len("y", len(&[outer, y_inner])?, y.len())?;
    let end = offset.checked_add(x_inner).filter(|&end| end <= y_inner);
    require(end.is_some(), "offset", "leave room for x in the columns of y")?;
    if x.is_empty() {
        return Ok(());
    }
    for (x, y) in x.chunks_exact(x_inner).zip(y.chunks_exact_mut(y_inner)) {
        y[offset..offset + x_inner].copy_from_slice(x);
    }
    Ok(())
}
