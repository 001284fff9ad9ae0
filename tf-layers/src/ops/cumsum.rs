//! `CumSum` and `CumProd`: cumulative sums and products along an axis.

use crate::Context;
use crate::checked::{element, part_mut};
use crate::error::Result;
use crate::tensor::{Number, View, ViewMut, around, check_dims};

/// Cumulative sums along an axis.
///
/// ```
/// use tf_layers::ops::CumSum;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1i64, 2, 3, 4], [2, 2])?;
/// let mut y = [0; 4];
/// let y = CumSum::new(1).run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 3, 3, 7]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CumSum {
    /// The axis to accumulate along.
    pub axis: usize,
    /// Exclude the element itself: the first result is 0.
    pub exclusive: bool,
    /// Accumulate from the end of the axis.
    pub reverse: bool,
}

/// Cumulative products along an axis.
///
/// ```
/// use tf_layers::ops::CumProd;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[2.0, 3.0, 4.0], [3])?;
/// let mut y = [0.0; 3];
/// let product = CumProd { exclusive: true, ..CumProd::new(0) };
/// let y = product.run(cx, x, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 2.0, 6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CumProd {
    /// The axis to accumulate along.
    pub axis: usize,
    /// Exclude the element itself: the first result is 1.
    pub exclusive: bool,
    /// Accumulate from the end of the axis.
    pub reverse: bool,
}

impl CumSum {
    /// Inclusive sums from the start of `axis`.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        Self { axis, exclusive: false, reverse: false }
    }

    /// Writes the sums to y, which has the dims of x.
    ///
    /// # Errors
    ///
    /// If y has other dims, or x has no such axis.
    pub fn run<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let &Self { axis, exclusive, reverse } = self;
        check_dims(&x.dims(), &y.dims())?;
        let cumulative = Cumulative { dims: around(&x.dims(), axis, 1)?, exclusive, reverse };
        cumulative.run(T::ZERO, T::add, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }
}

impl CumProd {
    /// Inclusive products from the start of `axis`.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        Self { axis, exclusive: false, reverse: false }
    }

    /// Writes the products to y, which has the dims of x.
    ///
    /// # Errors
    ///
    /// If y has other dims, or x has no such axis.
    pub fn run<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let &Self { axis, exclusive, reverse } = self;
        check_dims(&x.dims(), &y.dims())?;
        let cumulative = Cumulative { dims: around(&x.dims(), axis, 1)?, exclusive, reverse };
        cumulative.run(T::ONE, T::mul, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }
}

/// An accumulation along the axis of a tensor `[outer, axis, inner]`.
struct Cumulative {
    dims: [usize; 3],
    exclusive: bool,
    reverse: bool,
}

impl Cumulative {
    fn run<T: Number>(&self, first: T, join: fn(T, T) -> T, x: &[T], y: &mut [T]) {
        let [_, axis, inner] = self.dims;
        if x.is_empty() {
            return;
        }
        let size = (axis * inner).max(1);
        for (i, x) in x.chunks_exact(size).enumerate() {
            let y = part_mut(y, i * size..i * size + size);
            for column in 0..inner {
                let mut total = first;
                for i in 0..axis {
                    let at = if self.reverse { axis - 1 - i } else { i } * inner + column;
                    let (Some(&x), Some(y)) = (element(x, at), y.get_mut(at)) else { return };
                    let with = join(total, x);
                    *y = if self.exclusive { total } else { with };
                    total = with;
                }
            }
        }
    }
}
