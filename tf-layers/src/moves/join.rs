//! Copying whole tensors, and several into one.

use crate::error::check_len;
use crate::{Result, concat_part, len};

/// y = x.
pub fn copy<T: Copy>(x: &[T], y: &mut [T]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    y.copy_from_slice(x);
    Ok(())
}

/// The only element of x.
pub fn number<T: Copy>(x: &[T]) -> Result<T> {
    check_len("number", 1, x.len())?;
    Ok(x[0])
}

/// Puts tensors side by side: part i, `[outer, width]`, into the next `width` columns of y.
pub fn concat<T: Copy>(outer: usize, parts: &[(&[T], usize)], y: &mut [T]) -> Result<()> {
    let mut columns = 0;
    for &(_, width) in parts {
        columns = crate::sum(&[columns, width])?;
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
