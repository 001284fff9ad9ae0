//! Parameters that are tensors: integers that decide about dims and axes when the model runs.
//!
//! The functions of this module compute dims and axes from [`Integers`]. Each checks the numbers, and its error names the
//! tensor that holds them.

use super::Cast;
use crate::dims::product;
use crate::error::{Error, Result, require};
use crate::tensor::{MAX_RANK, Number, View};

/// The maximum number of integers: two for every axis of a tensor.
const MOST: usize = 2 * MAX_RANK;

/// The integers in a tensor of the model, such as the `starts` of a Slice.
///
/// ```
/// use tf_layers::ops::{Integers, reshape_dims};
/// use tf_layers::prelude::*;
///
/// let shape = Integers::read("shape", View::new(&[2i64, -1], [2])?)?;
/// assert_eq!(reshape_dims([3, 4], &shape, false)?, [2, 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Integers {
    tensor: &'static str,
    numbers: [i64; MOST],
    len: usize,
}

impl Integers {
    /// Copies the elements of x; `tensor` is its name in the model.
    ///
    /// # Errors
    ///
    /// If x has more than 16 elements.
    pub fn read<T: Number + Cast<i64>, const R: usize>(
        tensor: &'static str,
        x: View<'_, T, R>,
    ) -> Result<Self> {
        let x = x.as_slice()?;
        require(x.len() <= MOST, tensor, "have at most 16 elements")?;
        let mut numbers = [0; MOST];
        for (number, &x) in numbers.iter_mut().zip(x) {
            *number = x.cast();
        }
        Ok(Self { tensor, numbers, len: x.len() })
    }

    /// The elements as sizes.
    ///
    /// # Errors
    ///
    /// If there are more or fewer than N, or one is negative.
    pub fn sizes<const N: usize>(&self) -> Result<[usize; N]> {
        self.require(self.len == N, "have one size for every axis")?;
        let mut sizes = [0; N];
        for (index, size) in sizes.iter_mut().enumerate() {
            *size = self.size(index)?;
        }
        Ok(sizes)
    }

    pub(super) fn as_slice(&self) -> &[i64] {
        &self.numbers[..self.len]
    }

    pub(super) fn require(&self, holds: bool, must: &'static str) -> Result<()> {
        require(holds, self.tensor, must)
    }

    pub(super) fn error(&self, must: &'static str) -> Error {
        Error::Dims { what: self.tensor, must }
    }

    /// The element at `index`, as a size.
    pub(super) fn size(&self, index: usize) -> Result<usize> {
        let size = self.as_slice().get(index).and_then(|&size| usize::try_from(size).ok());
        size.ok_or_else(|| self.error("hold only sizes that are not negative"))
    }

    /// The elements as different axes of a tensor with this rank, in their order; negative ones count from the end.
    pub(super) fn axes(&self, rank: usize) -> Result<[usize; MOST]> {
        let mut axes = [0; MOST];
        let mut seen = [false; MAX_RANK];
        for (to, &axis) in axes.iter_mut().zip(self.as_slice()) {
            let at = if axis < 0 { axis.saturating_add_unsigned(rank as u64) } else { axis };
            let at = usize::try_from(at).ok().filter(|&at| at < rank.min(MAX_RANK));
            *to = at.ok_or_else(|| self.error("hold only axes of the tensor"))?;
            self.require(!seen[*to], "name every axis at most once")?;
            seen[*to] = true;
        }
        Ok(axes)
    }

    /// For every axis of a tensor with this rank, whether it is among the elements.
    fn mask(&self, rank: usize) -> Result<[bool; MAX_RANK]> {
        let mut mask = [false; MAX_RANK];
        for &axis in &self.axes(rank)?[..self.len] {
            mask[axis] = true;
        }
        Ok(mask)
    }
}

/// The dims of a tensor that is reshaped to `shape`: −1 is the size that keeps the number of elements, and 0 copies the
/// dim of the same axis unless `allow_zero`.
///
/// # Errors
///
/// If the number of elements would change, or `shape` has another length than R, several −1 or other negative numbers, or
/// a 0 without an axis to copy.
pub fn reshape_dims<const A: usize, const R: usize>(
    dims: [usize; A],
    shape: &Integers,
    allow_zero: bool,
) -> Result<[usize; R]> {
    let mut to = [0; R];
    reshaped(&dims, shape, allow_zero, &mut to)?;
    Ok(to)
}

fn reshaped(dims: &[usize], shape: &Integers, allow_zero: bool, to: &mut [usize]) -> Result<()> {
    shape.require(shape.len == to.len(), "have one size for every axis of the result")?;
    let mut free = None;
    for (axis, &size) in shape.as_slice().iter().enumerate() {
        to[axis] = match size {
            -1 => {
                shape.require(free.replace(axis).is_none(), "hold -1 at most once")?;
                1
            }
            0 if !allow_zero => *dims.get(axis).ok_or_else(|| shape.error("hold 0 only for axes of x"))?,
            _ => usize::try_from(size).map_err(|_| shape.error("hold only sizes and -1"))?,
        };
    }
    let (count, whole) = (product(to)?, product(dims)?);
    if let Some(axis) = free {
        let size = whole.checked_div(count).filter(|size| size * count == whole);
        to[axis] =
            size.ok_or_else(|| shape.error("have sizes whose product divides the number of elements of x"))?;
        return Ok(());
    }
    shape.require(count == whole, "have sizes whose product is the number of elements of x")
}

