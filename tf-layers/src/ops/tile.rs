//! Repeating a tensor as a whole.

use crate::error::{Result, check_len, require};
use crate::tensor::{Shape, len};

/// Repeats x as a whole, `repeats[i]` times along axis i.
pub fn tile<T: Copy>(x: &[T], dims: &[usize], repeats: &[usize], y: &mut [T]) -> Result<()> {
    check_len("x", len(&Shape::new(dims)?)?, x.len())?;
    require(repeats.len() == dims.len(), "repeats", "have one entry for each axis")?;
    let mut total = x.len();
    for &repeat in repeats {
        total = len(&[total, repeat])?;
    }
    check_len("y", total, y.len())?;
    if y.is_empty() {
        return Ok(());
    }
    // The result is made in place, from the innermost axis outward: `size` elements hold what x's last axes give.
    let inner: usize = dims.iter().product();
    let mut size = inner;
    y[..inner].copy_from_slice(x);
    for axis in (0..dims.len()).rev() {
        // Blocks along this axis stand one after the other at the front, and spread out from the last one.
        let outer: usize = dims[..axis].iter().product();
        let block = size / outer;
        for i in (0..outer).rev() {
            let to = i * block * repeats[axis];
            y.copy_within(i * block..(i + 1) * block, to);
            for copy in 1..repeats[axis] {
                y.copy_within(to..to + block, to + copy * block);
            }
        }
        size *= repeats[axis];
    }
    Ok(())
}
