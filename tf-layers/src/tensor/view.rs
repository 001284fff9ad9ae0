//! Borrowed tensors whose rank is part of the type.

use core::ops::Range;

use super::{Buffer, SplitRows, Tensor, TensorView, len};
use crate::error::{Result, check_len, require};

/// A borrowed tensor of rank `R` in row-major order.
///
/// The elements along the last axis form a row. A view of some columns of a wider tensor has gaps between its rows; its
/// [`stride`](Self::stride) is then larger than the last dim.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let data = [1, 2, 3, 4, 5, 6];
/// let view = View::new(&data, [1, 3, 2])?;
/// assert_eq!((view.dims(), view.rows(), view.columns()), ([1, 3, 2], 3, 2));
/// assert_eq!(view.reshape([2, 3])?.dims(), [2, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a, T, const R: usize> {
    data: &'a [T],
    dims: [usize; R],
    stride: usize,
}

/// A mutably borrowed tensor of rank `R`: the output of a layer.
///
/// A layer overwrites the tensor, or adds to it if the caller asks it to [`accumulate`](Self::accumulate). The rows may be
/// [columns of a wider tensor](Self::slice_columns).
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::ops;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Two layers write side by side: nothing is concatenated afterwards.
/// let mut wide = Buffer::default();
/// let mut y = wide.tensor([2, 3])?;
/// ops::copy(cx, View::new(&[1, 4], [2, 1])?, y.slice_columns(0..1)?)?;
/// ops::copy(cx, View::new(&[2, 3, 5, 6], [2, 2])?, y.slice_columns(1..3)?)?;
/// assert_eq!(y.into_view().as_slice()?, [1, 2, 3, 4, 5, 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct ViewMut<'a, T, const R: usize> {
    data: &'a mut [T],
    dims: [usize; R],
    stride: usize,
    accumulates: bool,
}

impl<'a, T, const R: usize> View<'a, T, R> {
    /// Views `data` as a tensor of these dims.
    ///
    /// # Errors
    ///
    /// If the product of the dims is not the length of `data`.
    #[inline]
    pub fn new(data: &'a [T], dims: [usize; R]) -> Result<Self> {
        check_len("data", len(&dims)?, data.len())?;
        Ok(Self { data, dims, stride: columns(&dims) })
    }

    /// A view without elements; all dims are 0.
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

    /// The number of rows: the product of all dims except the last; 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> usize {
        rows(&self.dims)
    }

    /// The number of elements in a row: the last dim; 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn columns(&self) -> usize {
        columns(&self.dims)
    }

    /// The number of elements from the start of one row to that of the next.
    #[inline]
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    ///
    /// If there are gaps between the rows.
    #[inline]
    pub fn as_slice(&self) -> Result<&'a [T]> {
        require(self.stride == self.columns(), "x", "have no gaps between its rows")?;
        Ok(self.data)
    }

    /// The memory from the first element to the last, including the gaps between rows.
    #[inline]
    #[must_use]
    pub fn memory(&self) -> &'a [T] {
        self.data
    }

    /// The same elements with other dims.
    ///
    /// # Errors
    ///
    /// If the number of elements differs, or there are gaps between the rows.
    #[inline]
    pub fn reshape<const Q: usize>(&self, dims: [usize; Q]) -> Result<View<'a, T, Q>> {
        View::new(self.as_slice()?, dims)
    }
}

impl<'a, T, const R: usize> ViewMut<'a, T, R> {
    /// Views `data` as a tensor of these dims.
    ///
    /// # Errors
    ///
    /// If the product of the dims is not the length of `data`.
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

