//! Scaled dot-product attention.

use crate::Context;
use crate::error::{Result, require};
use crate::gemm::{Gemm, RowMajor, pack_b};
use crate::nn::requested;
use crate::ops::softmax_rows;
use crate::simd::{F32, Isa, PANEL};
use crate::tensor::{View, ViewMut, add, len};

/// Scaled dot-product attention: y = softmax(scale·q·kᵀ + mask)·v, for every sample and head.
///
/// ```
/// use tf_layers::nn::{Attention, Mask};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // [batch, heads, rows, depth]: one query that scores the first and the third key equally. The second is masked.
/// let layer = Attention { scale: 1.0, axes: [[0, 1, 2, 3]; 4] };
/// let q = View::new(&[1.0, 0.0], [1, 1, 1, 2])?;
/// let k = View::new(&[2.0, 0.0, 9.0, 9.0, 2.0, 5.0], [1, 1, 3, 2])?;
/// let v = View::new(&[4.0, 100.0, 8.0], [1, 1, 3, 1])?;
/// let keep = View::new(&[true, false, true], [1, 1, 1, 3])?;
/// let mut y = [0.0];
/// let y = ViewMut::new(&mut y, [1, 1, 1, 1])?;
/// let y = layer.run(cx, q, k, v, Mask::Keep { keep, fill: f32::NEG_INFINITY }, y)?;
/// assert_eq!(y.as_slice()?, [6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// The factor of the scores q·kᵀ.
    pub scale: f32,
    /// For q, k, v and y, the axes that are batch, head, row (query or key) and depth. The depth of q and y must be the
    /// last axis.
    pub axes: [[usize; 4]; 4],
}

/// A mask of the scores. Its dims broadcast to `[batch, heads, queries, keys]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mask<'a> {
    /// No mask.
    None,
    /// Replaces scores.
    Keep {
        /// False for scores to replace.
        keep: View<'a, bool, 4>,
        /// The replacement.
        fill: f32,
    },
    /// Like `Keep`. The weights of the replaced scores are 0, even in a row that keeps no score.
    KeepOrZero {
        /// False for scores to replace.
        keep: View<'a, bool, 4>,
        /// The replacement.
        fill: f32,
    },
    /// Subtracts a penalty from scores.
    Lower {
        /// True for scores to lower.
        drop: View<'a, bool, 4>,
        /// The number to subtract.
        penalty: f32,
    },
    /// Adds to the scores.
    Add(View<'a, f32, 4>),
}

/// The sizes of the tensors.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    /// The rows of q and y.
    queries: usize,
    /// The rows of k and v.
    keys: usize,
    /// The depth of q and k.
    depth: usize,
    /// The depth of v and y.
    value_depth: usize,
}

/// The largest number of queries whose scores are in memory at a time.
const BLOCK: usize = 96;

