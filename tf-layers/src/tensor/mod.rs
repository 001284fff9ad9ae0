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
//! Buffers and owned tensors allocate their memory, or use memory that the program has reserved.
//!
//! Strings are `&str` in the inputs of a model and `String` in its outputs. In between, elements are `ArenaStr`, which
//! refer to a `StringArena`. They need the feature `alloc`.
//!
//! [`SymbolicDims`] finds the sizes of the dims that a model leaves open; [`dims`](crate::dims) computes with them.

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
mod memory;
mod narrow;
mod narrow_int;
#[cfg(feature = "ndarray")]
mod ndarray;
mod number;
mod shape;
#[cfg(feature = "alloc")]
mod strings;
mod symbolic;
mod view;

pub use batch::{SplitRows, chunk_rows, for_each_chunk};
pub use buffer::Buffer;
pub(crate) use columns::Columns;
pub use index::{Index, Outside};
use memory::Memory;
pub use narrow::{BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, NarrowFloat};
pub use narrow_int::{I2, I4, NarrowInt, U2, U4};
pub use number::Number;
pub(crate) use shape::around;
pub use shape::{MAX_RANK, Shape};
#[cfg(feature = "alloc")]
pub use strings::{ArenaStr, StringArena};
pub use symbolic::{Dim, SymbolicDims};
pub use view::{View, ViewMut};
pub(crate) use view::{check_dims, check_joined_dims, check_rows};

/// A borrowed tensor in row-major order, of any rank.
///
/// The length of the data always equals the product of the dims.
#[derive(Debug, PartialEq)]
pub struct TensorView<'a, T> {
    data: &'a [T],
    shape: Shape,
}

// Derived, these would require that the elements can be copied.
impl<T> Clone for TensorView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TensorView<'_, T> {}

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
#[derive(Debug)]
pub struct Tensor<T: 'static> {
    memory: Memory<T>,
    shape: Shape,
}

/// An empty tensor with the shape `[0]`.
impl<T> Default for Tensor<T> {
    fn default() -> Self {
        Self { memory: Memory::default(), shape: Shape::truncated(&[0]) }
    }
}

/// The copy allocates its memory, even if the original is in reserved memory.
#[cfg(feature = "alloc")]
impl<T: Clone> Clone for Tensor<T> {
    fn clone(&self) -> Self {
        Self { memory: Memory::Allocated(self.data().to_vec()), shape: self.shape }
    }
}

impl<T: PartialEq> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.data() == other.data()
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
        Ok(self.memory.elements_mut())
    }

    fn reshape(&mut self, shape: &[usize]) -> Result<()> {
        let shape = Shape::new(shape)?;
        let len = len(&shape)?;
        self.memory.resize(len)?;
        self.shape = shape;
        Ok(())
    }
}

impl<T> Tensor<T> {
    /// An empty tensor in reserved memory, for programs without an allocator. It does not grow beyond `memory`.
    ///
    /// ```
    /// use tf_layers::prelude::*;
    ///
    /// let memory = Vec::leak(vec![0.0; 6]); // In a program without an allocator: a static array.
    /// let mut tensor = Tensor::from_static(memory);
    /// assert_eq!(tensor.resize(&[2, 3])?.len(), 6);
    /// assert_eq!(tensor.resize(&[7]), Err(Error::Memory { bytes: 56 }));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn from_static(memory: &'static mut [T]) -> Self {
        Self { memory: Memory::Reserved { elements: memory, len: 0 }, ..Self::default() }
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &[T] {
        self.memory.elements()
    }

    /// The elements in row-major order, to be changed.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [T] {
        self.memory.elements_mut()
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Borrows the tensor.
    #[must_use]
    pub fn view(&self) -> TensorView<'_, T> {
        TensorView { data: self.data(), shape: self.shape }
    }
}
