//! Running sums and products (ONNX's `CumSum` and `CumProd`).

use crate::Context;
use crate::error::Result;
use crate::tensor::{Scalar, View, ViewMut, around, check_dims};

/// Sums of all elements up to a place along an axis.
///
/// ```
/// use tf_layers::ops::CumSum;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1i64, 2, 3, 4], [2, 2])?;
/// let mut y = [0; 4];
/// let sum = CumSum { axis: 1, exclusive: false, reverse: false };
/// let y = sum.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 3, 3, 7]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CumSum {
    /// The axis along which they run.
    pub axis: usize,
    /// Without the element itself.
    pub exclusive: bool,
    /// From the end of the axis.
    pub reverse: bool,
}

/// Products of all elements up to a place along an axis.
///
/// ```
/// use tf_layers::ops::CumProd;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[2.0, 3.0, 4.0], [3])?;
/// let mut y = [0.0; 3];
/// let product = CumProd { axis: 0, exclusive: true, reverse: false };
/// let y = product.run(cx, x, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 2.0, 6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CumProd {
    /// The axis along which they run.
    pub axis: usize,
    /// Without the element itself.
    pub exclusive: bool,
    /// From the end of the axis.
    pub reverse: bool,
}

impl CumSum {
    /// x and y have the same dims.
    pub fn run<'y, T: Scalar, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let &Self { axis, exclusive, reverse } = self;
        check_dims(&x.dims(), &y.dims())?;
        let lines = Lines { dims: around(&x.dims(), axis, 1)?, exclusive, reverse };
        lines.accumulate(T::ZERO, T::add, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }
}

impl CumProd {
    /// x and y have the same dims.
    pub fn run<'y, T: Scalar, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let &Self { axis, exclusive, reverse } = self;
        check_dims(&x.dims(), &y.dims())?;
        let lines = Lines { dims: around(&x.dims(), axis, 1)?, exclusive, reverse };
        lines.accumulate(T::ONE, T::mul, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }
}

/// The lines along the axis of a tensor `[outer, axis, inner]`.
struct Lines {
    dims: [usize; 3],
    exclusive: bool,
    reverse: bool,
}

impl Lines {
    fn accumulate<T: Scalar>(&self, first: T, join: fn(T, T) -> T, x: &[T], y: &mut [T]) {
        let [_, axis, inner] = self.dims;
        if x.is_empty() {
            return;
        }
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(axis * inner)) {
            for column in 0..inner {
                let mut total = first;
                for i in 0..axis {
                    let at = if self.reverse { axis - 1 - i } else { i } * inner + column;
                    let with = join(total, x[at]);
                    y[at] = if self.exclusive { total } else { with };
                    total = with;
                }
            }
        }
    }
}
