//! Updating elements that indices name.

use super::positions::Places;
use crate::error::{Result, check_len};
use crate::tensor::{Index, Scalar, len};

/// What becomes of an element that an update falls upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The update takes its place; of several, the last.
    Replace,
    /// The update is added.
    Add,
    /// The update is multiplied with it.
    Mul,
    /// The greater of the two; NaN if either is.
    Max,
    /// The lesser of the two; NaN if either is.
    Min,
}

impl Update {
    pub(super) fn join<T: Scalar>(self) -> fn(T, T) -> T {
        match self {
            Self::Replace => |_, new| new,
            Self::Add => T::add,
            Self::Mul => T::mul,
            Self::Max => T::greater,
            Self::Min => T::lesser,
        }
    }
}

/// y = x, but that each of `updates` falls upon the element whose place on `axis` is the index.
///
/// `input` is the name of the tensor of indices, for errors. Negative indices count from the end.
pub fn scatter_elements<T: Scalar, I: Index>(
    input: &'static str,
    (x, dims): (&[T], &[usize]),
    axis: usize,
    (indices, index_dims): (&[I], &[usize]),
    updates: &[T],
    update: Update,
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    check_len("updates", indices.len(), updates.len())?;
    let places = Places::new(input, dims, axis, indices, index_dims)?;
    let join = update.join::<T>();
    y.copy_from_slice(x);
    for (i, &new) in updates.iter().enumerate() {
        let at = places.place(i)?;
        y[at] = join(y[at], new);
    }
    Ok(())
}
