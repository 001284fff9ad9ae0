//! Compress: selects slices along an axis by a condition.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, around, check_joined_dims};

/// Selects the slices along `axis` for which `condition` is true. Slices beyond the end of the condition are dropped.
///
/// y has the dims of x, but the number of true elements along the axis.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let condition = View::new(&[true, false, true], [3])?;
/// let mut y = [0; 4];
/// let y = ops::compress(cx, 1, x, condition, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 3, 4, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If x has no such axis, the condition is longer than the axis, or y has other dims.
pub fn compress<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    x: View<'_, T, R>,
    condition: View<'_, bool, 1>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    let split = around(&dims, axis, 1)?;
    let condition = condition.as_slice()?;
    require(condition.len() <= dims[axis], "condition", "not be longer than the axis")?;
    let count = condition.iter().filter(|&&holds| holds).count();
    check_joined_dims(&[&dims[..axis], &[count], &dims[axis + 1..]], &y.dims())?;
    take(split, x.as_slice()?, condition, y.as_mut_slice()?);
    Ok(y.into_view())
}

/// From x `[outer, axis, inner]` to y `[outer, count, inner]`.
fn take<T: Copy>([outer, axis, inner]: [usize; 3], x: &[T], condition: &[bool], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let offsets = |outer: usize| {
        let taken = condition.iter().enumerate().filter(|&(_, &holds)| holds);
        taken.map(move |(index, _)| (outer * axis + index) * inner)
    };
    for (y, from) in y.chunks_exact_mut(inner).zip((0..outer).flat_map(offsets)) {
        y.copy_from_slice(&x[from..][..inner]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn slices_are_selected_by_a_condition() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let x = [1, 2, 3, 4, 5, 6];
        let rows = View::new(&x, [2, 3, 1]).unwrap();
        let pairs = View::new(&x, [1, 3, 2]).unwrap();
        let mut compressed = |x, condition: &[bool], dims: [usize; 3]| {
            let mut y = alloc::vec![0; dims.iter().product()];
            let condition = View::new(condition, [condition.len()]).unwrap();
            compress(cx, 1, x, condition, ViewMut::new(&mut y, dims).unwrap())?;
            Result::Ok(y)
        };
        assert_eq!(compressed(rows, &[true, false, true], [2, 2, 1]).unwrap(), [1, 3, 4, 6]);
        assert_eq!(compressed(pairs, &[false, true, true], [1, 2, 2]).unwrap(), [3, 4, 5, 6]);
        assert_eq!(compressed(pairs, &[false, true], [1, 1, 2]).unwrap(), [3, 4]);
        assert_eq!(compressed(pairs, &[false; 3], [1, 0, 2]).unwrap(), []);
        assert!(compressed(pairs, &[true; 4], [1, 4, 2]).is_err());
        assert!(compressed(pairs, &[true; 3], [1, 2, 2]).is_err());
        let none = View::<u8, 3>::new(&[], [usize::MAX, 1, 0]).unwrap();
        let condition = View::new(&[true], [1]).unwrap();
        let y = ViewMut::new(&mut [], [usize::MAX, 1, 0]).unwrap();
        assert!(compress(cx, 1, none, condition, y).is_ok());
        assert!(compress(cx, 3, rows, condition, ViewMut::new(&mut [0; 2], [2, 1, 1]).unwrap()).is_err());
    }
}
