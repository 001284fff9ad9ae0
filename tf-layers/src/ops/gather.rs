//! Gather and `GatherElements`: selects slices or elements by index.

use super::offsets::{ElementOffsets, resolve};
use crate::Context;
use crate::checked::{copy, part, part_mut};
use crate::error::Result;
use crate::tensor::{Index, View, ViewMut, around, check_dims, check_joined_dims};

/// Gather: selects slices of x along `axis`. In y, the dims of the indices replace the axis.
///
/// Negative indices count from the end. `input` is the name of the index tensor for error messages.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let indices = View::new(&[2_i64, -3], [2])?;
/// let mut y = [0; 4];
/// let y = ops::gather(cx, "indices", 1, x, indices, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [3, 1, 6, 4]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x has no such axis, an index is out of range, or y has other dims.
pub fn gather<'y, T: Copy, I: Index, const R: usize, const Q: usize, const S: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    axis: usize,
    x: View<'_, T, R>,
    indices: View<'_, I, Q>,
    mut y: ViewMut<'y, T, S>,
) -> Result<View<'y, T, S>> {
    let dims = x.dims();
    let split = around(&dims, axis, 1)?;
    let (outer, inner) = (part(&dims, ..axis), part(&dims, axis + 1..));
    check_joined_dims(&[outer, &indices.dims(), inner], &y.dims())?;
    gather_slices(input, split, x.as_slice()?, indices.as_slice()?, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

/// From x `[outer, axis, inner]` to y `[outer, indices, inner]`.
fn gather_slices<T: Copy, I: Index>(
    input: &'static str,
    [outer, axis, inner]: [usize; 3],
    x: &[T],
    indices: &[I],
    y: &mut [T],
) -> Result<()> {
    for position in 0..indices.len() {
        let row = resolve(input, position, indices, axis)?;
        if inner == 0 {
            continue;
        }
        for outer in 0..outer {
            let (from, to) = ((outer * axis + row) * inner, (outer * indices.len() + position) * inner);
            copy(part_mut(y, to..to + inner), part(x, from..from + inner));
        }
    }
    Ok(())
}

/// `GatherElements`: selects elements of x along `axis`, e.g. y[i, j] = x[indices[i, j], j] for axis 0.
///
/// y has the dims of the indices. On the other axes, these must not exceed the dims of x. Negative indices count from the
/// end. `input` is the name of the index tensor for error messages.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [3, 2])?;
/// let indices = View::new(&[2_i64, 0], [1, 2])?;
/// let mut y = [0; 2];
/// let y = ops::gather_elements(cx, "indices", 0, x, indices, ViewMut::new(&mut y, [1, 2])?)?;
/// assert_eq!(y.as_slice()?, [5, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x has no such axis, an index is out of range, or the dims do not match.
pub fn gather_elements<'y, T: Copy, I: Index, const R: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    axis: usize,
    x: View<'_, T, R>,
    indices: View<'_, I, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&indices.dims(), &y.dims())?;
    let offsets = ElementOffsets::new(input, &x.dims(), axis, indices.as_slice()?, &indices.dims())?;
    let x = x.as_slice()?;
    for (i, y) in y.as_mut_slice()?.iter_mut().enumerate() {
        *y = x[offsets.offset(i)?];
    }
    Ok(y.into_view())
}
