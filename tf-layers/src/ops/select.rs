//! Choosing between two tensors, element by element (ONNX's `Where`).

use crate::error::{Result, check_len};
use crate::tensor::broadcast::{Plan, shape};
use crate::tensor::len;

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
