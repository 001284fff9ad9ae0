//! Functions of one number.

use crate::error::{Result, check_len};
use crate::tensor::Scalar;

/// A function of one number of any type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarUnary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// −1, 0 or 1; NaN stays
    Sign,
}

impl ScalarUnary {
    /// y = f(x), element by element; an error if the lengths differ.
    pub fn run<T: Scalar>(self, x: &[T], y: &mut [T]) -> Result<()> {
        check_len("y", x.len(), y.len())?;
        let negative = |x: T| T::ZERO.sub(x);
        for (&x, y) in x.iter().zip(y) {
            *y = match self {
                Self::Neg => negative(x),
                Self::Abs if x < T::ZERO => negative(x),
                Self::Sign if x < T::ZERO => negative(T::ONE),
                Self::Sign if x > T::ZERO => T::ONE,
                Self::Abs | Self::Sign => x,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_one() {
        let mut y = [0i32; 3];
        for (function, expected) in
            [(ScalarUnary::Neg, [2, 0, -5]), (ScalarUnary::Abs, [2, 0, 5]), (ScalarUnary::Sign, [-1, 0, 1])]
        {
            function.run(&[-2, 0, 5], &mut y).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
    }
}