    /// The number of rows: the product of all dims except the last; 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> usize {
        rows(&self.dims)
    }

    /// The number of elements in a row: the last dim; 1 for a scalar.
    #[inline]
    #[must_use]
    pub fn columns(&self) -> usize {
        columns(&self.dims)
    }

    /// The number of elements from the start of one row to that of the next.
    #[inline]
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Asks the layer to add its result to the tensor, as a residual connection does.
    ///
    /// Layers that cannot accumulate return an error.
    #[inline]
    #[must_use]
    pub fn accumulate(mut self) -> Self {
        self.accumulates = true;
        self
    }

    /// Whether a layer must add its result to the tensor.
    #[inline]
    #[must_use]
    pub fn accumulates(&self) -> bool {
        self.accumulates
    }

    /// An error if the tensor accumulates, for layers that cannot.
    pub(crate) fn check_overwritten(&self) -> Result<()> {
        require(!self.accumulates, "y", "be overwritten, because this layer cannot accumulate")
    }

    /// Some of the columns. A layer that writes them leaves the other columns unchanged.
    ///
    /// # Errors
    ///
    /// If the range exceeds the columns.
    #[inline]
    pub fn slice_columns(&mut self, range: Range<usize>) -> Result<ViewMut<'_, T, R>> {
        let fits = range.start <= range.end && range.end <= self.columns();
        require(fits && R > 0, "range", "be within the columns of the tensor")?;
        let mut dims = self.dims;
        if let Some(last) = dims.last_mut() {
            *last = range.len();
        }
        let data = self.data.get_mut(range.start..).unwrap_or_default();
        Ok(ViewMut { data, dims, stride: self.stride, accumulates: false })
    }

    /// A view of the contents, for other layers to read.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View<'_, T, R> {
        View { data: self.data, dims: self.dims, stride: self.stride }
    }

    /// The same tensor, borrowed for a shorter lifetime.
    #[inline]
    #[must_use]
    pub fn reborrow(&mut self) -> ViewMut<'_, T, R> {
        ViewMut { data: self.data, dims: self.dims, stride: self.stride, accumulates: self.accumulates }
    }

    /// The same elements with other dims.
    ///
    /// # Errors
    ///
    /// If the number of elements differs, or there are gaps between the rows.
    #[inline]
    pub fn reshape<const Q: usize>(self, dims: [usize; Q]) -> Result<ViewMut<'a, T, Q>> {
        require(self.stride == self.columns(), "y", "have no gaps between its rows")?;
        let accumulates = self.accumulates;
        Ok(ViewMut { accumulates, ..ViewMut::new(self.data, dims)? })
    }

    /// The elements in row-major order, to be overwritten.
    ///
    /// # Errors
    ///
    /// If there are gaps between the rows, or the tensor [accumulates](Self::accumulate).
    #[inline]
    pub fn as_mut_slice(&mut self) -> Result<&mut [T]> {
        require(self.stride == self.columns(), "y", "have no gaps between its rows")?;
        self.check_overwritten()?;
        Ok(self.data)
    }

    /// The memory from the first element to the last, including the gaps between rows.
    #[inline]
    pub fn memory(&mut self) -> &mut [T] {
        self.data
    }

    /// Ends writing: a view of the contents, for other layers to read.
    #[inline]
    #[must_use]
    pub fn into_view(self) -> View<'a, T, R> {
        View { data: self.data, dims: self.dims, stride: self.stride }
    }
}

/// An error unless x and y have the same dims except the last.
#[inline]
pub(crate) fn check_rows<const R: usize>(x: &[usize; R], y: &[usize; R]) -> Result<()> {
    let same = x.iter().zip(y).take(R.saturating_sub(1)).all(|(x, y)| x == y);
    require(same, "y", "have the rows of x")
}

/// An error unless the dims of y are those of all `parts`, concatenated.
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
    // Cannot overflow: the constructor checked the product of the non-zero dims.
    dims.iter().take(R.saturating_sub(1)).fold(1, |rows, &dim| rows.wrapping_mul(dim))
}

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first elements as a tensor of these dims. They keep their values unless the buffer grows.
    ///
    /// # Errors
    ///
    /// If the product of the dims overflows, or there is not enough memory.
    #[inline]
    pub fn tensor<const R: usize>(&mut self, dims: [usize; R]) -> Result<ViewMut<'_, T, R>> {
        let data = self.write(len(&dims)?)?;
        Ok(ViewMut { data, dims, stride: columns(&dims), accumulates: false })
    }

    /// The first elements, as they were last written, as a tensor of these dims.
    ///
    /// # Errors
    ///
    /// If the buffer has fewer elements.
    #[inline]
    pub fn view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'_, T, R>> {
        Ok(View { data: self.read(len(&dims)?)?, dims, stride: columns(&dims) })
    }
}

