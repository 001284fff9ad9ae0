//! Conversions from and to the arrays of the crate `ndarray`.

use ndarray::{Array, ArrayBase, ArrayD, ArrayView, ArrayViewD, Data, Dimension, IxDyn};

use super::{Shape, Tensor, TensorView};
use crate::error::{Error, Result};

const CONTIGUOUS: Error =
    Error::Dims { what: "array", must: "be contiguous and in row-major order; see `as_standard_layout`" };
const RANK: Error = Error::Dims { what: "array", must: "have the rank of the tensor" };
const SIZE: Error =
    Error::Dims { what: "array", must: "have at most isize::MAX elements, not counting empty axes" };

/// Borrows the elements of an array or of a view of one.
///
/// # Errors
///
/// If the array is not contiguous and in row-major order, or its rank exceeds [`MAX_RANK`](super::MAX_RANK).
impl<'a, T, S: Data<Elem = T>, D: Dimension> TryFrom<&'a ArrayBase<S, D>> for TensorView<'a, T> {
    type Error = Error;

    fn try_from(array: &'a ArrayBase<S, D>) -> Result<Self> {
        Self::new(array.as_slice().ok_or(CONTIGUOUS)?, array.shape())
    }
}

/// Moves the elements of an array, and copies them only if they are not in row-major order.
///
/// # Errors
///
/// If the rank of the array exceeds [`MAX_RANK`](super::MAX_RANK).
impl<T: Clone, D: Dimension> TryFrom<Array<T, D>> for Tensor<T> {
    type Error = Error;

    fn try_from(array: Array<T, D>) -> Result<Self> {
        let shape = Shape::new(array.shape())?;
        if !array.is_standard_layout() {
            return Self::from_vec(array.iter().cloned().collect(), shape);
        }
        let len = array.len();
        // The memory of an array that was sliced in place also holds what was cut off.
        let (mut data, start) = array.into_raw_vec_and_offset();
        let start = start.unwrap_or(0);
        data.truncate(start + len);
        data.drain(..start);
        Self::from_vec(data, shape)
    }
}

/// Moves the elements.
///
/// # Errors
///
/// If the array has another rank than the tensor. `ArrayD` has any.
impl<T: Clone, D: Dimension> TryFrom<Tensor<T>> for Array<T, D> {
    type Error = Error;

    fn try_from(tensor: Tensor<T>) -> Result<Self> {
        let dims = IxDyn(tensor.shape());
        let array = ArrayD::from_shape_vec(dims, tensor.into_vec()).map_err(|_| SIZE)?;
        array.into_dimensionality().map_err(|_| RANK)
    }
}

/// Borrows the elements.
///
/// # Errors
///
/// If the array has another rank than the tensor. `ArrayViewD` has any.
impl<'a, T, D: Dimension> TryFrom<TensorView<'a, T>> for ArrayView<'a, T, D> {
    type Error = Error;

    fn try_from(tensor: TensorView<'a, T>) -> Result<Self> {
        let array = ArrayViewD::from_shape(IxDyn(tensor.shape()), tensor.data()).map_err(|_| SIZE)?;
        array.into_dimensionality().map_err(|_| RANK)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, arr2, s};

    use super::*;

    #[test]
    fn arrays_and_tensors_share_elements() {
        let array = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let view = TensorView::try_from(&array).unwrap();
        assert_eq!((view.shape(), view.data().as_ptr()), (&[2, 3][..], array.as_ptr()));
        let second = array.slice(s![1.., ..]);
        assert_eq!(TensorView::try_from(&second).unwrap().data(), [4.0, 5.0, 6.0]);
        let back = ArrayView2::try_from(view).unwrap();
        assert_eq!((back, back.as_ptr()), (array.view(), array.as_ptr()));
    }

    #[test]
    fn owned_arrays_and_tensors_become_each_other() {
        let tensor = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [3, 1, 2]).unwrap();
        let start = tensor.data().as_ptr();
        let array = Array3::try_from(tensor).unwrap();
        assert_eq!((array.shape(), array.as_ptr()), (&[3, 1, 2][..], start));
        let array = array.remove_axis(Axis(1));
        assert_eq!(array, arr2(&[[1, 2], [3, 4], [5, 6]]));
        let transposed = Tensor::try_from(array.reversed_axes()).unwrap();
        assert_eq!((transposed.shape(), transposed.data()), (&[2, 3][..], &[1, 3, 5, 2, 4, 6][..]));
        let array = ArrayD::try_from(transposed).unwrap();
        assert_eq!(array.shape(), [2, 3]);
        let middle = Array1::from_vec(vec![0, 1, 2, 3, 4]).slice_move(s![1..4]);
        assert_eq!(Tensor::try_from(middle).unwrap().data(), [1, 2, 3]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let array = Array2::<f32>::zeros((2, 3));
        let message = TensorView::try_from(&array.t()).unwrap_err();
        assert_eq!(message, CONTIGUOUS);
        assert!(TensorView::try_from(&ArrayD::<f32>::zeros(vec![1; 9])).is_err());
        let tensor = Tensor::from_vec(vec![0.0; 6], [2, 3]).unwrap();
        assert_eq!(Array1::try_from(tensor), Err(RANK));
        let vast = TensorView::<u8>::new(&[], [usize::MAX, 0]).unwrap();
        assert_eq!(ArrayView2::try_from(vast), Err(SIZE));
    }
}
