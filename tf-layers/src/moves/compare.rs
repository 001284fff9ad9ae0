//! Comparing, combining truth values, and choosing by them.

use crate::broadcast::{Plan, pair, shape};
use crate::error::check_len;
use crate::{Result, len};

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

fn zip<A: Copy, B>(
    a: &[A],
    a_shape: &[usize],
    b: &[A],
    b_shape: &[usize],
    out: &mut [B],
    f: impl Fn(A, A) -> B,
) -> Result<()> {
    pair(a, a_shape, b, b_shape, out.len())?.zip(a, b, out, f);
    Ok(())
}

/// out = a where `condition` holds, else b, with NumPy's broadcasting of all three (ONNX's `Where`).
pub fn select<T: Copy>(
    condition: &[bool],
    condition_shape: &[usize],
    a: &[T],
    a_shape: &[usize],
    b: &[T],
    b_shape: &[usize],
    out: &mut [T],
) -> Result<()> {
    check_len("condition", len(condition_shape)?, condition.len())?;
    check_len("a", len(a_shape)?, a.len())?;
    check_len("b", len(b_shape)?, b.len())?;
    let shapes = [condition_shape, a_shape, b_shape];
    check_len("out", len(&shape(shapes)?)?, out.len())?;
    let plan = Plan::new(shapes)?;
    let (len, moves) = plan.run();
    let [c, a_moves, b_moves] = moves.map(usize::from);
    for (out, [c_at, a_at, b_at]) in out.chunks_exact_mut(len.max(1)).zip(plan.starts()) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = if condition[c_at + i * c] { a[a_at + i * a_moves] } else { b[b_at + i * b_moves] };
        }
    }
    Ok(())
}
