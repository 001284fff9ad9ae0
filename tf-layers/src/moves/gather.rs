//! Picking elements by index.

use crate::embedding::{Index, Outside};
use crate::error::check_len;
use crate::{Error, Result, len};

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
