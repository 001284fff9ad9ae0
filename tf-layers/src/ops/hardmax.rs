//! One-hot vectors of the greatest elements.

use super::arg_reduce::{Extreme, lane};
use crate::error::{Result, check_len};
use crate::tensor::{Scalar, len};

/// y = 1 where the first greatest element along an axis is, 0 elsewhere; x and y are `[outer, axis, inner]`.
pub fn hardmax<T: Scalar>(dims: [usize; 3], x: &[T], y: &mut [T]) -> Result<()> {
    let [outer, axis, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    y.fill(T::ZERO);
    if y.is_empty() {
        return Ok(());
    }
    for i in 0..outer * inner {
        let at = Extreme { greatest: true, last: false }.find(lane(x, i, axis, inner));
        y[(i / inner * axis + at) * inner + i % inner] = T::ONE;
    }
    Ok(())
}
