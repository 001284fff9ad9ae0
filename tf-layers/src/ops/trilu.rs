//! Trilu: the upper or lower triangular part of matrices.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Number, View, ViewMut, check_dims};

/// Copies the triangle of every matrix x `[.., rows, columns]` on and above diagonal `k`, or on and below it unless `upper`,
/// to y; the other elements of y are zeros. Diagonal 0 is the main diagonal, 1 the one above it.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let mut y = [0; 6];
/// let y = ops::trilu(cx, true, 1, x, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [0, 2, 3, 0, 0, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x has fewer than two axes, or y does not have the dims of x.
pub fn trilu<'y, T: Number, const R: usize>(
    _: &mut Context<'_>,
    upper: bool,
    k: i64,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    check_dims(&dims, &y.dims())?;
    let Some(&[rows, columns]) = dims.last_chunk() else {
        return require(false, "x", "have at least two axes").map(|()| y.into_view());
    };
    copy_triangle([rows, columns], upper, k, x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn copy_triangle<T: Number>([rows, columns]: [usize; 2], upper: bool, k: i64, x: &[T], y: &mut [T]) {
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let (row, column) = (i / columns % rows, i % columns);
        let diagonal = column as i64 - row as i64;
        let inside = if upper { diagonal >= k } else { diagonal <= k };
        *y = if inside { x } else { T::ZERO };
    }
}