impl Attention {
    /// Computes y `[batch, heads, queries, value_depth]` from q `[batch, heads, queries, depth]`, k `[batch, heads,
    /// keys, depth]` and v `[batch, heads, keys, value_depth]`. `axes` gives the order of their axes.
    ///
    /// # Errors
    ///
    /// If the axes are invalid, the dims of the tensors and the mask do not match, or there is not enough memory.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        q: View<'_, f32, 4>,
        k: View<'_, f32, 4>,
        v: View<'_, f32, 4>,
        mask: Mask<'_>,
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        self.compute(cx, q, k, v, mask, &mut y, None)?;
        Ok(y.into_view())
    }

    /// Like [`run`](Self::run), and writes the softmax of the scores to `scores` `[batch, heads, queries, keys]`.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and if the dims of `scores` do not match.
    #[allow(clippy::too_many_arguments)]
    pub fn run_with_scores<'y>(
        &self,
        cx: &mut Context<'_>,
        q: View<'_, f32, 4>,
        k: View<'_, f32, 4>,
        v: View<'_, f32, 4>,
        mask: Mask<'_>,
        mut y: ViewMut<'y, f32, 4>,
        mut scores: ViewMut<'y, f32, 4>,
    ) -> Result<(View<'y, f32, 4>, View<'y, f32, 4>)> {
        self.compute(cx, q, k, v, mask, &mut y, Some(&mut scores))?;
        Ok((y.into_view(), scores.into_view()))
    }

    #[allow(clippy::too_many_arguments)]
    fn compute(
        &self,
        cx: &mut Context<'_>,
        q: View<'_, f32, 4>,
        k: View<'_, f32, 4>,
        v: View<'_, f32, 4>,
        mask: Mask<'_>,
        y: &mut ViewMut<'_, f32, 4>,
        scores: Option<&mut ViewMut<'_, f32, 4>>,
    ) -> Result<()> {
        require(self.axes[0][3] == 3 && self.axes[3][3] == 3, "axes", "have the depth of q and y last")?;
        let dims = [q.dims(), k.dims(), v.dims(), y.dims()];
        let mut strides = [[0; 4]; 4];
        let mut sizes = [[0; 4]; 4];
        for i in 0..4 {
            [sizes[i], strides[i]] = ordered(self.axes[i], dims[i])?;
        }
        let ([batch, heads, queries, depth], [_, _, keys, value_depth]) = (sizes[0], sizes[2]);
        require(sizes[1] == [batch, heads, keys, depth], "k", "have the batch, heads and depth of q")?;
        require(sizes[2][..2] == [batch, heads], "v", "have the batch and heads of q, and the rows of k")?;
        let result = [batch, heads, queries, value_depth];
        require(sizes[3] == result, "y", "have the batch, heads and rows of q, and the depth of v")?;
        let mask = StridedMask::new(mask, [batch, heads, queries, keys])?;
        let size = Sizes { batch, heads, queries, keys, depth, value_depth };
        let operands = [q.as_slice()?, k.as_slice()?, v.as_slice()?];
        let weights = requested(
            scores,
            [batch, heads, queries, keys],
            "scores",
            "have the batch, heads and rows of q, and the rows of k",
        )?;
        compute(cx, self.scale, size, strides, operands, &mask, y.as_mut_slice()?, weights)
    }
}

/// Computes the attention of slices with these sizes and strides. The softmax goes to `kept` if that is given.
#[allow(clippy::too_many_arguments)]
fn compute(
    cx: &mut Context<'_>,
    scale: f32,
    Sizes { batch, heads, queries, keys, depth, value_depth }: Sizes,
    strides: [[usize; 4]; 4],
    [q, k, v]: [&[f32]; 3],
    mask: &StridedMask<'_>,
    y: &mut [f32],
    mut kept: Option<&mut [f32]>,
) -> Result<()> {
    let Context { isa, scratch, .. } = cx;
    let isa = *isa;
    let rows = BLOCK.min(queries);
    let panels =
        [len(&[keys.next_multiple_of(PANEL), depth])?, len(&[value_depth.next_multiple_of(PANEL), keys])?];
    let scores = len(&[rows, keys])?;
    let scratch = scratch.write(add(add(panels[0], panels[1])?, scores)?)?;
    if y.is_empty() && kept.as_ref().is_none_or(|kept| kept.is_empty()) {
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
            // The columns of the first product are keys, those of the second the elements of a value.
            pack_b::<F32>(&k[at(&strides[1])..], [strides[1][3], strides[1][2]], [depth, keys], k_panels);
            pack_b::<F32>(
                &v[at(&strides[2])..],
                [strides[2][2], strides[2][3]],
                [keys, value_depth],
                v_panels,
            );
            for first in (0..queries).step_by(BLOCK) {
                let rows = BLOCK.min(queries - first);
                let scores = match &mut kept {
                    Some(kept) => &mut kept[((sample * heads + head) * queries + first) * keys..],
                    None => &mut *scores,
                };
                let scores = &mut scores[..rows * keys];
                let q =
                    RowMajor { data: &q[at(&strides[0]) + first * strides[0][2]..], stride: strides[0][2] };
                Gemm::new(k_panels, depth, keys).run(isa, rows, q, scores);
                for score in scores.iter_mut() {
                    *score *= scale;
                }
                mask.softmax(isa, [sample, head, first], keys, scores);
                let scores = RowMajor { data: scores, stride: keys };
                let y = &mut y[at(&strides[3]) + first * strides[3][2]..];
                Gemm::new(v_panels, keys, value_depth).ldc(strides[3][2]).run(isa, rows, scores, y);
            }
        }
    }
    Ok(())
}

