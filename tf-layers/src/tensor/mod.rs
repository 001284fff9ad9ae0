//! Views, tensors, the buffers of a workspace, shapes and symbolic dimensions.
//!
//! A tensor is a slice in row-major order with its dims.
//!
//! | type | rank | memory | use |
//! |---|---|---|---|
//! | [`View`], [`ViewMut`] | constant, part of the type | borrowed | inputs and outputs of layers |
//! | [`TensorView`] | known at run time | borrowed | inputs of a model |
//! | [`Tensor`] | known at run time | owned, reused when it is resized | outputs of a model |
//! | [`Buffer`] | none | owned, reused | intermediate results |
//!
//! Strings are `&str` in the inputs of a model and `String` in its outputs. In between, elements are [`ArenaStr`], which
//! refer to a [`StringArena`].
//!
//! [`SymbolicDims`] finds the sizes of the dims that a model leaves open; [`dims`](crate::dims) computes with them.

use alloc::vec::Vec;

pub(crate) use crate::dims::{add, product as len};
use crate::error::{Result, check_len};

mod access;
mod batch;
pub(crate) mod broadcast;
mod buffer;
mod columns;
mod display;
#[cfg(feature = "image")]
mod image;
pub(crate) mod index;
mod narrow;
mod narrow_int;
#[cfg(feature = "ndarray")]
mod ndarray;
mod number;
mod shape;
mod strings;
mod symbolic;
mod view;

pub use batch::{SplitRows, chunk_rows, for_each_chunk};
pub use buffer::Buffer;
use buffer::resize;
pub(crate) use columns::Columns;
pub use index::{Index, Outside};
pub use narrow::{BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, NarrowFloat};
pub use narrow_int::{I2, I4, NarrowInt, U2, U4};
pub use number::Number;
pub(crate) use shape::around;
pub use shape::{MAX_RANK, Shape};
pub use strings::{ArenaStr, StringArena};
pub use symbolic::{Dim, SymbolicDims};
pub use view::{View, ViewMut};
pub(crate) use view::{check_dims, check_joined_dims, check_rows};

/// A borrowed tensor in row-major order, of any rank.
///
/// The length of the data always equals the product of the dims.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a, T> {
    data: &'a [T],
    shape: Shape,
}

impl<'a, T> TensorView<'a, T> {
    /// Pairs `data` with `shape`, which is copied.
    ///
    /// ```
    /// use tf_layers::prelude::*;
    ///
    /// let data = [1.0, 2.0, 3.0, 4.0];
    /// let square = TensorView::new(&data, [2, 2])?;
    /// let row = TensorView::new(&data, &[1, data.len()])?;
    /// assert_eq!((square.shape(), row.shape()), (&[2, 2][..], &[1, 4][..]));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the rank exceeds [`MAX_RANK`], or the product of the dims is not the length of `data`.
    #[inline]
    pub fn new(data: &'a [T], shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = Shape::new(shape.as_ref())?;
        check_len("data", len(&shape)?, data.len())?;
        Ok(Self { data, shape })
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The dims.
    #[inline]
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// An owned tensor that keeps its memory when it is resized.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let mut tensor = Tensor::default();
/// tensor.resize(&[2, 2])?.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(tensor.shape(), [2, 2]);
/// assert_eq!(tensor.to_view([4])?.as_slice()?, [1.0, 2.0, 3.0, 4.0]);
/// tensor.data_mut()[3] = 0.0;
/// assert_eq!(tensor.data(), [1.0, 2.0, 3.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    data: Vec<T>,
    shape: Shape,
}

/// An empty tensor with the shape `[0]`.
impl<T> Default for Tensor<T> {
    fn default() -> Self {
        Self { data: Vec::new(), shape: Shape::truncated(&[0]) }
    }
}

impl<T: Clone + Default> Tensor<T> {
    /// Changes the shape and lends the elements, whose values are unspecified, to be written.
    ///
    /// # Errors
    ///
    /// If the rank exceeds [`MAX_RANK`], the product of the dims overflows, or there is not enough memory.
    #[inline]
    pub fn resize(&mut self, shape: &[usize]) -> Result<&mut [T]> {
        // Dim by dim, because a call of `memcmp` for so few costs as much as a small layer.
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

    /// The elements in row-major order, to be changed.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Borrows the tensor.
    #[must_use]
    pub fn view(&self) -> TensorView<'_, T> {
        TensorView { data: &self.data, shape: self.shape }
    }
}
