//! Numbers at equal distances.

use super::Cast;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::Scalar;

/// y = start, start + step, start + 2·step, …; `start` and `step` hold one number each.
pub fn range<T: Scalar>(start: &[T], step: &[T], y: &mut [T]) -> Result<()> {
    check_len("start", 1, start.len())?;
    check_len("step", 1, step.len())?;
    // Products are more exact than a running sum, and a count by ones is exact in every type that holds it.
    let mut count = T::ZERO;
    for y in y {
        *y = start[0].add(count.mul(step[0]));
        count = count.add(T::ONE);
    }
    Ok(())
}

/// How many numbers lie at the distances of `step` from `start` to before `limit`; each is one number.
pub fn range_len<T: Scalar + Cast<f64>>(start: &[T], limit: &[T], step: &[T]) -> Result<usize> {
    for (what, x) in [("start", start), ("limit", limit), ("step", step)] {
        check_len(what, 1, x.len())?;
    }
    require(step[0] != T::ZERO, "step", "not be zero")?;
    let span = (limit[0].cast() - start[0].cast()) / step[0].cast();
    let whole = span as i64;
    let count = whole.saturating_add(i64::from(span > whole as f64)).max(0);
    // Nothing of this size can be held, but asking for it says so.
    usize::try_from(count).map_err(|_| Error::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_equal_distances() {
        let mut y = [0.0f32; 3];
        range(&[1.0], &[-0.5], &mut y).unwrap();
        assert_eq!(y, [1.0, 0.5, 0.0]);
        let mut y = [0i64; 3];
        range(&[10], &[3], &mut y).unwrap();
        assert_eq!(y, [10, 13, 16]);
        assert!(range(&[], &[3], &mut y).is_err());
    }

    #[test]
    fn lengths_of_ranges() {
        assert_eq!(range_len(&[1.0f32], &[5.0], &[2.0]), Ok(2));
        assert_eq!(range_len(&[10i64], &[4], &[-3]), Ok(2));
        assert_eq!(range_len(&[0i32], &[-1], &[1]), Ok(0));
        assert_eq!(range_len(&[0.0f32], &[f32::NAN], &[1.0]), Ok(0));
        assert!(range_len(&[0i32], &[1], &[0]).is_err());
    }
}
