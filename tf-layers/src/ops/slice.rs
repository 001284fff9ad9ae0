//! Slice: elements at regular intervals along each axis.

use super::strided::{Strided, strides};
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Shape, View, ViewMut};

/// Reads elements from `starts[i]` on in steps of `steps[i]` along every axis i. The dims of y give the counts; steps may be
/// negative.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let mut y = [0; 4];
/// let y = ops::slice(cx, [0, 2], [1, -2], x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [3, 1, 6, 4]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If an element is outside x, or x has more than 8 dims.
pub fn slice<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    starts: [usize; R],
    steps: [isize; R],
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let out_dims = y.dims();
    run(x.as_slice()?, &x.dims(), &starts, &steps, &out_dims, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

fn run<T: Copy>(
    x: &[T],
    dims: &[usize],
    starts: &[usize],
    steps: &[isize],
    out_dims: &[usize],
    y: &mut [T],
) -> Result<()> {
    let rank = Shape::new(dims)?.len();
    if y.is_empty() {
        return Ok(());
    }
    let strides = strides(dims);
    let mut start = 0;
    for axis in 0..rank {
        // The last element must be within the axis, too.
        let last = isize::try_from(out_dims[axis] - 1).ok().and_then(|n| n.checked_mul(steps[axis]));
        let last = last.and_then(|distance| starts[axis].checked_add_signed(distance));
        let inside = starts[axis] < dims[axis] && last.is_some_and(|last| last < dims[axis]);
        require(inside, "slice", "be within the dims of x")?;
        start += starts[axis] * strides[axis];
    }
    let mut strided = Strided::new(start);
    for axis in (0..rank).rev() {
        strided.push(out_dims[axis], strides[axis].wrapping_mul(steps[axis] as usize));
    }
    strided.copy(x, y);
    Ok(())
}
