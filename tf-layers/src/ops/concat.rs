//! Concat: joins tensors along an axis.

use crate::Context;
use crate::checked::{copy, part_mut};
use crate::error::{Result, check_len, require};
use crate::tensor::{View, ViewMut, len};

/// Joins tensors along `axis`. y has the sum of their dims along the axis, and their dims elsewhere.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let parts = [View::new(&[1, 2], [2, 1])?, View::new(&[3, 4, 5, 6], [2, 2])?];
/// let mut y = [0; 6];
/// let y = ops::concat(cx, 1, &parts, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [1, 3, 4, 2, 5, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If the tensors have no such axis, a part differs from y in another dim, or y has a different dim along the axis.
pub fn concat<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    parts: &[View<'_, T, R>],
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = y.dims();
    require(axis < R, "axis", "be an axis of the tensors")?;
    let inner = len(dims.get(axis..).unwrap_or_default())?;
    let data = y.as_mut_slice()?;
    let mut first = 0;
    for part in parts {
        let own = part.dims();
        let same = own.iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
        require(same, "parts", "have the dims of y except along the axis")?;
        let (x, width) = (part.as_slice()?, len(own.get(axis..).unwrap_or_default())?);
        let last = first + width;
        require(last <= inner, "y", "be long enough for all parts")?;
        if !x.is_empty() {
            for (row, x) in x.chunks_exact(width.max(1)).enumerate() {
                copy(part_mut(data, row * inner + first..row * inner + last), x);
            }
        }
        first = last;
    }
    check_len("y", first, inner)?;
    Ok(y.into_view())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn parts_are_joined_along_an_axis() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let mut data = [0; 10];
        let first = View::new(&[1, 2, 3, 4], [2, 2]).unwrap();
        let none = View::new(&[], [2, 0]).unwrap();
        let last = View::new(&[5, 6, 7, 8, 9, 10], [2, 3]).unwrap();
        let y = concat(cx, 1, &[first, none, last], ViewMut::new(&mut data, [2, 5]).unwrap()).unwrap();
        assert_eq!(y.as_slice(), Ok(&[1, 2, 5, 6, 7, 3, 4, 8, 9, 10][..]));
        let mut data = [0; 6];
        let y = concat(
            cx,
            0,
            &[first, View::new(&[5, 6], [1, 2]).unwrap()],
            ViewMut::new(&mut data, [3, 2]).unwrap(),
        );
        assert_eq!(y.unwrap().as_slice(), Ok(&[1, 2, 3, 4, 5, 6][..]));
        let mut refused = |axis, parts: &[_], dims: [usize; 2]| {
            let mut data = [0; 12];
            let len = dims[0] * dims[1];
            concat(cx, axis, parts, ViewMut::new(&mut data[..len], dims).unwrap()).is_err()
        };
        assert!(refused(1, &[first], [2, 3]));
        assert!(refused(1, &[first, last], [2, 4]));
        assert!(refused(0, &[first, last], [4, 3]));
        assert!(refused(2, &[first], [2, 2]));
    }
}
