//! Shapes of at most eight dimensions, stored without an allocation.

use core::fmt;
use core::ops::Deref;

use super::len;
use crate::checked::part;
use crate::error::{Error, Result, require};

/// The highest rank that a tensor can have.
pub const MAX_RANK: usize = 8;

/// The dims of a tensor; dereferences to `[usize]`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// Copies `dims`.
    ///
    /// # Errors
    ///
    /// If there are more than [`MAX_RANK`].
    #[inline]
    pub fn new(dims: &[usize]) -> Result<Self> {
        require(dims.len() <= MAX_RANK, "shape", "have at most 8 dimensions")?;
        let mut shape = Self { dims: [0; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Ok(shape)
    }

    /// Like [`Shape::new`], but keeps only the first [`MAX_RANK`] dims: for error messages.
    #[must_use]
    pub fn truncated(dims: &[usize]) -> Self {
        let rank = dims.len().min(MAX_RANK);
        let mut shape = Self { dims: [0; MAX_RANK], rank };
        shape.dims[..rank].copy_from_slice(&dims[..rank]);
        shape
    }
}

impl Deref for Shape {
    type Target = [usize];

    #[inline]
    fn deref(&self) -> &[usize] {
        part(&self.dims, ..self.rank)
    }
}

impl AsRef<[usize]> for Shape {
    #[inline]
    fn as_ref(&self) -> &[usize] {
        self
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The dims as `[outer, axis, inner]`, where the `span` axes from `axis` on count as one; an error if the tensor does not
/// have these axes.
#[inline]
pub(crate) fn around(dims: &[usize], axis: usize, span: usize) -> Result<[usize; 3]> {
    let end = axis.checked_add(span).filter(|&end| axis < end && end <= dims.len());
    let end = end.ok_or(Error::Dims { what: "axis", must: "be an axis of the tensor" })?;
    Ok([len(&dims[..axis])?, len(&dims[axis..end])?, len(&dims[end..])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dims_are_split_around_axes() {
        for (dims, axis, span, expected) in [
            (&[2, 3, 5][..], 1, 1, Some([2, 3, 5])),
            (&[2, 3, 5], 0, 2, Some([1, 6, 5])),
            (&[2, 3, 5], 1, 2, Some([2, 15, 1])),
            (&[2, 0, 5], 2, 1, Some([0, 5, 1])),
            (&[2, 3, 5], 3, 1, None),
            (&[2, 3, 5], 2, 2, None),
            (&[2, 3, 5], 1, 0, None),
            (&[2, 3, 5], 1, usize::MAX, None),
            (&[], 0, 1, None),
            (&[usize::MAX, 2, 5], 2, 1, None),
        ] {
            assert_eq!(around(dims, axis, span).ok(), expected, "{dims:?} {axis} {span}");
        }
    }
}
