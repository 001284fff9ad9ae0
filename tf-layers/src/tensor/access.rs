//! Elements and rows of tensors.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::iter::zip;

#[cfg(feature = "alloc")]
use super::{Shape, len, memory::Memory};
use super::{Tensor, TensorView};
#[cfg(feature = "alloc")]
use crate::error::{Result, check_len};

impl<'a, T> TensorView<'a, T> {
    /// The element at `index`, with one number per axis; `None` if it is outside the tensor or of another rank.
    ///
    /// ```
    /// use tf_layers::prelude::*;
    ///
    /// let x = TensorView::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
    /// assert_eq!(x.get([1, 0]), Some(&4));
    /// assert_eq!(x.get([1, 3]), None);
    /// assert_eq!(x.get([4]), None);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn get<const R: usize>(&self, index: [usize; R]) -> Option<&'a T> {
        let dims = self.shape();
        let is_inside = dims.len() == R && zip(index, dims).all(|(i, &dim)| i < dim);
        // Cannot overflow: the position is less than the number of elements.
        let position = || zip(index, dims).fold(0, |position, (i, &dim)| position * dim + i);
        is_inside.then(position).and_then(|position| self.data().get(position))
    }

    /// The parts along the first axis, each as a slice in row-major order. A scalar is one row.
    ///
    /// ```
    /// use tf_layers::prelude::*;
    ///
    /// let scores = TensorView::new(&[0.25, 0.75, 0.5, 0.5], [2, 2])?;
    /// let best: Vec<_> = scores.rows().map(|row| row.iter().copied().fold(0.0, f32::max)).collect();
    /// assert_eq!(best, [0.75, 0.5]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [T]> + use<'a, T> {
        let rows = self.shape().first().copied().unwrap_or(1);
        let (data, width) = (self.data(), self.data().len().checked_div(rows).unwrap_or(0));
        (0..rows).map(move |row| data.get(row * width..(row + 1) * width).unwrap_or_default())
    }
}

#[cfg(feature = "alloc")]
impl<T> Tensor<T> {
    /// A tensor of these elements.
    ///
    /// # Errors
    ///
    /// If the rank exceeds [`MAX_RANK`](super::MAX_RANK), or the product of the dims is not the number of elements.
    pub fn from_vec(data: Vec<T>, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = Shape::new(shape.as_ref())?;
        check_len("data", len(&shape)?, data.len())?;
        Ok(Self { memory: Memory::Allocated(data), shape })
    }

    /// The elements in row-major order, without a copy unless they are in reserved memory.
    #[must_use]
    pub fn into_vec(self) -> Vec<T>
    where
        T: Clone,
    {
        match self.memory {
            Memory::Allocated(elements) => elements,
            Memory::Reserved { .. } => self.data().to_vec(),
        }
    }
}

impl<T> Tensor<T> {
    /// The element at `index`, as [`TensorView::get`].
    #[must_use]
    pub fn get<const R: usize>(&self, index: [usize; R]) -> Option<&T> {
        self.view().get(index)
    }

    /// The parts along the first axis, as [`TensorView::rows`].
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.view().rows()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::error::Error;

    #[test]
    fn an_element_has_one_index_per_axis() {
        let data: Vec<usize> = (0..24).collect();
        let tensor = Tensor::from_vec(data, [2, 3, 4]).unwrap();
        for i in 0..2 {
            for j in 0..3 {
                for k in 0..4 {
                    assert_eq!(tensor.get([i, j, k]), Some(&(i * 12 + j * 4 + k)));
                }
            }
        }
        for outside in [[2, 0, 0], [0, 3, 0], [0, 0, 4], [usize::MAX; 3]] {
            assert_eq!(tensor.get(outside), None);
        }
        assert_eq!((tensor.get([0, 0]), tensor.get([])), (None, None));
        assert_eq!(TensorView::new(&[7], []).unwrap().get([]), Some(&7));
        assert_eq!(TensorView::<u8>::new(&[], [usize::MAX, 0]).unwrap().get([0, 0]), None);
    }

    #[test]
    fn rows_are_parts_along_the_first_axis() {
        let data = [1, 2, 3, 4, 5, 6];
        let cases: [(&[usize], &[&[i32]]); 5] = [
            (&[2, 3], &[&[1, 2, 3], &[4, 5, 6]]),
            (&[3, 1, 2], &[&[1, 2], &[3, 4], &[5, 6]]),
            (&[1], &[&[1]]),
            (&[], &[&[1]]),
            (&[0, 3], &[]),
        ];
        for (shape, expected) in cases {
            let view = TensorView::new(&data[..shape.iter().product()], shape).unwrap();
            assert!(view.rows().eq(expected.iter().copied()), "{shape:?}");
            assert_eq!(view.rows().len(), expected.len(), "{shape:?}");
        }
        let empty = TensorView::<i32>::new(&[], [2, 0]).unwrap();
        assert!(empty.rows().eq([&[] as &[i32]; 2]));
    }

    #[test]
    fn a_tensor_takes_and_returns_a_vector() {
        let data = vec![1, 2, 3, 4, 5, 6];
        let start = data.as_ptr();
        let tensor = Tensor::from_vec(data, [2, 3]).unwrap();
        assert_eq!(tensor.shape(), [2, 3]);
        let data = tensor.into_vec();
        assert_eq!(data.as_ptr(), start);
        let length = Error::Length { what: "data", expected: 6, found: 5 };
        assert_eq!(Tensor::from_vec(vec![0; 5], [2, 3]), Err(length));
        assert_eq!(Tensor::<u8>::from_vec(Vec::new(), [usize::MAX, 2]), Err(Error::Overflow));
        assert!(Tensor::from_vec(vec![0], [1; 9]).is_err());
    }
}
