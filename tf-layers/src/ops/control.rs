//! What loops and branches need: conditions, numbers of steps, and the part of a sequence that belongs to a step.

use crate::error::{Error, Result, check_len, require};
use crate::tensor::len;

/// How often a loop runs: as often as `count`, one number, says, but not at all if that is negative or `holds` is not true.
pub fn trip_count(count: &[i64], holds: &[bool]) -> Result<usize> {
    check_len("the number of steps", 1, count.len())?;
    let count = if is_true(holds)? { count[0].max(0) } else { 0 };
    usize::try_from(count).map_err(|_| Error::Overflow)
}

/// A condition: one truth value.
pub fn is_true(x: &[bool]) -> Result<bool> {
    check_len("condition", 1, x.len())?;
    Ok(x[0])
}

/// y = x\[:, step, :\], where x is `[outer, steps, inner]`.
pub fn take_step<T: Copy>(dims: [usize; 3], step: usize, x: &[T], y: &mut [T]) -> Result<()> {
    let [outer, steps, inner] = check(dims, step, ("x", x.len()), ("y", y.len()))?;
    for i in 0..outer {
        y[i * inner..][..inner].copy_from_slice(&x[(i * steps + step) * inner..][..inner]);
    }
    Ok(())
}

/// y\[:, step, :\] = x, where y is `[outer, steps, inner]`.
pub fn put_step<T: Copy>(dims: [usize; 3], step: usize, x: &[T], y: &mut [T]) -> Result<()> {
    let [outer, steps, inner] = check(dims, step, ("y", y.len()), ("x", x.len()))?;
    for i in 0..outer {
        y[(i * steps + step) * inner..][..inner].copy_from_slice(&x[i * inner..][..inner]);
    }
    Ok(())
}

/// The dims, none of them so large that an index overflows where no element is there.
fn check(
    [outer, steps, inner]: [usize; 3],
    step: usize,
    whole: (&'static str, usize),
    part: (&'static str, usize),
) -> Result<[usize; 3]> {
    check_len(whole.0, len(&[outer, steps, inner])?, whole.1)?;
    check_len(part.0, len(&[outer, inner])?, part.1)?;
    require(step < steps, "step", "be one of the sequence")?;
    Ok(if inner == 0 { [0; 3] } else { [outer, steps, inner] })
}

/// The only element of x.
pub fn number<T: Copy>(x: &[T]) -> Result<T> {
    check_len("number", 1, x.len())?;
    Ok(x[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_with_care() {
        assert_eq!(trip_count(&[3], &[true]), Ok(3));
        assert_eq!(trip_count(&[3], &[false]), Ok(0));
        assert_eq!(trip_count(&[i64::MIN], &[true]), Ok(0));
        assert!(trip_count(&[], &[true]).is_err());
        assert!(trip_count(&[1, 2], &[true]).is_err());
        assert!(trip_count(&[1], &[]).is_err());
        assert!(is_true(&[true, true]).is_err());
    }

    #[test]
    fn a_part_is_taken_and_put_back() {
        let x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let (mut part, mut y) = ([0; 4], [0; 12]);
        for step in 0..3 {
            take_step([2, 3, 2], step, &x, &mut part).unwrap();
            assert_eq!(part, [0, 1, 6, 7].map(|i| x[2 * step + i]));
            put_step([2, 3, 2], step, &part, &mut y).unwrap();
        }
        assert_eq!(x, y);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (x, mut y) = ([0; 12], [0; 4]);
        assert!(take_step([2, 3, 2], 3, &x, &mut y).is_err());
        assert!(take_step([2, 3, 1], 0, &x, &mut y).is_err());
        assert!(take_step([2, 3, 2], 0, &x, &mut y[..3]).is_err());
        assert!(put_step([2, 3, 2], 3, &[0; 4], &mut [0; 12]).is_err());
        assert!(take_step([usize::MAX, 2, 2], 0, &x, &mut y).is_err());
        assert_eq!(take_step::<u8>([usize::MAX, 1, 0], 0, &[], &mut []), Ok(()));
    }
}
