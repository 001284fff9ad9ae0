//! Picking elements by index.

use super::positions::Places;
use crate::error::{Error, Result, check_len};
use crate::tensor::{Index, Outside, len};

/// From x `[outer, axis, inner]` to y `[outer, indices, inner]`. Negative indices count from the end.
///
/// `input` is the name of the tensor of indices, for errors.
pub fn gather<T: Copy, I: Index>(
    input: &'static str,
    dims: [usize; 3],
    x: &[T],
    indices: &[I],
    y: &mut [T],
) -> Result<()> {
    let [outer, axis, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", len(&[outer, indices.len(), inner])?, y.len())?;
    for (position, &index) in indices.iter().enumerate() {
        let row = Outside::FromEnd.resolve(index.index(), axis).ok_or(Error::Index {
            tensor: input,
            position,
            len: indices.len(),
            value: index.index().unwrap_or(i64::MIN),
            size: axis,
        })?;
        if inner == 0 {
            continue;
        }
        for outer in 0..outer {
            let x = &x[(outer * axis + row) * inner..][..inner];
            y[(outer * indices.len() + position) * inner..][..inner].copy_from_slice(x);
        }
    }
    Ok(())
}

/// Element (i, j, …) of y is that of x where the place on `axis` is the index, e.g. x[indices[i, j], j] for axis 0.
///
/// `input` is the name of the tensor of indices, for errors. Negative indices count from the end.
pub fn gather_elements<T: Copy, I: Index>(
    input: &'static str,
    x: &[T],
    dims: &[usize],
    axis: usize,
    indices: &[I],
    index_dims: &[usize],
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(dims)?, x.len())?;
    check_len("y", indices.len(), y.len())?;
    let places = Places::new(input, dims, axis, indices, index_dims)?;
    for (i, y) in y.iter_mut().enumerate() {
        *y = x[places.place(i)?];
    }
    Ok(())
}