/// The sizes and strides of batch, head, row and depth.
fn ordered(axes: [usize; 4], dims: [usize; 4]) -> Result<[[usize; 4]; 2]> {
    let mut seen = [false; 4];
    for axis in axes {
        require(axis < 4 && !seen[axis], "axes", "name each axis once")?;
        seen[axis] = true;
    }
    Ok([axes.map(|axis| dims[axis]), axes.map(|axis| dims[axis + 1..].iter().product())])
}

/// A mask and its strides, which are 0 along broadcast axes.
pub(super) struct StridedMask<'a> {
    mask: Values<'a>,
    strides: [usize; 4],
}

/// The elements of a [`Mask`].
enum Values<'a> {
    None,
    Keep { keep: &'a [bool], fill: f32, zero: bool },
    Lower { drop: &'a [bool], penalty: f32 },
    Add(&'a [f32]),
}

impl<'a> StridedMask<'a> {
    pub(super) fn new(mask: Mask<'a>, sizes: [usize; 4]) -> Result<Self> {
        let (dims, mask) = match mask {
            Mask::None => ([1; 4], Values::None),
            Mask::Keep { keep, fill } => {
                (keep.dims(), Values::Keep { keep: keep.as_slice()?, fill, zero: false })
            }
            Mask::KeepOrZero { keep, fill } => {
                (keep.dims(), Values::Keep { keep: keep.as_slice()?, fill, zero: true })
            }
            Mask::Lower { drop, penalty } => (drop.dims(), Values::Lower { drop: drop.as_slice()?, penalty }),
            Mask::Add(bias) => (bias.dims(), Values::Add(bias.as_slice()?)),
        };
        let mut strides = [0; 4];
        let mut step = 1;
        for axis in (0..4).rev() {
            require(dims[axis] == 1 || dims[axis] == sizes[axis], "mask", "broadcast to the scores")?;
            strides[axis] = if dims[axis] == 1 { 0 } else { step };
            step *= dims[axis];
        }
        Ok(Self { mask, strides })
    }

    /// Replaces the scores of queries from `first` on, `keys` numbers for each, by the softmax of the masked scores.
    pub(super) fn softmax(
        &self,
        isa: Isa,
        [sample, head, first]: [usize; 3],
        keys: usize,
        scores: &mut [f32],
    ) {
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            self.apply([sample, head, first + row], scores);
        }
        softmax_rows(isa, keys, scores);
        for (row, weights) in scores.chunks_exact_mut(keys).enumerate() {
            self.zero([sample, head, first + row], weights);
        }
    }

    /// Applies the mask to the scores of a query, before the softmax.
    fn apply(&self, [sample, head, query]: [usize; 3], scores: &mut [f32]) {
        let Self { mask, strides } = self;
        let first = sample * strides[0] + head * strides[1] + query * strides[2];
        match mask {
            Values::None => {}
            Values::Keep { keep, fill, .. } => {
                for (key, score) in scores.iter_mut().enumerate() {
                    if !keep[first + key * strides[3]] {
                        *score = *fill;
                    }
                }
            }
            Values::Lower { drop, penalty } => {
                for (key, score) in scores.iter_mut().enumerate() {
                    if drop[first + key * strides[3]] {
                        *score -= penalty;
                    }
                }
            }
            Values::Add(bias) => {
                for (key, score) in scores.iter_mut().enumerate() {
                    *score += bias[first + key * strides[3]];
                }
            }
        }
    }

    /// Sets the weights of a query that the mask drops to 0, after the softmax.
    fn zero(&self, [sample, head, query]: [usize; 3], weights: &mut [f32]) {
        if let Self { mask: Values::Keep { keep, zero: true, .. }, strides } = self {
            let first = sample * strides[0] + head * strides[1] + query * strides[2];
            for (key, weight) in weights.iter_mut().enumerate() {
                if !keep[first + key * strides[3]] {
                    *weight = 0.0;
                }
            }
        }
    }
}
