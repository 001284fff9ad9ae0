//! Tensors whose rank is part of their type, over borrowed memory.

use core::ops::Range;

use crate::error::{check_len, require};
use crate::{Buffer, Error, Isa, Result, Tensor, TensorView, len};

/// A borrowed tensor of rank `R` in row-major order.
///
/// A row is what lies along the last axis. Rows may lie apart in memory, as the columns of a wider tensor do; then
/// [`stride`](Self::stride) is larger than the last dim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a, T, const R: usize> {
    data: &'a [T],
    dims: [usize; R],
    stride: usize,
}

/// A tensor of rank `R` for a layer to write, whose rows may lie apart.
///
/// A layer overwrites it, or adds its result to what is there if it is asked to [`accumulate`](Self::accumulate).
#[derive(Debug, PartialEq)]
pub struct ViewMut<'a, T, const R: usize> {
    data: &'a mut [T],
    dims: [usize; R],
    stride: usize,
    accumulates: bool,
}

impl<'a, T, const R: usize> View<'a, T, R> {
    /// `data` as a tensor of these dims; an error unless their product is the length of `data`.
    #[inline]
    pub fn new(data: &'a [T], dims: [usize; R]) -> Result<Self> {
        check_len("data", len(&dims)?, data.len())?;
        Ok(Self { data, dims, stride: columns(&dims) })
    }

    /// The dims.
    #[inline]
    #[must_use]
    pub fn dims(&self) -> [usize; R] {
        self.dims
    }

    /// How many rows there are: the product of all dims but the last, 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> usize {
        rows(&self.dims)
    }

    /// The elements of a row: the last dim, 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn columns(&self) -> usize {
        columns(&self.dims)
    }

    /// The elements from the beginning of a row to that of the next.
    #[inline]
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The elements in row-major order; an error if the rows lie apart.
    #[inline]
    pub fn as_slice(&self) -> Result<&'a [T]> {
        require(self.stride == self.columns(), "x", "have rows that lie side by side")?;
        Ok(self.data)
    }

    /// The memory from the first element to the last, with what lies between the rows.
    #[inline]
    #[must_use]
    pub fn memory(&self) -> &'a [T] {
        self.data
    }

    /// The same elements with other dims; an error if there are more or fewer, or the rows lie apart.
    #[inline]
    pub fn reshape<const Q: usize>(&self, dims: [usize; Q]) -> Result<View<'a, T, Q>> {
        View::new(self.as_slice()?, dims)
    }
}

impl<'a, T, const R: usize> ViewMut<'a, T, R> {
    /// `data` as a tensor of these dims; an error unless their product is the length of `data`.
    #[inline]
    pub fn new(data: &'a mut [T], dims: [usize; R]) -> Result<Self> {
        check_len("data", len(&dims)?, data.len())?;
        Ok(Self { data, dims, stride: columns(&dims), accumulates: false })
    }

    /// The dims.
    #[inline]
    #[must_use]
    pub fn dims(&self) -> [usize; R] {
        self.dims
    }

    /// How many rows there are: the product of all dims but the last, 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> usize {
        rows(&self.dims)
    }

    /// The elements of a row: the last dim, 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn columns(&self) -> usize {
        columns(&self.dims)
    }

    /// The elements from the beginning of a row to that of the next.
    #[inline]
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Asks the layer to add its result to what the tensor holds: a residual connection. Not every layer can.
    #[inline]
    #[must_use]
    pub fn accumulate(mut self) -> Self {
        self.accumulates = true;
        self
    }

    /// Whether a layer is to add to what the tensor holds.
    #[inline]
    #[must_use]
    pub fn accumulates(&self) -> bool {
        self.accumulates
    }

    /// Some of the columns, which leaves the others as they are: what a Concatenate joins is written in its place.
    #[inline]
    pub fn slice_columns(&mut self, range: Range<usize>) -> Result<ViewMut<'_, T, R>> {
        let fits = range.start <= range.end && range.end <= self.columns();
        require(fits && R > 0, "range", "be columns of the tensor")?;
        let mut dims = self.dims;
        if let Some(last) = dims.last_mut() {
            *last = range.len();
        }
        let data = self.data.get_mut(range.start..).unwrap_or_default();
        Ok(ViewMut { data, dims, stride: self.stride, accumulates: false })
    }

    /// The same tensor, lent for a shorter time.
    #[inline]
    #[must_use]
    pub fn reborrow(&mut self) -> ViewMut<'_, T, R> {
        ViewMut { data: self.data, dims: self.dims, stride: self.stride, accumulates: self.accumulates }
    }

    /// The same elements with other dims; an error if there are more or fewer, or the rows lie apart.
    #[inline]
    pub fn reshape<const Q: usize>(self, dims: [usize; Q]) -> Result<ViewMut<'a, T, Q>> {
        require(self.stride == self.columns(), "y", "have rows that lie side by side")?;
        let accumulates = self.accumulates;
        Ok(ViewMut { accumulates, ..ViewMut::new(self.data, dims)? })
    }

    /// The elements in row-major order, to be overwritten; an error if the rows lie apart, or the tensor accumulates.
    #[inline]
    pub fn as_mut_slice(&mut self) -> Result<&mut [T]> {
        require(self.stride == self.columns(), "y", "have rows that lie side by side")?;
        require(!self.accumulates, "y", "not accumulate what this layer makes")?;
        Ok(self.data)
    }

    /// The memory from the first element to the last, with what lies between the rows.
    #[inline]
    pub fn memory(&mut self) -> &mut [T] {
        self.data
    }

    /// The tensor, written, for other layers to read.
    #[inline]
    #[must_use]
    pub fn into_view(self) -> View<'a, T, R> {
        View { data: self.data, dims: self.dims, stride: self.stride }
    }
}

#[inline]
fn columns<const R: usize>(dims: &[usize; R]) -> usize {
    dims.last().copied().unwrap_or(1)
}

#[inline]
fn rows<const R: usize>(dims: &[usize; R]) -> usize {
    // The product of all dims, each counted as 1 at least, was found to fit when the view was made.
    dims.iter().take(R.saturating_sub(1)).fold(1, |rows, &dim| rows.wrapping_mul(dim))
}
