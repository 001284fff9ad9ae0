//! Numbers at equal distances.

use crate::Result;
use crate::error::check_len;
use crate::scalar::Scalar;

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
}
