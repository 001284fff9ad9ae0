//! Where the elements are that are not zero.

use crate::error::{Result, check_len};
use crate::tensor::{MAX_RANK, Scalar, Shape, len};

/// How many elements are not zero.
pub fn count_nonzero<T: Scalar>(x: &[T]) -> Result<usize> {
    Ok(x.iter().filter(|&&x| x != T::ZERO).count())
}

/// Where the elements are that are not zero: y is `[rank, count]`, a row for each axis.
pub fn nonzero<T: Scalar>(x: &[T], dims: &[usize], y: &mut [i64]) -> Result<()> {
    let dims = Shape::new(dims)?;
    check_len("x", len(&dims)?, x.len())?;
    let count = count_nonzero(x)?;
    check_len("y", len(&[dims.len(), count])?, y.len())?;
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_not_zero() {
        let x = [0.0f32, 2.0, 0.0, -1.0, f32::NAN, 0.0];
        assert_eq!(count_nonzero(&x), Ok(3));
        let mut y = [9; 6];
        nonzero(&x, &[2, 3], &mut y).unwrap();
        assert_eq!(y, [0, 1, 1, 1, 0, 1]);
        assert!(nonzero(&x, &[2, 3], &mut y[1..]).is_err());
        assert!(nonzero(&[true], &[], &mut []).is_ok());
    }
}
