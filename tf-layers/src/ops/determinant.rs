//! Determinants of matrices.

use crate::error::{Result, check_len};
use crate::tensor::{Buffer, Shape, len};

/// The determinants of n × n matrices, by elimination with the greatest pivot of each column.
pub fn determinant(n: usize, x: &[f32], scratch: &mut Buffer<f32>, y: &mut [f32]) -> Result<()> {
    let size = len(&Shape::new(&[n, n])?)?;
    check_len("x", len(&[y.len(), size])?, x.len())?;
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
