//! Putting tensors side by side.

use crate::error::{Result, check_len, require};
use crate::tensor::{len, sum};

/// Copies x `[outer, x_inner]` into the columns from `offset` on of y `[outer, y_inner]`.
pub fn concat_part<T: Copy>(
    outer: usize,
    x: &[T],
    x_inner: usize,
    y: &mut [T],
    y_inner: usize,
    offset: usize,
) -> Result<()> {
    check_len("x", len(&[outer, x_inner])?, x.len())?;
    check_len("y", len(&[outer, y_inner])?, y.len())?;
    let end = offset.checked_add(x_inner).filter(|&end| end <= y_inner);
    require(end.is_some(), "offset", "leave room for x in the columns of y")?;
    if x.is_empty() {
        return Ok(());
    }
    for (x, y) in x.chunks_exact(x_inner).zip(y.chunks_exact_mut(y_inner)) {
        y[offset..offset + x_inner].copy_from_slice(x);
    }
    Ok(())
}

/// Puts tensors side by side: part i, `[outer, width]`, into the next `width` columns of y.
pub fn concat<T: Copy>(outer: usize, parts: &[(&[T], usize)], y: &mut [T]) -> Result<()> {
    let mut columns = 0;
    for &(_, width) in parts {
        columns = sum(&[columns, width])?;
    }
    check_len("y", len(&[outer, columns])?, y.len())?;
    let mut offset = 0;
    for &(x, width) in parts {
        concat_part(outer, x, width, y, columns, offset)?;
        offset += width;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concat_puts_rows_side_by_side() {
        let mut y = [0; 10];
        concat(2, &[(&[1, 2, 3, 4], 2), (&[], 0), (&[5, 6, 7, 8, 9, 10], 3)], &mut y).unwrap();
        assert_eq!(y, [1, 2, 5, 6, 7, 3, 4, 8, 9, 10]);
        assert!(concat(2, &[(&[1, 2, 3], 2)], &mut y[..4]).is_err());
        assert!(concat(2, &[(&[1, 2, 3, 4], 2)], &mut y).is_err());
        assert!(concat::<i32>(usize::MAX, &[(&[], 2)], &mut []).is_err());
    }
}
