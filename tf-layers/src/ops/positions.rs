//! Where the elements lie that indices name.

use crate::error::{Error, Result, require};
use crate::tensor::{Index, MAX_RANK, Outside, Shape};

/// Where the element that belongs to an index lies in a tensor of another shape.
pub(super) struct Places<'a, I> {
    input: &'static str,
    indices: &'a [I],
    index_dims: Shape,
    strides: [usize; MAX_RANK],
    axis: usize,
    size: usize,
}

impl<'a, I: Index> Places<'a, I> {
    pub fn new(
        input: &'static str,
        dims: &[usize],
        axis: usize,
        indices: &'a [I],
        index_dims: &[usize],
    ) -> Result<Self> {
        let index_dims = Shape::new(index_dims)?;
        require(dims.len() == index_dims.len() && axis < dims.len(), "indices", "have the rank of x")?;
        let fits = (0..dims.len()).all(|i| i == axis || index_dims[i] <= dims[i] || indices.is_empty());
        require(fits, "indices", "lie within x on the other axes")?;
        let mut strides = [1; MAX_RANK];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i];
        }
        Ok(Self { input, indices, index_dims, strides, axis, size: dims[axis] })
    }

    pub fn place(&self, position: usize) -> Result<usize> {
        let index = resolve(self.input, position, self.indices, self.size)?;
        let (mut rest, mut place) = (position, index * self.strides[self.axis]);
        for axis in (0..self.index_dims.len()).rev() {
            let at = rest % self.index_dims[axis];
            rest /= self.index_dims[axis];
            if axis != self.axis {
                place += at * self.strides[axis];
            }
        }
        Ok(place)
    }
}

/// The element of an axis of `size` that index `position` names; negative ones count from the end.
pub(super) fn resolve<I: Index>(
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
