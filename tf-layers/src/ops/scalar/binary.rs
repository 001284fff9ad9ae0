//! Functions of two numbers.

use crate::error::{Result, require};
use crate::tensor::Scalar;
use crate::tensor::broadcast::pair;

/// A function of two numbers of any type, with NumPy's broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarBinary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a·b
    Mul,
    /// a/b; of integers toward zero, and an error if any b is 0
    Div,
    /// The greater
    Max,
    /// The lesser
    Min,
    /// The remainder of a/b with the sign of b, as in Python; of integers an error if any b is 0
    Mod,
    /// The remainder of a/b with the sign of a, as in C; of integers an error if any b is 0
    Fmod,
    /// aᵇ; of integers modulo 2 to the number of their bits, and toward zero where b is negative
    Pow,
}

impl ScalarBinary {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run<T: Scalar>(
        self,
        a: &[T],
        a_shape: &[usize],
        b: &[T],
        b_shape: &[usize],
        out: &mut [T],
    ) -> Result<()> {
        let plan = pair(a, a_shape, b, b_shape, out.len())?;
        if T::EXACT && matches!(self, Self::Div | Self::Mod | Self::Fmod) {
            require(!b.contains(&T::ZERO), "divisor", "not hold a zero")?;
        }
        match self {
            Self::Add => plan.zip(a, b, out, T::add),
            Self::Sub => plan.zip(a, b, out, T::sub),
            Self::Mul => plan.zip(a, b, out, T::mul),
            Self::Div => plan.zip(a, b, out, T::div),
            Self::Max => plan.zip(a, b, out, T::greater),
            Self::Min => plan.zip(a, b, out, T::lesser),
            Self::Pow => plan.zip(a, b, out, T::pow),
            Self::Fmod => plan.zip(a, b, out, T::rem),
            Self::Mod => plan.zip(a, b, out, |a, b| {
                let rest = a.rem(b);
                if rest != T::ZERO && (rest < T::ZERO) != (b < T::ZERO) { rest.add(b) } else { rest }
            }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_numpys() {
        let (a, b) = ([7i32, -7, 7, -7, i32::MIN], [3, 3, -3, -3, -1]);
        let cases = [
            (ScalarBinary::Add, [10, -4, 4, -10, i32::MAX]),
            (ScalarBinary::Sub, [4, -10, 10, -4, i32::MIN + 1]),
            (ScalarBinary::Mul, [21, -21, -21, 21, i32::MIN]),
            (ScalarBinary::Div, [2, -2, -2, 2, i32::MIN]),
            (ScalarBinary::Max, [7, 3, 7, -3, -1]),
            (ScalarBinary::Min, [3, -7, -3, -7, i32::MIN]),
            (ScalarBinary::Mod, [1, 2, -2, -1, 0]),
            (ScalarBinary::Fmod, [1, -1, 1, -1, 0]),
            (ScalarBinary::Pow, [343, -343, 0, 0, 0]),
        ];
        for (function, expected) in cases {
            let mut out = [0; 5];
            function.run(&a, &[5], &b, &[5], &mut out).unwrap();
            assert_eq!(out, expected, "{function:?}");
        }
    }

    #[test]
    fn operands_broadcast_and_zero_divides_nothing() {
        let mut out = [0i64; 6];
        ScalarBinary::Mul.run(&[1, 2], &[2, 1], &[3, 4, 5], &[3], &mut out).unwrap();
        assert_eq!(out, [3, 4, 5, 6, 8, 10]);
        assert!(ScalarBinary::Mod.run(&[1, 2], &[2, 1], &[3, 0, 5], &[3], &mut out).is_err());
        assert!(ScalarBinary::Add.run(&[1, 2], &[2], &[3, 4, 5], &[3], &mut out).is_err());
        assert!(ScalarBinary::Add.run::<i64>(&[], &[0], &[], &[0], &mut []).is_ok());
    }

    #[test]
    fn floats_follow_their_own_rules() {
        let mut out = [0f64; 4];
        ScalarBinary::Div.run(&[1.0, -1.0, 0.0, 6.0], &[4], &[0.0, 0.0, 0.0, 3.0], &[4], &mut out).unwrap();
        assert!(out[2].is_nan());
        assert_eq!((out[0], out[1], out[3]), (f64::INFINITY, f64::NEG_INFINITY, 2.0));
        ScalarBinary::Mod
            .run(&[5.5, -5.5, 5.5, -5.5], &[4], &[3.0, 3.0, -3.0, -3.0], &[4], &mut out)
            .unwrap();
        assert_eq!(out, [2.5, 0.5, -0.5, -2.5]);
        ScalarBinary::Max
            .run(&[1.0, f64::NAN, 2.0, 0.0], &[4], &[f64::NAN, 1.0, 1.0, 3.0], &[4], &mut out)
            .unwrap();
        assert!(out[0].is_nan() && out[1].is_nan());
        assert_eq!(out[2..], [2.0, 3.0]);
        ScalarBinary::Pow.run(&[2.0, -2.0, 9.0, 0.0], &[4], &[10.0, 3.0, 0.5, -1.0], &[4], &mut out).unwrap();
        assert!((out[2] - 3.0).abs() < 1e-14);
        assert_eq!((out[0], out[1], out[3]), (1024.0, -8.0, f64::INFINITY));
    }
}
