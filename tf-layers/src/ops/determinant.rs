//! `Det`: determinants of matrices.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Buffer, View, ViewMut, check_joined_dims, len};

/// From matrices x `[.., n, n]` to their determinants y `[..]`, by Gaussian elimination with partial pivoting.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0.0, 2.0, 3.0, 4.0], [1, 2, 2])?;
/// let mut y = [0.0];
/// let y = ops::determinant(cx, x, ViewMut::new(&mut y, [1])?)?;
/// assert_eq!(y.as_slice()?, [-6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If the matrices are not square, y has other dims, or there is not enough memory.
pub fn determinant<'y, const R: usize, const Q: usize>(
    cx: &mut Context<'_>,
    x: View<'_, f32, R>,
    mut y: ViewMut<'y, f32, Q>,
) -> Result<View<'y, f32, Q>> {
    let dims = x.dims();
    let Some((rest, &[rows, columns])) = dims.split_last_chunk::<2>() else {
        return require(false, "x", "have at least two axes").map(|()| y.into_view());
    };
    require(rows == columns, "x", "hold square matrices")?;
    check_joined_dims(&[rest], &y.dims())?;
    eliminate(rows, x.as_slice()?, cx.scratch, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

/// The determinants of n × n matrices.
fn eliminate(n: usize, x: &[f32], scratch: &mut Buffer<f32>, y: &mut [f32]) -> Result<()> {
    if y.is_empty() {
        return Ok(());
    }
    let size = len(&[n, n])?;
    let a = scratch.write(size)?;
    for (i, y) in y.iter_mut().enumerate() {
        a.copy_from_slice(&x[i * size..][..size]);
        let mut product = 1.0f64;
        for column in 0..n {
            let best =
                (column..n).max_by(|&i, &j| a[i * n + column].abs().total_cmp(&a[j * n + column].abs()));
            let pivot = best.unwrap_or(column);
            if pivot != column {
                for k in 0..n {
                    a.swap(pivot * n + k, column * n + k);
                }
                product = -product;
            }
            let top = a[column * n + column];
            product *= f64::from(top);
            if top == 0.0 {
                break;
            }
            for row in column + 1..n {
                let factor = a[row * n + column] / top;
                for k in column..n {
                    a[row * n + k] -= factor * a[column * n + k];
                }
            }
        }
        *y = product as f32;
    }
    Ok(())
}
