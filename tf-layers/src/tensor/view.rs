//! Tensors whose rank is part of their type, over borrowed memory.

use core::ops::Range;

use super::{Buffer, Rows, Tensor, TensorView, len};
use crate::error::{Result, check_len, require};

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

    /// No elements: dims of 0.
    #[inline]
    pub(crate) fn empty() -> Self {
        Self { data: &[], dims: [0; R], stride: 0 }
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

    /// What the tensor holds, for other layers to read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View<'_, T, R> {
        View { data: self.data, dims: self.dims, stride: self.stride }
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

/// An error unless x and y have the same dims but for the last.
#[inline]
pub(crate) fn check_rows<const R: usize>(x: &[usize; R], y: &[usize; R]) -> Result<()> {
    let same = x.iter().zip(y).take(R.saturating_sub(1)).all(|(x, y)| x == y);
    require(same, "y", "have the rows of x")
}

/// An error unless y has the dims of all `parts`, one after the other.
#[inline]
pub(crate) fn check_joined_dims(parts: &[&[usize]], y: &[usize]) -> Result<()> {
    require(parts.iter().copied().flatten().eq(y), "y", "have the dims of the result")
}

/// An error unless y has these dims.
#[inline]
pub(crate) fn check_dims<const R: usize>(expected: &[usize; R], y: &[usize; R]) -> Result<()> {
    require(expected.iter().zip(y).all(|(a, b)| a == b), "y", "have the dims of the result")
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

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first elements as a tensor of these dims. They are as they were last written, until the buffer grows.
    #[inline]
    pub fn tensor<const R: usize>(&mut self, dims: [usize; R]) -> Result<ViewMut<'_, T, R>> {
        let data = self.write(len(&dims)?)?;
        Ok(ViewMut { data, dims, stride: columns(&dims), accumulates: false })
    }

    /// The first elements, as they were last written, as a tensor of these dims; an error if so many never were.
    #[inline]
    pub fn view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'_, T, R>> {
        Ok(View { data: self.read(len(&dims)?)?, dims, stride: columns(&dims) })
    }
}

impl<T: Copy + Default> Tensor<T> {
    /// Takes on these dims and lends the elements. They are as they were last written, unless the dims change.
    #[inline]
    pub fn tensor<const R: usize>(&mut self, dims: [usize; R]) -> Result<ViewMut<'_, T, R>> {
        Ok(ViewMut { data: self.resize(&dims)?, dims, stride: columns(&dims), accumulates: false })
    }
}

impl<T> Tensor<T> {
    /// The elements as a tensor of these dims; an error if there are more or fewer.
    #[inline]
    pub fn to_view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'_, T, R>> {
        View::new(self.data(), dims)
    }
}

impl<'a, T> TensorView<'a, T> {
    /// The elements as a tensor of these dims; an error if there are more or fewer.
    #[inline]
    pub fn to_view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'a, T, R>> {
        View::new(self.data(), dims)
    }
}

impl<T, const R: usize> Rows for View<'_, T, R> {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let (first, rest) = self.data.split_rows(count, rows);
        let [above, below] = split(self.dims, count, rows);
        (Self { data: first, dims: above, ..self }, Self { data: rest, dims: below, ..self })
    }

    #[inline]
    fn are_hollow(&self) -> bool {
        self.data.is_empty()
    }
}

impl<T, const R: usize> Rows for ViewMut<'_, T, R> {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let Self { data, dims, stride, accumulates } = self;
        let (first, rest) = data.split_rows(count, rows);
        let [above, below] = split(dims, count, rows);
        (
            Self { data: first, dims: above, stride, accumulates },
            Self { data: rest, dims: below, stride, accumulates },
        )
    }

    #[inline]
    fn are_hollow(&self) -> bool {
        self.data.is_empty()
    }
}

/// The dims of the first `count` of `rows` rows and of the others, where the first dim is `rows` or a multiple of it.
#[inline]
fn split<const R: usize>(dims: [usize; R], count: usize, rows: usize) -> [[usize; R]; 2] {
    let (mut above, mut below) = (dims, dims);
    if let (Some(above), Some(below)) = (above.first_mut(), below.first_mut()) {
        *above = above.checked_div(rows).unwrap_or(0).saturating_mul(count).min(*below);
        *below -= *above;
    }
    [above, below]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_know_their_rows() {
        let data = [1, 2, 3, 4, 5, 6];
        let view = View::new(&data, [1, 3, 2]).unwrap();
        assert_eq!((view.dims(), view.rows(), view.columns(), view.stride()), ([1, 3, 2], 3, 2, 2));
        assert_eq!(view.reshape([6]).unwrap().as_slice(), Ok(&data[..]));
        assert_eq!(View::new(&data[..1], []).unwrap().rows(), 1);
        assert!(View::new(&data, [2, 2]).is_err());
        assert!(View::new(&data, [usize::MAX, 2]).is_err());
        assert!(view.reshape([5]).is_err());
        assert!(View::<i32, 2>::new(&[], [usize::MAX, 0]).is_ok());
    }

    #[test]
    fn columns_are_views_that_leave_gaps() {
        let mut data = [0; 6];
        let mut whole = ViewMut::new(&mut data, [2, 3]).unwrap();
        let mut part = whole.slice_columns(1..3).unwrap();
        assert_eq!((part.dims(), part.stride(), part.memory().len()), ([2, 2], 3, 5));
        assert!(part.as_mut_slice().is_err());
        assert!(part.into_view().as_slice().is_err());
        assert!(whole.slice_columns(2..4).is_err());
        assert!(whole.slice_columns(3..3).is_ok());
        assert!(whole.reborrow().accumulate().as_mut_slice().is_err());
        assert!(whole.as_mut_slice().is_ok());
    }

    #[test]
    fn a_batch_is_cut_between_rows() {
        let data = [0, 1, 2, 3, 4, 5, 6, 7];
        let view = View::new(&data, [4, 2]).unwrap();
        let (first, rest) = view.split_rows(1, 2);
        assert_eq!((first.dims(), rest.dims()), ([2, 2], [2, 2]));
        assert_eq!(rest.as_slice(), Ok(&data[4..]));
        let none = View::<i32, 2>::new(&[], [usize::MAX, 0]).unwrap();
        let (first, rest) = none.split_rows(usize::MAX, usize::MAX);
        assert_eq!((first.dims(), rest.dims()), ([usize::MAX, 0], [0, 0]));
    }
}
