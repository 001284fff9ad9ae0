//! Trilu: triangles of matrices.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Number, View, ViewMut, check_dims};

/// The part of each matrix on and above its diagonal `k`, or on and below it; zeros elsewhere.
///
/// The last two axes of x and y are those of the matrices. The main diagonal is 0, the one above it 1.
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
        return require(false, "x", "have the two axes of a matrix").map(|()| y.into_view());
    };
    triangle([rows, columns], upper, k, x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn triangle<T: Number>([rows, columns]: [usize; 2], upper: bool, k: i64, x: &[T], y: &mut [T]) {
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let (row, column) = (i / columns % rows, i % columns);
        let above = column as i64 - row as i64;
        let inside = if upper { above >= k } else { above <= k };
        *y = if inside { x } else { T::ZERO };
    }
}
