//! Triangles of matrices.

use crate::error::{Result, check_len};
use crate::tensor::{Scalar, len};

/// Copies the part of each `[rows, columns]` matrix on and above its diagonal `k`, or on and below it; zeros elsewhere.
pub fn triangle<T: Scalar>(
    [matrices, rows, columns]: [usize; 3],
    upper: bool,
    k: i64,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(&[matrices, rows, columns])?, x.len())?;
    check_len("y", x.len(), y.len())?;
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let (row, column) = (i / columns % rows, i % columns);
        let above = column as i64 - row as i64;
        let inside = if upper { above >= k } else { above <= k };
        *y = if inside { x } else { T::ZERO };
    }
    Ok(())
}