impl<T: Clone + Default> Tensor<T> {
    /// Changes the shape to these dims and lends the elements. They keep their values unless the dims change.
    ///
    /// # Errors
    ///
    /// As [`Tensor::resize`].
    #[inline]
    pub fn tensor<const R: usize>(&mut self, dims: [usize; R]) -> Result<ViewMut<'_, T, R>> {
        Ok(ViewMut { data: self.resize(&dims)?, dims, stride: columns(&dims), accumulates: false })
    }
}

impl<T> Tensor<T> {
    /// The elements as a view with these dims.
    ///
    /// # Errors
    ///
    /// If the product of the dims is not the number of elements.
    #[inline]
    pub fn to_view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'_, T, R>> {
        View::new(self.data(), dims)
    }
}

impl<'a, T> TensorView<'a, T> {
    /// The elements as a view with these dims.
    ///
    /// # Errors
    ///
    /// If the product of the dims is not the number of elements.
    #[inline]
    pub fn to_view<const R: usize>(&self, dims: [usize; R]) -> Result<View<'a, T, R>> {
        View::new(self.data(), dims)
    }
}

impl<T, const R: usize> SplitRows for View<'_, T, R> {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let (first, rest) = self.data.split_rows(count, rows);
        let [above, below] = split(self.dims, count, rows);
        let [upper, lower] = [above, below].map(|dims| split_stride(dims, self.stride));
        (Self { data: first, dims: above, stride: upper }, Self { data: rest, dims: below, stride: lower })
    }

    #[inline]
    fn has_empty_rows(&self) -> bool {
        self.data.is_empty()
    }
}

impl<T, const R: usize> SplitRows for ViewMut<'_, T, R> {
    #[inline]
    fn split_rows(self, count: usize, rows: usize) -> (Self, Self) {
        let Self { data, dims, stride, accumulates } = self;
        let (first, rest) = data.split_rows(count, rows);
        let [above, below] = split(dims, count, rows);
        let [upper, lower] = [above, below].map(|dims| split_stride(dims, stride));
        (
            Self { data: first, dims: above, stride: upper, accumulates },
            Self { data: rest, dims: below, stride: lower, accumulates },
        )
    }

    #[inline]
    fn has_empty_rows(&self) -> bool {
        self.data.is_empty()
    }
}

/// The stride of a part of a tensor that was split between rows. The parts of a vector are shorter vectors.
#[inline]
const fn split_stride<const R: usize>(dims: [usize; R], stride: usize) -> usize {
    if R == 1 { dims[0] } else { stride }
}

/// The dims of the first `count` of `rows` rows and of the others. The first dim is `rows` or a multiple of it.
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
    fn views_have_dims_rows_and_columns() {
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
    fn columns_are_views_with_gaps() {
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
    fn a_batch_is_split_between_rows() {
        let data = [0, 1, 2, 3, 4, 5, 6, 7];
        let view = View::new(&data, [4, 2]).unwrap();
        let (first, rest) = view.split_rows(1, 2);
        assert_eq!((first.dims(), rest.dims()), ([2, 2], [2, 2]));
        assert_eq!(rest.as_slice(), Ok(&data[4..]));
        let (first, rest) = View::new(&data, [8]).unwrap().split_rows(3, 8);
        assert_eq!((first.as_slice(), rest.as_slice()), (Ok(&data[..3]), Ok(&data[3..])));
        let mut data = data;
        let (_, mut rest) = ViewMut::new(&mut data, [8]).unwrap().split_rows(3, 8);
        assert_eq!(rest.as_mut_slice().map(|rest| rest.len()), Ok(5));
        let none = View::<i32, 2>::new(&[], [usize::MAX, 0]).unwrap();
        let (first, rest) = none.split_rows(usize::MAX, usize::MAX);
        assert_eq!((first.dims(), rest.dims()), ([usize::MAX, 0], [0, 0]));
    }
}
