//! Copying whole tensors.

use crate::error::{Result, check_len};

/// y = x.
pub fn copy<T: Copy>(x: &[T], y: &mut [T]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    y.copy_from_slice(x);
    Ok(())
}
