//! `OneHot`: vectors with one element set.

use crate::Context;
use crate::error::{Error, Result};
use crate::tensor::{Index, Outside, View, ViewMut, around, check_joined_dims};

/// Writes one-hot vectors along `axis` of y; `values` holds the off value and the on value.
///
/// y has the dims of the indices with the axis inserted. Negative indices count from the end; vectors of indices outside
/// the axis have no element set.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let indices = View::new(&[1_i64, -1], [2])?;
/// let values = View::new(&[0.0, 1.0], [2])?;
/// let mut y = [9.0; 6];
/// let y = ops::one_hot(cx, 1, indices, values, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y has no such axis or other dims, or `values` does not have two elements.
pub fn one_hot<'y, T: Copy, I: Index, const R: usize, const Q: usize>(
    _: &mut Context<'_>,
    axis: usize,
    indices: View<'_, I, R>,
    values: View<'_, T, 1>,
    mut y: ViewMut<'y, T, Q>,
) -> Result<View<'y, T, Q>> {
    let dims = y.dims();
    let [_, depth, inner] = around(&dims, axis, 1)?;
    check_joined_dims(&[&dims[..axis], &dims[axis + 1..]], &indices.dims())?;
    let &[off, on] = values.as_slice()? else {
        return Err(Error::Length { what: "values", expected: 2, found: values.columns() });
    };
    let to = y.as_mut_slice()?;
    to.fill(off);
    for (i, index) in indices.as_slice()?.iter().enumerate() {
        if let Some(at) = Outside::FromEnd.resolve(index.index(), depth) {
            to[(i / inner * depth + at) * inner + i % inner] = on;
        }
    }
    Ok(y.into_view())
}
