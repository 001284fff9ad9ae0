//! NumPy's broadcasting: which element of each operand goes with an element of the result.

use crate::error::{Result, require};
use crate::tensor::{MAX_RANK, Shape};

/// How `N` operands are walked together, with as few and as long runs as their shapes allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<const N: usize> {
    /// Dims of the result, neighbours merged wherever no operand tells them apart.
    dims: [usize; MAX_RANK],
    rank: usize,
    strides: [[usize; MAX_RANK]; N],
}

impl<const N: usize> Plan<N> {
    /// An error unless each pair of dims, aligned at the right, is equal or has a 1.
    pub fn new(shapes: [&[usize]; N]) -> Result<Self> {
        Ok(Self::of(shapes, &shape(shapes)?))
    }

    /// The same for a result `y`; an error unless the shapes broadcast to its dims.
    pub fn onto(shapes: [&[usize]; N], y: &[usize]) -> Result<Self> {
        let out = shape(shapes)?;
        require(out.iter().eq(y), "y", "have the dims that the operands broadcast to")?;
        Ok(Self::of(shapes, &out))
    }

    /// The plan for shapes that broadcast to `out`.
    fn of(shapes: [&[usize]; N], out: &[usize]) -> Self {
        let mut plan = Self { dims: [1; MAX_RANK], rank: 0, strides: [[0; MAX_RANK]; N] };
        // From the right: the stride of each operand's dim, and whether it continues the run before.
        let mut sizes = [1usize; N];
        for axis in 0..out.len() {
            let dim = out[out.len() - 1 - axis];
            let mut strides = [0; N];
            for ((shape, size), stride) in shapes.iter().zip(&mut sizes).zip(&mut strides) {
                let own = if axis < shape.len() { shape[shape.len() - 1 - axis] } else { 1 };
                *stride = if own == 1 { 0 } else { *size };
                *size = size.wrapping_mul(own);
            }
            if dim == 1 {
                continue;
            }
            let merge = plan.rank > 0
                && (0..N).all(|i| strides[i] == plan.strides[i][plan.rank - 1] * plan.dims[plan.rank - 1]);
            if merge {
                plan.dims[plan.rank - 1] *= dim;
                continue;
            }
            plan.dims[plan.rank] = dim;
            for (own, stride) in plan.strides.iter_mut().zip(strides) {
                own[plan.rank] = stride;
            }
            plan.rank += 1;
        }
        plan
    }

    /// The length of a run, and whether each operand moves along within it (or stays where it is).
    pub fn run(&self) -> (usize, [bool; N]) {
        (self.dims[0], self.strides.map(|strides| strides[0] != 0))
    }

    /// Where each operand starts for every run, in the order of the result.
    pub fn starts(&self) -> impl Iterator<Item = [usize; N]> {
        let mut at = [0usize; MAX_RANK];
        let mut offsets = [0usize; N];
        let mut done = self.dims[..self.rank].contains(&0);
        core::iter::from_fn(move || {
            if done {
                return None;
            }
            let now = offsets;
            done = true;
            for axis in 1..self.rank {
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
    /// out = f(a, b), of operands and an output that the plan was made for.
    pub fn zip<A: Copy, B>(&self, a: &[A], b: &[A], out: &mut [B], f: impl Fn(A, A) -> B) {
        let (len, [a_moves, b_moves]) = self.run();
        for (out, [a_at, b_at]) in out.chunks_exact_mut(len.max(1)).zip(self.starts()) {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(a[a_at + i * usize::from(a_moves)], b[b_at + i * usize::from(b_moves)]);
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
    let out = Shape::new(&dims[MAX_RANK - rank..])?;
    crate::tensor::len(&out)?;
    Ok(out)
}
