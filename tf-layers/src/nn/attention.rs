//! Scaled dot-product attention.

use crate::error::{Result, check_len, require};
use crate::gemm::{Gemm, RowMajor, pack_b};
use crate::ops::softmax_in_place;
use crate::simd::{F32, Isa, PANEL};
use crate::tensor::{Buffer, add, len};

/// y = softmax(scale·q·kᵀ + mask)·v, for every sample and every head by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// What the products are multiplied with.
    pub scale: f32,
    /// Of q, k, v and y: which of the tensor's axes are batch, head, row (query or key) and depth. The depth of q and
    /// of y is the last.
    pub axes: [[usize; 4]; 4],
}

/// What is done to the scores before the softmax; of shape `[batch, heads, queries, keys]`, or 1 where it is the same.
#[derive(Debug, Clone, Copy)]
pub enum Mask<'a> {
    /// Nothing.
    None,
    /// Scores for which it is false become `fill`.
    Keep {
        /// Which scores stay.
        keep: &'a [bool],
        /// Its shape.
        shape: [usize; 4],
        /// What becomes of the others.
        fill: f32,
    },
    /// These are added.
    Add {
        /// The summands.
        bias: &'a [f32],
        /// Their shape.
        shape: [usize; 4],
    },
}

/// Sizes of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// Samples.
    pub batch: usize,
    /// Heads of each sample.
    pub heads: usize,
    /// Rows of q and y.
    pub queries: usize,
    /// Rows of k and v.
    pub keys: usize,
    /// Depth of q and k.
    pub depth: usize,
    /// Depth of v and y.
    pub value_depth: usize,
}

/// Queries whose scores are in memory at once.
const BLOCK: usize = 96;

impl Attention {
    /// From q, k and v to y, whose sizes `size` tells.
    pub fn run(
        &self,
        isa: Isa,
        size: Heads,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        mask: Mask<'_>,
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let Heads { batch, heads, queries, keys, depth, value_depth } = size;
        check_len("q", len(&[batch, heads, queries, depth])?, q.len())?;
        check_len("k", len(&[batch, heads, keys, depth])?, k.len())?;
        check_len("v", len(&[batch, heads, keys, value_depth])?, v.len())?;
        check_len("y", len(&[batch, heads, queries, value_depth])?, y.len())?;
        require(self.axes[0][3] == 3 && self.axes[3][3] == 3, "axes", "have the depth of q and y last")?;
        let steps = [
            strides(self.axes[0], [batch, heads, queries, depth])?,
            strides(self.axes[1], [batch, heads, keys, depth])?,
            strides(self.axes[2], [batch, heads, keys, value_depth])?,
            strides(self.axes[3], [batch, heads, queries, value_depth])?,
        ];
        let mask = Steps::new(mask, [batch, heads, queries, keys])?;
        let rows = BLOCK.min(queries);
        let panels = [
            len(&[keys.next_multiple_of(PANEL), depth])?,
            len(&[value_depth.next_multiple_of(PANEL), keys])?,
        ];
        let scores = len(&[rows, keys])?;
        let scratch = scratch.write(add(add(panels[0], panels[1])?, scores)?)?;
        if y.is_empty() {
            return Ok(());
        }
        if keys == 0 {
            y.fill(0.0);
            return Ok(());
        }
        let (k_panels, rest) = scratch.split_at_mut(panels[0]);
        let (v_panels, scores) = rest.split_at_mut(panels[1]);
        for sample in 0..batch {
            for head in 0..heads {
                let at = |step: &[usize; 4]| sample * step[0] + head * step[1];
                // Columns of the first product are keys, of the second the depth of the values.
                pack_b::<F32>(&k[at(&steps[1])..], [steps[1][3], steps[1][2]], [depth, keys], k_panels);
                pack_b::<F32>(&v[at(&steps[2])..], [steps[2][2], steps[2][3]], [keys, value_depth], v_panels);
                for first in (0..queries).step_by(BLOCK) {
                    let rows = BLOCK.min(queries - first);
                    let scores = &mut scores[..rows * keys];
                    let q = RowMajor { data: &q[at(&steps[0]) + first * steps[0][2]..], stride: steps[0][2] };
                    Gemm::new(k_panels, depth, keys).run(isa, rows, q, scores);
                    for score in scores.iter_mut() {
                        *score *= self.scale;
                    }
                    for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                        mask.apply([sample, head, first + row], scores);
                    }
                    softmax_in_place(isa, [rows, keys, 1], scores)?;
                    let scores = RowMajor { data: scores, stride: keys };
                    let y = &mut y[at(&steps[3]) + first * steps[3][2]..];
                    Gemm::new(v_panels, keys, value_depth).ldc(steps[3][2]).run(isa, rows, scores, y);
                }
            }
        }
        Ok(())
    }
}

/// How far apart neighbours along batch, head, row and depth are in a tensor of these sizes.
fn strides(axes: [usize; 4], sizes: [usize; 4]) -> Result<[usize; 4]> {
    let mut dims = [0; 4];
    let mut seen = [false; 4];
    for (&axis, size) in axes.iter().zip(sizes) {
        require(axis < 4 && !seen[axis], "axes", "name each axis once")?;
        (dims[axis], seen[axis]) = (size, true);
    }
    Ok(axes.map(|axis| dims[axis + 1..].iter().product()))
}

/// A mask, and how far apart its neighbours are along each axis: 0 where it is the same.
struct Steps<'a> {
    mask: Mask<'a>,
    strides: [usize; 4],
}

impl<'a> Steps<'a> {
    fn new(mask: Mask<'a>, sizes: [usize; 4]) -> Result<Self> {
        let (shape, found) = match mask {
            Mask::None => ([1; 4], 1),
            Mask::Keep { keep, shape, .. } => (shape, keep.len()),
            Mask::Add { bias, shape } => (shape, bias.len()),
        };
        check_len("mask", len(&shape)?, found)?;
        let mut strides = [0; 4];
        let mut step = 1;
        for axis in (0..4).rev() {
            require(shape[axis] == 1 || shape[axis] == sizes[axis], "mask", "broadcast to the scores")?;
            strides[axis] = if shape[axis] == 1 { 0 } else { step };
            step *= shape[axis];
        }
        Ok(Self { mask, strides })
    }

    fn apply(&self, [sample, head, query]: [usize; 3], scores: &mut [f32]) {
        let Self { mask, strides } = self;
        let first = sample * strides[0] + head * strides[1] + query * strides[2];
        match mask {
            Mask::None => {}
            Mask::Keep { keep, fill, .. } => {
                for (key, score) in scores.iter_mut().enumerate() {
                    if !keep[first + key * strides[3]] {
                        *score = *fill;
                    }
                }
            }
            Mask::Add { bias, .. } => {
                for (key, score) in scores.iter_mut().enumerate() {
                    *score += bias[first + key * strides[3]];
                }
            }
        }
    }
}
