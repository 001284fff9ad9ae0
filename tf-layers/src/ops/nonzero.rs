//! `NonZero`: the indices of the non-zero elements.

use crate::Context;
use crate::error::Result;
use crate::tensor::{MAX_RANK, Number, Shape, View, ViewMut, check_dims};

/// The number of non-zero elements.
///
/// # Errors
///
/// If there are gaps between the rows of x.
pub fn count_nonzero<T: Number, const R: usize>(x: View<'_, T, R>) -> Result<usize> {
    Ok(x.as_slice()?.iter().filter(|&&x| x != T::ZERO).count())
}

/// Writes the indices of the non-zero elements of x to y `[rank, count]`: a row per axis of x, a column per element.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0, 2, 0, 3], [2, 2])?;
/// let mut y = [0; 4];
/// let y = ops::nonzero(cx, x, ViewMut::new(&mut y, [2, ops::count_nonzero(x)?])?)?;
/// assert_eq!(y.as_slice()?, [0, 1, 1, 1]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y has other dims, or x has more than 8.
pub fn nonzero<'y, T: Number, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, i64, 2>,
) -> Result<View<'y, i64, 2>> {
    let count = count_nonzero(x)?;
    check_dims(&[R, count], &y.dims())?;
    write_indices(x.as_slice()?, &Shape::new(&x.dims())?, count, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn write_indices<T: Number>(x: &[T], dims: &[usize], count: usize, y: &mut [i64]) {
    let mut at = [0usize; MAX_RANK];
    let mut column = 0;
    for &x in x {
        if x != T::ZERO {
            for axis in 0..dims.len() {
                y[axis * count + column] = at[axis] as i64;
            }
            column += 1;
        }
        for axis in (0..dims.len()).rev() {
            at[axis] += 1;
            if at[axis] < dims[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn indices_of_non_zero_elements() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let x = View::new(&[0.0f32, 2.0, 0.0, -1.0, f32::NAN, 0.0], [2, 3]).unwrap();
        assert_eq!(count_nonzero(x), Ok(3));
        let mut y = [9; 6];
        let found = nonzero(cx, x, ViewMut::new(&mut y, [2, 3]).unwrap()).unwrap();
        assert_eq!(found.as_slice(), Ok(&[0, 1, 1, 1, 0, 1][..]));
        assert!(nonzero(cx, x, ViewMut::new(&mut y, [3, 2]).unwrap()).is_err());
        let number = View::new(&[true], []).unwrap();
        assert!(nonzero(cx, number, ViewMut::new(&mut [], [0, 1]).unwrap()).is_ok());
        let none = View::<u8, 2>::new(&[], [usize::MAX, 0]).unwrap();
        assert!(nonzero(cx, none, ViewMut::new(&mut [], [2, 0]).unwrap()).is_ok());
    }
}
