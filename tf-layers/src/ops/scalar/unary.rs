//! Elementwise functions of a tensor of any number type.

use crate::Context;
use crate::error::Result;
use crate::tensor::{Number, View, ViewMut, check_dims};

/// An elementwise function of any number type.
///
/// ```
/// use tf_layers::ops::ScalarUnary;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0i64; 2];
/// let y = ScalarUnary::Abs.run(cx, View::new(&[-3, 4], [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [3, 4]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarUnary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// −1, 0 or 1; NaN for NaN
    Sign,
}

impl ScalarUnary {
    /// Computes y = f(x).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x.
    pub fn run<'y, T: Number, const R: usize>(
        self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.apply(x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn apply<T: Number>(self, x: &[T], y: &mut [T]) {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn functions_of_one() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let x = View::new(&[-2, 0, 5], [3]).unwrap();
        for (function, expected) in
            [(ScalarUnary::Neg, [2, 0, -5]), (ScalarUnary::Abs, [2, 0, 5]), (ScalarUnary::Sign, [-1, 0, 1])]
        {
            let mut y = [0i32; 3];
            let y = function.run(cx, x, ViewMut::new(&mut y, [3]).unwrap()).unwrap();
            assert_eq!(y.as_slice().unwrap(), expected, "{function:?}");
        }
    }
}
