//! `ScatterElements`: updates elements by index.

use super::offsets::ElementOffsets;
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Index, Number, View, ViewMut, check_dims};

/// How an update is combined with the element that it addresses (ONNX's `reduction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScatterReduction {
    /// The update replaces the element; the last of several wins (ONNX's `none`).
    Replace,
    /// The sum.
    Add,
    /// The product.
    Mul,
    /// The maximum; NaN if either is.
    Max,
    /// The minimum; NaN if either is.
    Min,
}

impl ScatterReduction {
    pub(super) fn join<T: Number>(self) -> fn(T, T) -> T {
        match self {
            Self::Replace => |_, new| new,
            Self::Add => T::add,
            Self::Mul => T::mul,
            Self::Max => T::greater,
            Self::Min => T::lesser,
        }
    }
}

/// Copies x to y and updates elements of y along `axis`, e.g. y[indices[i, j], j] = updates[i, j] for axis 0.
///
/// `indices` and `updates` have the same dims. On the other axes, these must not exceed the dims of x. Negative indices
/// count from the end. `input` is the name of the index tensor for error messages.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let indices = View::new(&[1_i64, 1], [1, 2])?;
/// let updates = View::new(&[10, 20], [1, 2])?;
/// let mut y = [0; 6];
/// let y = ViewMut::new(&mut y, [2, 3])?;
/// let y = ops::scatter_elements(cx, "indices", 1, ops::ScatterReduction::Add, x, indices, updates, y)?;
/// assert_eq!(y.as_slice()?, [1, 32, 3, 4, 5, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x has no such axis, an index is out of range, or the dims do not match.
#[allow(clippy::too_many_arguments)]
pub fn scatter_elements<'y, T: Number, I: Index, const R: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    axis: usize,
    update: ScatterReduction,
    x: View<'_, T, R>,
    indices: View<'_, I, R>,
    updates: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    require(updates.dims() == indices.dims(), "updates", "have the dims of the indices")?;
    let offsets = ElementOffsets::new(input, &x.dims(), axis, indices.as_slice()?, &indices.dims())?;
    let (join, to) = (update.join::<T>(), y.as_mut_slice()?);
    to.copy_from_slice(x.as_slice()?);
    for (i, &new) in updates.as_slice()?.iter().enumerate() {
        let at = offsets.offset(i)?;
        to[at] = join(to[at], new);
    }
    Ok(y.into_view())
}
