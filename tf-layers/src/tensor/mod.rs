//! Tensors, the buffers of a workspace, shapes, and the sizes of symbolic dims.
//!
//! A tensor is a slice in row-major order and its dims. [`TensorView`] borrows both, [`Tensor`] owns them and keeps its memory
//! when it is resized, [`Buffer`] is memory without a shape. [`FreeDims`] finds the sizes of the dims that a model leaves
//! open; [`len`], [`sum`], [`sub`] and [`quotient`] compute with sizes, checked.

use alloc::vec::Vec;

use crate::error::{Result, check_len};

mod batch;
pub(crate) mod broadcast;
mod buffer;
mod columns;
mod dims;
mod f16;
pub(crate) mod index;
mod scalar;
mod shape;
mod view;

pub use batch::{Rows, each_tile, tile_rows};
pub use buffer::Buffer;
use buffer::resize;
pub(crate) use columns::Columns;
pub(crate) use dims::add;
pub use dims::{Extent, FreeDims, quotient, sub, sum};
pub use f16::F16;
pub use index::{Index, Outside};
pub use scalar::Scalar;
pub(crate) use shape::around;
pub use shape::{MAX_RANK, Shape, len};
pub use view::{View, ViewMut};
pub(crate) use view::{check_dims, check_joined_dims, check_rows};

/// A borrowed tensor in row-major order; its length always equals the product of its dims.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a, T> {
    data: &'a [T],
    shape: &'a [usize],
}

impl<'a, T> TensorView<'a, T> {
    /// Pairs `data` with `shape`; an error unless the product of the dims is the length of `data`.
    pub fn new(data: &'a [T], shape: &'a [usize]) -> Result<Self> {
        check_len("data", len(shape)?, data.len())?;
        Ok(Self { data, shape })
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }
}

/// An owned tensor that keeps its memory when it is resized.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    data: Vec<T>,
    shape: Shape,
}

/// Empty: shape `[0]`.
impl<T> Default for Tensor<T> {
    fn default() -> Self {
        Self { data: Vec::new(), shape: Shape::truncated(&[0]) }
    }
}

impl<T: Copy + Default> Tensor<T> {
    /// Takes on `shape` and lends the elements, whose values are unspecified, to be written.
    #[inline]
    pub fn resize(&mut self, shape: &[usize]) -> Result<&mut [T]> {
        // Dim by dim, as a call of `memcmp` for so few costs as much as a small layer.
        let same = self.shape.len() == shape.len() && self.shape.iter().zip(shape).all(|(a, b)| a == b);
        if !same {
            self.reshape(shape)?;
        }
        Ok(&mut self.data)
    }

    fn reshape(&mut self, shape: &[usize]) -> Result<()> {
        let shape = Shape::new(shape)?;
        let len = len(&shape)?;
        resize(&mut self.data, len)?;
        self.shape = shape;
        Ok(())
    }
}

impl<T> Tensor<T> {
    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Borrows the tensor.
    #[must_use]
    pub fn view(&self) -> TensorView<'_, T> {
        TensorView { data: &self.data, shape: &self.shape }
    }
}
