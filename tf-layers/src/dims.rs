//! Checked arithmetic on dimensions.
//!
//! Generated code computes the shapes of intermediate tensors with these functions, so that no shape a caller passes can
//! overflow.
//!
//! ```
//! use tf_layers::dims;
//! use tf_layers::prelude::*;
//!
//! // The flattened output of a pooling layer: [batch, (width − 2) / 2 · channels].
//! let (batch, width, channels) = (8, 100, 16);
//! let columns = dims::product(&[dims::quotient(dims::sub(width, 2)?, 2)?, channels])?;
//! assert_eq!(dims::product(&[batch, columns])?, 8 * 49 * 16);
//! assert_eq!(dims::product(&[usize::MAX, 2]), Err(Error::Overflow));
//! # Ok::<(), Error>(())
//! ```

use crate::error::{Error, Result, require};

/// The product of `dims`: the number of elements of a tensor with this shape.
///
/// # Errors
///
/// [`Error::Overflow`] if the product of the non-zero dims does not fit `usize`. A zero does not excuse an overflow of
/// the other dims, so that the result does not depend on their order.
#[inline]
pub fn product(dims: &[usize]) -> Result<usize> {
    let mut product = 1usize;
    let mut empty = false;
    for &dim in dims {
        empty |= dim == 0;
        product = product.checked_mul(dim.max(1)).ok_or(Error::Overflow)?;
    }
    Ok(if empty { 0 } else { product })
}

/// The sum of `dims`.
///
/// # Errors
///
/// [`Error::Overflow`] if it does not fit `usize`.
#[inline]
pub fn sum(dims: &[usize]) -> Result<usize> {
    dims.iter().try_fold(0usize, |total, &dim| total.checked_add(dim).ok_or(Error::Overflow))
}

/// `a − b`.
///
/// # Errors
///
/// [`Error::Dims`] if `b > a`: an input is smaller than the model's windows.
#[inline]
pub fn sub(a: usize, b: usize) -> Result<usize> {
    a.checked_sub(b).ok_or(Error::Dims {
        what: "a symbolic dimension",
        must: "be at least as large as the model's windows",
    })
}

/// `a / b`, rounded down.
///
/// # Errors
///
/// [`Error::Dims`] if `b` is zero.
#[inline]
pub fn quotient(a: usize, b: usize) -> Result<usize> {
    require(b != 0, "a symbolic dimension", "not be zero, because the model divides by it")?;
    Ok(a / b)
}

/// The smallest of `dims`; 0 if there are none.
#[inline]
#[must_use]
pub fn min(dims: &[usize]) -> usize {
    dims.iter().copied().min().unwrap_or(0)
}

/// The largest of `dims`; 0 if there are none.
#[inline]
#[must_use]
pub fn max(dims: &[usize]) -> usize {
    dims.iter().copied().max().unwrap_or(0)
}

/// Checks a condition that the sizes of the inputs must satisfy, because a node of the model needs it.
///
/// # Errors
///
/// [`Error::Sizes`] unless it `holds`.
#[inline]
pub fn check(holds: bool, condition: &'static str, node: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Sizes { condition, node }) }
}

/// `a + b`, or [`Error::Overflow`].
pub(crate) fn add(a: usize, b: usize) -> Result<usize> {
    a.checked_add(b).ok_or(Error::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(sub(5, 3), Ok(2));
        assert!(sub(3, 5).is_err());
        assert_eq!(sum(&[1, 2, 3]), Ok(6));
        assert_eq!(sum(&[usize::MAX, 1]), Err(Error::Overflow));
        assert_eq!(quotient(7, 2), Ok(3));
        assert!(quotient(7, 0).is_err());
        assert_eq!((min(&[3, 2]), max(&[3, 2]), min(&[]), max(&[])), (2, 3, 0, 0));
        assert!(check(true, "", "").is_ok());
        let error = check(false, "height == 2 * (height // 2)", "node `up/Add`").unwrap_err();
        assert_eq!(
            alloc::format!("{error}"),
            "the sizes of the inputs must satisfy `height == 2 * (height // 2)`, because the node `up/Add` needs it"
        );
        assert_eq!(product(&[2, 3, 5]), Ok(30));
        assert_eq!([product(&[]), product(&[0, 7])], [Ok(1), Ok(0)]);
        for dims in [[usize::MAX, 2, 0], [0, usize::MAX, 2]] {
            assert_eq!(product(&dims), Err(Error::Overflow));
        }
    }
}
