//! Shapes as tensors, and sizes and axes that tensors name.

use super::Cast;
use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Scalar, View, ViewMut, len};

/// Shape: writes dims as numbers; an error if one is beyond `i64`.
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

/// A size that a model computes: element `index` of `sizes`.
pub fn size_at<T: Scalar + Cast<i64>>(sizes: &[T], index: usize) -> Result<usize> {
    let size = sizes.get(index).and_then(|&size| usize::try_from(size.cast()).ok());
    size.ok_or(Error::Dims { what: "shape", must: "be sizes that are not negative" })
}

/// A shape as \[outer, axis, inner\], for an axis that a tensor names; negative ones count from the end.
pub fn around_axis<T: Scalar + Cast<i64>>(dims: &[usize], axis: &[T]) -> Result<[usize; 3]> {
    check_len("axis", 1, axis.len())?;
    let (named, rank) = (axis[0].cast(), dims.len() as i64);
    let place = if named < 0 { named.saturating_add(rank) } else { named };
    require((0..rank).contains(&place), "axis", "be one of the tensor's axes")?;
    let place = place as usize;
    Ok([len(&dims[..place])?, dims[place], len(&dims[place + 1..])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_not_negative() {
        assert_eq!(size_at(&[3i64, -1], 0), Ok(3));
        assert!(size_at(&[3i64, -1], 1).is_err());
        assert!(size_at(&[3i64, -1], 2).is_err());
    }
}
