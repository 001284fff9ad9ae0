//! Offsets of the elements that index tensors address.

use crate::error::{Error, Result, require};
use crate::tensor::{Index, MAX_RANK, Outside, Shape};

/// The offsets of the elements that `GatherElements` and `ScatterElements` address.
pub(super) struct ElementOffsets<'a, I> {
    input: &'static str,
    indices: &'a [I],
    index_dims: Shape,
    strides: [usize; MAX_RANK],
    axis: usize,
    size: usize,
}

impl<'a, I: Index> ElementOffsets<'a, I> {
    pub fn new(
        input: &'static str,
        dims: &[usize],
        axis: usize,
        indices: &'a [I],
        index_dims: &[usize],
    ) -> Result<Self> {
        let index_dims = Shape::new(index_dims)?;
        let same_rank = dims.len() == index_dims.len() && axis < dims.len();
        require(same_rank, "indices", "have the rank of x, which has the axis")?;
        let fits = (0..dims.len()).all(|i| i == axis || index_dims[i] <= dims[i] || indices.is_empty());
        require(fits, "indices", "not have larger dims than x except along the axis")?;
        let mut strides = [1; MAX_RANK];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i];
        }
        Ok(Self { input, indices, index_dims, strides, axis, size: dims[axis] })
    }

    /// The offset of the element that the index at `position` addresses.
    pub fn offset(&self, position: usize) -> Result<usize> {
        let index = resolve(self.input, position, self.indices, self.size)?;
        let (mut rest, mut offset) = (position, index * self.strides[self.axis]);
        for axis in (0..self.index_dims.len()).rev() {
            let at = rest % self.index_dims[axis];
            rest /= self.index_dims[axis];
            if axis != self.axis {
                offset += at * self.strides[axis];
            }
        }
        Ok(offset)
    }
}

/// The element of an axis of `size` that the index at `position` addresses; negative indices count from the end.
pub(crate) fn resolve<I: Index>(
    input: &'static str,
    position: usize,
    indices: &[I],
    size: usize,
) -> Result<usize> {
    let index = indices[position];
    Outside::FromEnd.resolve(index.index(), size).ok_or(Error::Index {
        tensor: input,
        position,
        len: indices.len(),
        value: index.index().unwrap_or(i64::MIN),
        size,
    })
}
