//! NumPy's broadcasting: maps each element of the result to an element of every operand.

use crate::checked::{axis_index, element, part};
use crate::error::{Result, require};
use crate::tensor::{MAX_RANK, Shape};

/// An iteration plan over `N` broadcast operands: contiguous inner loops, as long as the shapes allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<const N: usize> {
    /// The dims of the result from the innermost outward; adjacent dims are merged if all operands allow it.
    dims: [usize; MAX_RANK],
    rank: usize,
    strides: [[usize; MAX_RANK]; N],
}

impl<const N: usize> Plan<N> {
    /// An error unless the dims, aligned at the right, are equal or 1.
    pub fn new(shapes: [&[usize]; N]) -> Result<Self> {
        Ok(Self::of(shapes, &shape(shapes)?))
    }

    /// The plan for a result with the dims `y`; an error unless the shapes broadcast to them.
    pub fn onto(shapes: [&[usize]; N], y: &[usize]) -> Result<Self> {
        let out = shape(shapes)?;
        require(out.iter().eq(y), "y", "have the dims that the operands broadcast to")?;
        Ok(Self::of(shapes, &out))
    }

    /// The plan for shapes that broadcast to `out`.
    fn of(shapes: [&[usize]; N], out: &[usize]) -> Self {
        let mut plan = Self { dims: [1; MAX_RANK], rank: 0, strides: [[0; MAX_RANK]; N] };
        // From the right: the stride of each operand along the axis, and whether the axis can be merged with the last.
        let mut sizes = [1usize; N];
        for (axis, &dim) in out.iter().rev().enumerate() {
            let mut strides = [0; N];
            for ((shape, size), stride) in shapes.iter().zip(&mut sizes).zip(&mut strides) {
                let own = shape.iter().rev().nth(axis).copied().unwrap_or(1);
                *stride = if own == 1 { 0 } else { *size };
                *size = size.wrapping_mul(own);
            }
            if dim == 1 {
                continue;
            }
            if let Some(last) = plan.rank.checked_sub(1).map(axis_index)
                && (0..N).all(|i| strides[i] == plan.strides[i][last] * plan.dims[last])
            {
                plan.dims[last] *= dim;
                continue;
            }
            let axis = axis_index(plan.rank);
            plan.dims[axis] = dim;
            for (own, stride) in plan.strides.iter_mut().zip(strides) {
                own[axis] = stride;
            }
            plan.rank += 1;
        }
        plan
    }

    /// The length of the inner loop, and whether each operand advances in it or repeats one element.
    pub fn inner_loop(&self) -> (usize, [bool; N]) {
        (self.dims[0], self.strides.map(|strides| strides[0] != 0))
    }

    /// The offset of each operand at the start of every inner loop, in the order of the result.
    pub fn starts(&self) -> impl Iterator<Item = [usize; N]> {
        let mut at = [0usize; MAX_RANK];
        let mut offsets = [0usize; N];
        let mut done = self.dims.contains(&0);
        core::iter::from_fn(move || {
            if done {
                return None;
            }
            let now = offsets;
            done = true;
            for axis in (1..self.rank).map(axis_index) {
                at[axis] += 1;
                for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                    *offset += strides[axis];
                }
                if at[axis] < self.dims[axis] {
                    done = false;
                    break;
                }
                at[axis] = 0;
                for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                    *offset -= strides[axis] * self.dims[axis];
                }
            }
            Some(now)
        })
    }
}

impl Plan<2> {
    /// Computes out = f(a, b). The lengths must be those the plan was made for.
    pub fn zip<A: Copy, B>(&self, a: &[A], b: &[A], out: &mut [B], mut f: impl FnMut(A, A) -> B) {
        let (len, advances) = self.inner_loop();
        let [a_step, b_step] = advances.map(usize::from);
        for (out, [a_start, b_start]) in out.chunks_exact_mut(len.max(1)).zip(self.starts()) {
            for (i, out) in out.iter_mut().enumerate() {
                let (a, b) = (element(a, a_start + i * a_step), element(b, b_start + i * b_step));
                let (Some(&a), Some(&b)) = (a, b) else { return };
                *out = f(a, b);
            }
        }
    }
}

/// The shape that `shapes` broadcast to.
pub(crate) fn shape<const N: usize>(shapes: [&[usize]; N]) -> Result<Shape> {
    let mut dims = [1usize; MAX_RANK];
    let mut rank = 0;
    for shape in shapes {
        let shape = Shape::new(shape)?;
        crate::tensor::len(&shape)?;
        rank = rank.max(shape.len());
        for (dim, &own) in dims.iter_mut().rev().zip(shape.iter().rev()) {
            if *dim == 1 {
                *dim = own;
            } else {
                require(own == 1 || own == *dim, "operands", "have shapes that broadcast together")?;
            }
        }
    }
    let out = Shape::new(part(&dims, MAX_RANK.saturating_sub(rank)..))?;
    crate::tensor::len(&out)?;
    Ok(out)
}
