//! Leaving out places of an axis.

use super::nonzero::count_nonzero;
use crate::error::{Result, check_len, require};
use crate::tensor::len;

/// Takes those places of an axis for which `condition` holds; places beyond its end are left out.
///
/// From x `[outer, axis, inner]` to y `[outer, count, inner]`.
pub fn compress<T: Copy>(dims: [usize; 3], x: &[T], condition: &[bool], y: &mut [T]) -> Result<()> {
    let [outer, axis, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    require(condition.len() <= axis, "condition", "be no longer than the axis")?;
    let count = count_nonzero(condition)?;
    check_len("y", len(&[outer, count, inner])?, y.len())?;
    if y.is_empty() {
        return Ok(());
    }
    let places = |outer: usize| {
        let taken = condition.iter().enumerate().filter(|&(_, &holds)| holds);
        taken.map(move |(place, _)| (outer * axis + place) * inner)
    };
    for (y, from) in y.chunks_exact_mut(inner).zip((0..outer).flat_map(places)) {
        y.copy_from_slice(&x[from..][..inner]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_a_condition_names() {
        let x = [1, 2, 3, 4, 5, 6];
        let mut y = [0; 4];
        compress([2, 3, 1], &x, &[true, false, true], &mut y).unwrap();
        assert_eq!(y, [1, 3, 4, 6]);
        compress([1, 3, 2], &x, &[false, true, true], &mut y).unwrap();
        assert_eq!(y, [3, 4, 5, 6]);
        compress([1, 3, 2], &x, &[false, true], &mut y[..2]).unwrap();
        assert!(compress([1, 3, 2], &x, &[true; 4], &mut y).is_err());
        assert!(compress([1, 3, 2], &x, &[false; 3], &mut []).is_ok());
    }
}
