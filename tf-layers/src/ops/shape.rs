//! Shapes as tensors, and sizes and axes that are read from tensors.

use super::{Cast, item};
use crate::Context;
use crate::error::{Error, Result, check_len};
use crate::tensor::{Number, View, ViewMut};

/// `Shape`: writes dims to a tensor.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0; 2];
/// let y = ops::write_dims(cx, &[2, 3], ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [2, 3]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have one element per dim, or a dim does not fit `i64`.
pub fn write_dims<'y, const R: usize>(
    _: &mut Context<'_>,
    dims: &[usize],
    mut y: ViewMut<'y, i64, R>,
) -> Result<View<'y, i64, R>> {
    let to = y.as_mut_slice()?;
    check_len("y", dims.len(), to.len())?;
    for (y, &dim) in to.iter_mut().zip(dims) {
        *y = i64::try_from(dim).map_err(|_| Error::Overflow)?;
    }
    Ok(y.into_view())
}

/// Reads a size that the model computes: element `index` of `sizes`; `tensor` is its name in the model.
///
/// # Errors
///
/// If there is no such element, or it is negative.
pub fn size_at<T: Number + Cast<i64>, const R: usize>(
    tensor: &'static str,
    sizes: View<'_, T, R>,
    index: usize,
) -> Result<usize> {
    let size = sizes.as_slice()?.get(index).and_then(|&size| usize::try_from(size.cast()).ok());
    size.ok_or(Error::Dims { what: tensor, must: "hold only sizes that are not negative" })
}

/// Reads an axis of a tensor with this rank; a negative number counts from the end. `tensor` is the name in the model.
///
/// # Errors
///
/// If `axis` does not have exactly one element, or the tensor has no such axis.
pub fn axis_from<T: Number + Cast<i64>, const R: usize>(
    tensor: &'static str,
    axis: View<'_, T, R>,
    rank: usize,
) -> Result<usize> {
    let axis = item(axis)?.cast();
    let axis = if axis < 0 { axis.saturating_add_unsigned(rank as u64) } else { axis };
    let axis = usize::try_from(axis).ok().filter(|&axis| axis < rank);
    axis.ok_or(Error::Dims { what: tensor, must: "be an axis of the tensor" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_not_negative() {
        let sizes = View::new(&[3i64, -1], [2]).unwrap();
        assert_eq!(size_at("sizes", sizes, 0), Ok(3));
        assert!(size_at("sizes", sizes, 1).is_err());
        assert!(size_at("sizes", sizes, 2).is_err());
    }

    #[test]
    fn axes_count_from_either_end() {
        let axis = |axis: i64, rank| axis_from("axis", View::new(&[axis], [1]).unwrap(), rank);
        assert_eq!([axis(2, 3), axis(-1, 3), axis(-3, 3)], [Ok(2), Ok(2), Ok(0)]);
        for (number, rank) in [(3, 3), (-4, 3), (0, 0), (-1, 0), (i64::MIN, 3), (i64::MAX, 3)] {
            assert!(axis(number, rank).is_err(), "{number} of {rank}");
        }
        assert!(axis_from("axis", View::new(&[0i64, 1], [2]).unwrap(), 3).is_err());
    }
}
