//! Borrowed and owned tensors, and the reusable buffers of a workspace.

use alloc::vec::Vec;

use crate::error::check_len;
use crate::{Error, Result, Shape, len};

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

/// A reusable array that grows when it must, so that after a first use nothing is allocated.
///
/// Its first element lies on a cache line, so that vector loads do not straddle two of them.
#[derive(Debug, Default)]
pub struct Buffer<T> {
    data: Vec<T>,
    start: usize,
}

const CACHE_LINE: usize = 64;

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first `len` elements, whose values are unspecified, to be written.
    #[inline]
    pub fn write(&mut self, len: usize) -> Result<&mut [T]> {
        if len > self.data.len() - self.start {
            self.grow(len)?;
        }
        Ok(&mut self.data[self.start..][..len])
    }

    /// The first `len` elements as they were last written; an error if so many never were.
    #[inline]
    pub fn read(&self, len: usize) -> Result<&[T]> {
        let data = &self.data[self.start..];
        data.get(..len).ok_or(Error::Length { what: "buffer", expected: len, found: data.len() })
    }

    /// The bytes that this buffer holds on to.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.data.capacity().saturating_mul(size_of::<T>())
    }

    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        let slack = CACHE_LINE / size_of::<T>().clamp(1, CACHE_LINE);
        let total = len.checked_add(slack).ok_or(Error::Overflow)?;
        // What is in the buffer is not kept, so the old memory can go before the new comes.
        self.data = Vec::new();
        self.start = 0;
        resize(&mut self.data, total)?;
        let offset = self.data.as_ptr().align_offset(CACHE_LINE);
        self.start = if offset <= slack { offset } else { 0 };
        Ok(())
    }
}

fn resize<T: Copy + Default>(data: &mut Vec<T>, len: usize) -> Result<()> {
    if len > data.len() {
        let bytes = len.saturating_mul(size_of::<T>());
        data.try_reserve_exact(len - data.len()).map_err(|_| Error::Memory { bytes })?;
    }
    data.resize(len, T::default());
    Ok(())
}