/// The dims that a tensor with these `dims` and `shape` broadcast to, by NumPy's rules.
///
/// # Errors
///
/// If they do not broadcast, `shape` holds a negative number, or the result has another rank than R.
pub fn broadcast_dims<const A: usize, const R: usize>(
    dims: [usize; A],
    shape: &Integers,
) -> Result<[usize; R]> {
    let mut to = [1; R];
    broadcast(&dims, shape, &mut to)?;
    Ok(to)
}

fn broadcast(dims: &[usize], shape: &Integers, to: &mut [usize]) -> Result<()> {
    shape.require(shape.len.max(dims.len()) == to.len(), "have one size for every axis of the result")?;
    let (own, given) = (to.len() - dims.len(), to.len() - shape.len);
    to[own..].copy_from_slice(dims);
    for (index, to) in to[given..].iter_mut().enumerate() {
        let size = shape.size(index)?;
        shape.require(size == *to || size == 1 || *to == 1, "broadcast to the dims of x")?;
        *to = if *to == 1 { size } else { *to };
    }
    Ok(())
}

/// The dims of a tensor that is repeated `repeats[i]` times along every axis i.
///
/// # Errors
///
/// If `repeats` has another length, or holds a negative number, or a dim overflows.
pub fn tile_dims<const R: usize>(mut dims: [usize; R], repeats: &Integers) -> Result<[usize; R]> {
    repeats.require(repeats.len == R, "have one number for every axis of x")?;
    for (axis, dim) in dims.iter_mut().enumerate() {
        *dim = dim.checked_mul(repeats.size(axis)?).ok_or(Error::Overflow)?;
    }
    Ok(dims)
}

/// The dims of a tensor with new axes of size 1, which are `axes` of the result.
///
/// # Errors
///
/// If R is not the rank of the result, or an axis does not exist or is named twice.
pub fn unsqueeze_dims<const A: usize, const R: usize>(
    dims: [usize; A],
    axes: &Integers,
) -> Result<[usize; R]> {
    axes.require(A.checked_add(axes.len) == Some(R), "have one number for every new axis")?;
    let new = axes.mask(R)?;
    let mut old = dims.iter();
    Ok(core::array::from_fn(|axis| if new[axis] { 1 } else { old.next().copied().unwrap_or(1) }))
}

/// The dims of a tensor without `axes`, whose size must be 1.
///
/// # Errors
///
/// If R is not the rank of the result, or an axis does not exist, is named twice or has another size.
pub fn squeeze_dims<const A: usize, const R: usize>(dims: [usize; A], axes: &Integers) -> Result<[usize; R]> {
    axes.require(R.checked_add(axes.len) == Some(A), "have one number for every axis that is removed")?;
    let removed = axes.mask(A)?;
    let ones = dims.iter().zip(&removed).all(|(&dim, &removed)| !removed || dim == 1);
    axes.require(ones, "hold only axes of size 1")?;
    let mut kept = dims.iter().zip(&removed).filter(|(_, removed)| !**removed);
    Ok(core::array::from_fn(|_| kept.next().map_or(1, |(&dim, _)| dim)))
}

/// The permutation that moves `axes` behind all others; both keep their order.
///
/// # Errors
///
/// If an axis does not exist or is named twice.
pub fn axes_last<const R: usize>(axes: &Integers) -> Result<[usize; R]> {
    let moved = axes.mask(R)?;
    let mut perm = (0..R).filter(|&axis| !moved[axis]).chain((0..R).filter(|&axis| moved[axis]));
    Ok(core::array::from_fn(|_| perm.next().unwrap_or_default()))
}

/// The dims of a tensor whose axes are permuted by [`axes_last`].
///
/// # Errors
///
/// As [`axes_last`].
pub fn axes_last_dims<const R: usize>(dims: [usize; R], axes: &Integers) -> Result<[usize; R]> {
    Ok(axes_last::<R>(axes)?.map(|axis| dims[axis]))
}

