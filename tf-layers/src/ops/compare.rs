//! Comparisons, element by element.

use crate::error::Result;
use crate::tensor::broadcast::zip;

/// A comparison with NumPy's broadcasting. With a NaN, all but `NotEqual` are false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run<T: Copy + PartialOrd>(
        self,
        a: &[T],
        a_shape: &[usize],
        b: &[T],
        b_shape: &[usize],
        out: &mut [bool],
    ) -> Result<()> {
        match self {
            Self::Equal => zip(a, a_shape, b, b_shape, out, |a, b| a == b),
            Self::NotEqual => zip(a, a_shape, b, b_shape, out, |a, b| a != b),
            Self::Less => zip(a, a_shape, b, b_shape, out, |a, b| a < b),
            Self::LessOrEqual => zip(a, a_shape, b, b_shape, out, |a, b| a <= b),
            Self::Greater => zip(a, a_shape, b, b_shape, out, |a, b| a > b),
            Self::GreaterOrEqual => zip(a, a_shape, b, b_shape, out, |a, b| a >= b),
        }
    }
}
