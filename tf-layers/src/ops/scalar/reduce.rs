//! Reductions of tensors of any number type.

use core::ops::Range;

use crate::Context;
use crate::error::Result;
use crate::ops::reduce::split;
use crate::tensor::{Number, View, ViewMut};

/// A reduction over axes of a tensor of any number type.
///
/// ```
/// use tf_layers::ops::ScalarReduce;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1i64, 2, 3, 4], [2, 2])?;
/// let mut y = [0];
/// let y = ScalarReduce::Sum.run(cx, 0..2, x, ViewMut::new(&mut y, [])?)?;
/// assert_eq!(y.as_slice()?, [10]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalarReduce {
    /// Σx; 0 if there are no elements
    Sum,
    /// Πx; 1 if there are no elements
    Prod,
    /// The maximum; the lowest value of the type if there are no elements (−∞ for floats)
    Max,
    /// The minimum; the highest value of the type if there are no elements (∞ for floats)
    Min,
}

impl ScalarReduce {
    /// Reduces x over adjacent axes. y has the dims of x without these axes, or with a 1 in their place.
    ///
    /// # Errors
    ///
    /// If x does not have these axes, or y has other dims.
    pub fn run<'y, T: Number, const A: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        axes: Range<usize>,
        x: View<'_, T, A>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let dims = split(axes, &x.dims(), &y.dims())?;
        self.apply(dims, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn apply<T: Number>(self, [_, axis, inner]: [usize; 3], x: &[T], y: &mut [T]) {
        let (first, join): (T, fn(T, T) -> T) = match self {
            Self::Sum => (T::ZERO, T::add),
            Self::Prod => (T::ONE, T::mul),
            Self::Max => (T::LOWEST, T::greater),
            Self::Min => (T::HIGHEST, T::lesser),
        };
        y.fill(first);
        if x.is_empty() {
            return;
        }
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(inner)) {
            for x in x.chunks_exact(inner) {
                for (&x, y) in x.iter().zip(y.iter_mut()) {
                    *y = join(*y, x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn reductions() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let x = View::new(&[1i32, -2, 3, 4, 5, -6, 7, 8], [2, 2, 2]).unwrap();
        let cases = [
            (ScalarReduce::Sum, [4, 2, 12, 2]),
            (ScalarReduce::Prod, [3, -8, 35, -48]),
            (ScalarReduce::Max, [3, 4, 7, 8]),
            (ScalarReduce::Min, [1, -2, 5, -6]),
        ];
        for (function, expected) in cases {
            let mut y = [0; 4];
            function.run(cx, 1..2, x, ViewMut::new(&mut y, [2, 2]).unwrap()).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
        let mut y = [5u8; 2];
        let none = View::new(&[], [0, 2]).unwrap();
        ScalarReduce::Prod.run(cx, 0..1, none, ViewMut::new(&mut y, [1, 2]).unwrap()).unwrap();
        assert_eq!(y, [1, 1]);
        let mut y = [0; 3];
        assert!(ScalarReduce::Sum.run(cx, 1..2, x, ViewMut::new(&mut y, [3]).unwrap()).is_err());
        let mut y = [false; 2];
        let x = View::new(&[false, true, false, false], [2, 2]).unwrap();
        ScalarReduce::Max.run(cx, 1..2, x, ViewMut::new(&mut y, [2]).unwrap()).unwrap();
        assert_eq!(y, [true, false]);
        let mut y = [0f64; 2];
        let x = View::new(&[1.0, f64::NAN, 3.0, 2.0], [2, 2]).unwrap();
        ScalarReduce::Min.run(cx, 1..2, x, ViewMut::new(&mut y, [2]).unwrap()).unwrap();
        assert!(y[0].is_nan());
        assert_eq!(y[1], 2.0);
    }
}
