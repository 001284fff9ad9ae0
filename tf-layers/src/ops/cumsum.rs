//! Running sums and products (ONNX's `CumSum` and `CumProd`).

use crate::error::{Result, check_len};
use crate::tensor::{Scalar, len};

/// Sums or products of all elements up to a place along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cumulate {
    /// Products, or else sums.
    pub product: bool,
    /// Without the element itself.
    pub exclusive: bool,
    /// From the end of the axis.
    pub reverse: bool,
}

impl Cumulate {
    /// From x to y, both `[outer, axis, inner]`.
    pub fn run<T: Scalar>(self, dims: [usize; 3], x: &[T], y: &mut [T]) -> Result<()> {
        let [_, axis, inner] = dims;
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", x.len(), y.len())?;
        if x.is_empty() {
            return Ok(());
        }
        let (join, first): (fn(T, T) -> T, T) =
            if self.product { (T::mul, T::ONE) } else { (T::add, T::ZERO) };
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
        Ok(())
    }
}
