//! Combining truth values.

use crate::error::{Result, check_len};
use crate::tensor::broadcast::zip;

/// A logical operation with NumPy's broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Logic {
    And,
    Or,
    Xor,
}

impl Logic {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run(
        self,
        a: &[bool],
        a_shape: &[usize],
        b: &[bool],
        b_shape: &[usize],
        out: &mut [bool],
    ) -> Result<()> {
        match self {
            Self::And => zip(a, a_shape, b, b_shape, out, |a, b| a & b),
            Self::Or => zip(a, a_shape, b, b_shape, out, |a, b| a | b),
            Self::Xor => zip(a, a_shape, b, b_shape, out, |a, b| a ^ b),
        }
    }
}

/// y = ¬x
pub fn not(x: &[bool], y: &mut [bool]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    for (x, y) in x.iter().zip(y) {
        *y = !x;
    }
    Ok(())
}
