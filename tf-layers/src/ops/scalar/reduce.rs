//! Reductions.

use crate::error::{Result, check_len};
use crate::tensor::Scalar;
use crate::tensor::len;

/// A reduction of numbers of any type over one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarReduce {
    /// Their sum; 0 of none.
    Sum,
    /// Their product; 1 of none.
    Prod,
    /// The greatest; the lowest number there is, of floats −∞, of none.
    Max,
    /// The least; the highest number there is, of floats ∞, of none.
    Min,
}

impl ScalarReduce {
    /// From x `[outer, axis, inner]` to y `[outer, inner]`.
    pub fn run<T: Scalar>(self, dims: [usize; 3], x: &[T], y: &mut [T]) -> Result<()> {
        let [outer, axis, inner] = dims;
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", len(&[outer, inner])?, y.len())?;
        let (first, join): (T, fn(T, T) -> T) = match self {
            Self::Sum => (T::ZERO, T::add),
            Self::Prod => (T::ONE, T::mul),
            Self::Max => (T::LOWEST, T::greater),
            Self::Min => (T::HIGHEST, T::lesser),
        };
        y.fill(first);
        if x.is_empty() {
            return Ok(());
        }
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(inner)) {
            for x in x.chunks_exact(inner) {
                for (&x, y) in x.iter().zip(y.iter_mut()) {
                    *y = join(*y, x);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions() {
        let x = [1i32, -2, 3, 4, 5, -6, 7, 8];
        let cases = [
            (ScalarReduce::Sum, [4, 2, 12, 2]),
            (ScalarReduce::Prod, [3, -8, 35, -48]),
            (ScalarReduce::Max, [3, 4, 7, 8]),
            (ScalarReduce::Min, [1, -2, 5, -6]),
        ];
        for (function, expected) in cases {
            let mut y = [0; 4];
            function.run([2, 2, 2], &x, &mut y).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
        let mut y = [5u8; 2];
        ScalarReduce::Prod.run([1, 0, 2], &[], &mut y).unwrap();
        assert_eq!(y, [1, 1]);
        assert!(ScalarReduce::Sum.run([2, 2, 2], &x, &mut [0; 3]).is_err());
        let mut y = [false; 2];
        ScalarReduce::Max.run([2, 2, 1], &[false, true, false, false], &mut y).unwrap();
        assert_eq!(y, [true, false]);
        let mut y = [0f64; 2];
        ScalarReduce::Min.run([2, 2, 1], &[1.0, f64::NAN, 3.0, 2.0], &mut y).unwrap();
        assert!(y[0].is_nan());
        assert_eq!(y[1], 2.0);
    }
}
