//! Arithmetic on two tensors of any number type.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::broadcast::Plan;
use crate::tensor::{Number, View, ViewMut};

/// Elementwise arithmetic on two tensors of any number type, with NumPy's broadcasting.
///
/// ```
/// use tf_layers::ops::ScalarBinary;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (a, b) = (View::new(&[7i64, -7], [2])?, View::new(&[3], [])?);
/// let mut y = [0; 2];
/// let y = ScalarBinary::Mod.run(cx, a, b, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [1, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarBinary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a·b
    Mul,
    /// a/b; integers round toward zero, and a zero in b is an error
    Div,
    /// The maximum; NaN if either operand is
    Max,
    /// The minimum; NaN if either operand is
    Min,
    /// The remainder of a/b with the sign of b, as in Python; for integers, a zero in b is an error
    Mod,
    /// The remainder of a/b with the sign of a, as in C; for integers, a zero in b is an error
    Fmod,
    /// aᵇ; integers wrap, and round toward zero if b is negative
    Pow,
}

impl ScalarBinary {
    /// Computes y = a ∘ b.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that a and b broadcast to, or has more than 8, or if an integer is divided by zero.
    pub fn run<'y, T: Number, const A: usize, const B: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        a: View<'_, T, A>,
        b: View<'_, T, B>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
        self.apply(&plan, a.as_slice()?, b.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn apply<T: Number>(self, plan: &Plan<2>, a: &[T], b: &[T], y: &mut [T]) -> Result<()> {
        if T::EXACT && matches!(self, Self::Div | Self::Mod | Self::Fmod) {
            require(!b.contains(&T::ZERO), "divisor", "not contain zeros")?;
        }
        match self {
            Self::Add => plan.zip(a, b, y, T::add),
            Self::Sub => plan.zip(a, b, y, T::sub),
            Self::Mul => plan.zip(a, b, y, T::mul),
            Self::Div => plan.zip(a, b, y, T::div),
            Self::Max => plan.zip(a, b, y, T::greater),
            Self::Min => plan.zip(a, b, y, T::lesser),
            Self::Pow => plan.zip(a, b, y, T::pow),
            Self::Fmod => plan.zip(a, b, y, T::rem),
            Self::Mod => plan.zip(a, b, y, |a, b| {
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
    use crate::simd::Isa;
    use crate::tensor::Buffer;
    use alloc::vec::Vec;

    fn run<T: Number>(function: ScalarBinary, a: &[T], b: &[T], y: &mut [T]) -> Result<()> {
        let [a, b] = [View::new(a, [a.len()])?, View::new(b, [b.len()])?];
        let len = y.len();
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        function.run(cx, a, b, ViewMut::new(y, [len])?).map(|_| ())
    }

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
            let mut y = [0; 5];
            run(function, &a, &b, &mut y).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
    }

    #[test]
    fn operands_broadcast_and_division_by_zero_is_an_error() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let a = View::new(&[1, 2], [2, 1]).unwrap();
        let mut y = [0i64; 6];
        let mut apply = |function: ScalarBinary, b, dims: [usize; 2]| -> Result<Vec<i64>> {
            let y = function.run(cx, a, View::new(b, [3])?, ViewMut::new(&mut y, dims)?)?;
            Ok(y.as_slice()?.to_vec())
        };
        assert_eq!(apply(ScalarBinary::Mul, &[3, 4, 5], [2, 3]), Ok([3, 4, 5, 6, 8, 10].to_vec()));
        assert!(apply(ScalarBinary::Mul, &[3, 4, 5], [3, 2]).is_err());
        assert!(apply(ScalarBinary::Mod, &[3, 0, 5], [2, 3]).is_err());
        assert!(run(ScalarBinary::Add, &[1, 2], &[3, 4, 5], &mut [0; 3]).is_err());
        assert!(run::<i64>(ScalarBinary::Add, &[], &[], &mut []).is_ok());
    }

    #[test]
    fn floats_follow_ieee_754() {
        let mut y = [0f64; 4];
        run(ScalarBinary::Div, &[1.0, -1.0, 0.0, 6.0], &[0.0, 0.0, 0.0, 3.0], &mut y).unwrap();
        assert!(y[2].is_nan());
        assert_eq!((y[0], y[1], y[3]), (f64::INFINITY, f64::NEG_INFINITY, 2.0));
        run(ScalarBinary::Mod, &[5.5, -5.5, 5.5, -5.5], &[3.0, 3.0, -3.0, -3.0], &mut y).unwrap();
        assert_eq!(y, [2.5, 0.5, -0.5, -2.5]);
        run(ScalarBinary::Max, &[1.0, f64::NAN, 2.0, 0.0], &[f64::NAN, 1.0, 1.0, 3.0], &mut y).unwrap();
        assert!(y[0].is_nan() && y[1].is_nan());
        assert_eq!(y[2..], [2.0, 3.0]);
        run(ScalarBinary::Pow, &[2.0, -2.0, 9.0, 0.0], &[10.0, 3.0, 0.5, -1.0], &mut y).unwrap();
        assert!((y[2] - 3.0).abs() < 1e-14);
        assert_eq!((y[0], y[1], y[3]), (1024.0, -8.0, f64::INFINITY));
    }
}
