//! Elementwise functions of an `f64` tensor.

use crate::Context;
use crate::error::Result;
use crate::math;
use crate::tensor::{View, ViewMut, check_dims};

/// An elementwise mathematical function of `f64`.
///
/// ```
/// use tf_layers::ops::DoubleUnary;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0.0; 2];
/// let y = DoubleUnary::Round.run(cx, View::new(&[0.5, 1.5], [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [0.0, 2.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DoubleUnary {
    /// √x; NaN below 0
    Sqrt,
    /// 1/x
    Reciprocal,
    /// eˣ
    Exp,
    /// ln x; −∞ at 0, NaN below
    Log,
    /// ⌊x⌋
    Floor,
    /// ⌈x⌉
    Ceil,
    /// The nearest integer; ties go to the even one
    Round,
}

impl DoubleUnary {
    /// Computes y = f(x).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x.
    pub fn run<'y, const R: usize>(
        self,
        _: &mut Context<'_>,
        x: View<'_, f64, R>,
        mut y: ViewMut<'y, f64, R>,
    ) -> Result<View<'y, f64, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.apply(x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn apply(self, x: &[f64], y: &mut [f64]) {
        let f = match self {
            Self::Sqrt => math::root,
            Self::Reciprocal => |x: f64| 1.0 / x,
            Self::Exp => math::exp_f64,
            Self::Log => math::ln_f64,
            Self::Floor => floor,
            Self::Ceil => |x: f64| -floor(-x),
            Self::Round => round,
        };
        for (&x, y) in x.iter().zip(y) {
            *y = f(x);
        }
    }
}

/// 2⁵²; an f64 of this magnitude or more is an integer.
const WHOLE: f64 = 4_503_599_627_370_496.0;

fn round(x: f64) -> f64 {
    // Adding 2⁵² rounds to an integer.
    if x.abs() < WHOLE { ((x.abs() + WHOLE) - WHOLE).copysign(x) } else { x }
}

fn floor(x: f64) -> f64 {
    let nearest = round(x);
    if nearest > x { nearest - 1.0 } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn functions_are_accurate_to_a_few_ulp() {
        type Function = fn(f64) -> f64;
        let cases: [(DoubleUnary, Function); 7] = [
            (DoubleUnary::Sqrt, f64::sqrt),
            (DoubleUnary::Reciprocal, f64::recip),
            (DoubleUnary::Exp, f64::exp),
            (DoubleUnary::Log, f64::ln),
            (DoubleUnary::Floor, f64::floor),
            (DoubleUnary::Ceil, f64::ceil),
            (DoubleUnary::Round, f64::round_ties_even),
        ];
        let mut x: alloc::vec::Vec<f64> = (-4000..4000).map(|i| f64::from(i) * 0.1787).collect();
        x.extend([0.0, -0.0, 0.5, 1.5, -0.5, 1e-310, 1e300, -1e300, 5e15, f64::INFINITY, f64::NEG_INFINITY]);
        x.extend((0..2000).map(|i| 1.0 + f64::from(i) * 1e-4));
        x.push(f64::NAN);
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let mut y = alloc::vec![0.0; x.len()];
        let len = x.len();
        let arguments = View::new(&x, [len]).unwrap();
        for (function, exact) in cases {
            function.run(cx, arguments, ViewMut::new(&mut y, [len]).unwrap()).unwrap();
            for (&x, &y) in x.iter().zip(&y) {
                let exact = exact(x);
                let close = (y - exact).abs() <= 4e-15 * exact.abs() + f64::MIN_POSITIVE;
                assert!(
                    close || y.to_bits() == exact.to_bits() || y.is_nan() && exact.is_nan() || y == exact,
                    "{function:?} {x}: {y} {exact}"
                );
            }
        }
        let shorter = ViewMut::new(&mut y[1..], [len - 1]).unwrap();
        assert!(DoubleUnary::Exp.run(cx, arguments, shorter).is_err());
    }
}