/// The start and the size of part `index` of an axis that is split into parts of these `sizes`.
///
/// # Errors
///
/// If there is no such part, a size is negative, or the sizes do not add up to the size of the axis.
pub fn split_range(axis: usize, sizes: &Integers, index: usize) -> Result<[usize; 2]> {
    let (mut start, mut end) = (0, 0_usize);
    for part in 0..sizes.len {
        start = if part == index { end } else { start };
        end = end.checked_add(sizes.size(part)?).ok_or(Error::Overflow)?;
    }
    sizes.require(end == axis, "hold sizes that add up to the size of the axis")?;
    Ok([start, sizes.size(index)?])
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn integers(numbers: &[i64]) -> Integers {
        Integers::read("numbers", View::new(numbers, [numbers.len()]).unwrap()).unwrap()
    }

    #[test]
    fn integers_are_read() {
        assert_eq!(Integers::read("n", View::new(&[3i32, -4], [2, 1]).unwrap()).unwrap().as_slice(), [3, -4]);
        assert_eq!(integers(&[3, 0]).sizes(), Ok([3, 0]));
        assert!(integers(&[3, -1]).sizes::<2>().is_err());
        assert!(integers(&[3]).sizes::<2>().is_err());
        assert!(Integers::read("n", View::new(&[0i64; 17], [17]).unwrap()).is_err());
    }

    #[test]
    fn reshapes_keep_the_number_of_elements() {
        let to = |shape: &[i64], allow_zero| reshape_dims::<2, 2>([4, 6], &integers(shape), allow_zero).ok();
        assert_eq!(to(&[8, 3], false), Some([8, 3]));
        assert_eq!(to(&[-1, 3], false), Some([8, 3]));
        assert_eq!(to(&[0, -1], false), Some([4, 6]));
        for shape in [&[5, -1][..], &[-1, -1], &[-2, -12], &[4, 5], &[24], &[2, 2, 6], &[i64::MAX, i64::MAX]]
        {
            assert_eq!(to(shape, false), None, "{shape:?}");
        }
        assert_eq!([to(&[0, -1], true), to(&[0, 5], true)], [None, None]);
        let empty =
            |shape: &[i64], allow_zero| reshape_dims::<2, 3>([0, 6], &integers(shape), allow_zero).ok();
        assert_eq!(empty(&[6, 0, 2], true), Some([6, 0, 2]));
        assert_eq!(empty(&[0, -1, 3], false), None);
        assert_eq!(empty(&[3, 2, 0], false), None);
        assert_eq!(reshape_dims::<0, 1>([], &integers(&[-1]), false), Ok([1]));
        let error = reshape_dims::<1, 1>([2], &integers(&[3]), false).unwrap_err();
        assert!(error.to_string().starts_with("`numbers` must have sizes"), "{error}");
    }

    #[test]
    fn shapes_broadcast() {
        let to = |shape: &[i64]| broadcast_dims::<2, 3>([3, 1], &integers(shape)).ok();
        assert_eq!(
            [to(&[2, 1, 6]), to(&[2, 3, 1]), to(&[0, 1, 1])],
            [Some([2, 3, 6]), Some([2, 3, 1]), Some([0, 3, 1])]
        );
        assert_eq!([to(&[2, 2, 6]), to(&[2, -1, 6]), to(&[2, 0, 1]), to(&[3, 1])], [None; 4]);
        assert_eq!(broadcast_dims::<2, 2>([3, 1], &integers(&[4])), Ok([3, 4]));
        assert_eq!(broadcast_dims::<2, 2>([3, 1], &integers(&[])), Ok([3, 1]));
    }

    #[test]
    fn repeats_multiply_dims() {
        assert_eq!(tile_dims([2, 3], &integers(&[2, 0])), Ok([4, 0]));
        for repeats in [&[1][..], &[1, -1], &[1, i64::MAX], &[1, 1, 1]] {
            assert!(tile_dims([2, 3], &integers(repeats)).is_err(), "{repeats:?}");
        }
    }

    #[test]
    fn axes_are_inserted_removed_and_moved() {
        assert_eq!(unsqueeze_dims::<2, 4>([5, 6], &integers(&[-1, 0])), Ok([1, 5, 6, 1]));
        assert_eq!(squeeze_dims::<4, 2>([1, 5, 6, 1], &integers(&[-1, 0])), Ok([5, 6]));
        assert_eq!(axes_last(&integers(&[-3, 0])), Ok([2, 3, 0, 1]));
        assert_eq!(axes_last(&integers(&[])), Ok([0, 1]));
        assert_eq!(axes_last_dims([5, 6, 7, 8], &integers(&[-3, 0])), Ok([7, 8, 5, 6]));
        for axes in [[0, 0], [0, -4], [4, 0], [0, i64::MIN], [0, i64::MAX]] {
            assert!(unsqueeze_dims::<2, 4>([5, 6], &integers(&axes)).is_err(), "{axes:?}");
            assert!(squeeze_dims::<4, 2>([1, 5, 6, 1], &integers(&axes)).is_err(), "{axes:?}");
            assert!(axes_last::<4>(&integers(&axes)).is_err(), "{axes:?}");
        }
        assert!(squeeze_dims::<2, 1>([5, 6], &integers(&[0])).is_err());
        assert!(squeeze_dims::<2, 2>([1, 6], &integers(&[0])).is_err());
        assert!(unsqueeze_dims::<2, 2>([5, 6], &integers(&[0])).is_err());
    }

    #[test]
    fn parts_fill_the_axis() {
        let parts = [0, 1, 2].map(|part| split_range(7, &integers(&[2, 0, 5]), part));
        assert_eq!(parts, [Ok([0, 2]), Ok([2, 0]), Ok([2, 5])]);
        assert!(split_range(7, &integers(&[2, 5]), 2).is_err());
        for sizes in [[3, 3], [9, -2], [i64::MAX, 2], [8, 0]] {
            assert!(split_range(7, &integers(&sizes), 0).is_err(), "{sizes:?}");
        }
    }
}
