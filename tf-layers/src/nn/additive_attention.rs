//! Additive attention.

use super::attention::{Mask, StridedMask};
use crate::Context;
use crate::error::{Result, require};
use crate::math::tanh;
use crate::nn::requested;
use crate::simd::{Kernel, PANEL, Simd};
use crate::tensor::{View, ViewMut, add, len};

/// y = softmax(s + mask)·v with the scores s = Σ scale·tanh(q + k), summed over the depth (Bahdanau et al., 2015).
///
/// Only the scores of a block of queries are in memory, never the sums q + k.
///
/// ```
/// use tf_layers::nn::{AdditiveAttention, Mask};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // [batch, rows, depth]: one query that scores both keys equally.
/// let layer = AdditiveAttention { scale: None };
/// let q = View::new(&[0.5, 0.0], [1, 1, 2])?;
/// let k = View::new(&[1.0, 2.0, 1.0, 2.0], [1, 2, 2])?;
/// let v = View::new(&[4.0, 8.0], [1, 2, 1])?;
/// let mut y = [0.0];
/// let y = layer.run(cx, q, k, v, Mask::None, ViewMut::new(&mut y, [1, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdditiveAttention<'a> {
    /// The factor of each element of the depth; `None` for factors of 1.
    pub scale: Option<&'a [f32]>,
}

/// The largest number of queries whose scores are in memory at a time.
const BLOCK: usize = 32;

impl AdditiveAttention<'_> {
    /// Computes y `[batch, queries, value depth]` from q `[batch, queries, depth]`, k `[batch, keys, depth]` and
    /// v `[batch, keys, value depth]`. The mask broadcasts to `[batch, 1, queries, keys]`.
    ///
    /// # Errors
    ///
    /// If the dims of the tensors, the scale and the mask do not match, or there is not enough memory.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        q: View<'_, f32, 3>,
        k: View<'_, f32, 3>,
        v: View<'_, f32, 3>,
        mask: Mask<'_>,
        mut y: ViewMut<'y, f32, 3>,
    ) -> Result<View<'y, f32, 3>> {
        self.compute(cx, [q, k, v], mask, &mut y, None)?;
        Ok(y.into_view())
    }

    /// Like [`run`](Self::run), and writes the softmax of the scores to `scores` `[batch, queries, keys]`.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and if the dims of `scores` do not match.
    #[allow(clippy::too_many_arguments)]
    pub fn run_with_scores<'y>(
        &self,
        cx: &mut Context<'_>,
        q: View<'_, f32, 3>,
        k: View<'_, f32, 3>,
        v: View<'_, f32, 3>,
        mask: Mask<'_>,
        mut y: ViewMut<'y, f32, 3>,
        mut scores: ViewMut<'y, f32, 3>,
    ) -> Result<(View<'y, f32, 3>, View<'y, f32, 3>)> {
        self.compute(cx, [q, k, v], mask, &mut y, Some(&mut scores))?;
        Ok((y.into_view(), scores.into_view()))
    }

    fn compute(
        &self,
        cx: &mut Context<'_>,
        [q, k, v]: [View<'_, f32, 3>; 3],
        mask: Mask<'_>,
        y: &mut ViewMut<'_, f32, 3>,
        scores: Option<&mut ViewMut<'_, f32, 3>>,
    ) -> Result<()> {
        let ([batch, queries, depth], [_, keys, value_depth]) = (q.dims(), v.dims());
        require(k.dims() == [batch, keys, depth], "k", "have the batch and depth of q, and the rows of v")?;
        require(v.dims()[0] == batch, "v", "have the batch of q")?;
        require(y.dims() == [batch, queries, value_depth], "y", "have the rows of q, and the depth of v")?;
        require(self.scale.is_none_or(|scale| scale.len() == depth), "scale", "have the depth of q")?;
        let mask = StridedMask::new(mask, [batch, 1, queries, keys])?;
        let mut kept = requested(
            scores,
            [batch, queries, keys],
            "scores",
            "have the rows of q, and a column for each row of k",
        )?;
        let (q, k, v, y) = (q.as_slice()?, k.as_slice()?, v.as_slice()?, y.as_mut_slice()?);
        let stride = keys.next_multiple_of(PANEL);
        let transposed = len(&[depth, stride])?;
        let own = len(&[BLOCK.min(queries), keys])?;
        let isa = cx.isa;
        let (k_columns, own) = cx.scratch.write(add(transposed, own)?)?.split_at_mut(transposed);
        if keys == 0 {
            y.fill(0.0);
            return Ok(());
        }
        for sample in 0..batch {
            transpose(&k[sample * keys * depth..][..keys * depth], [keys, depth], stride, k_columns);
            for first in (0..queries).step_by(BLOCK) {
                let row = sample * queries + first;
                let rows = BLOCK.min(queries - first);
                let scores = match &mut kept {
                    Some(kept) => &mut kept[row * keys..],
                    None => &mut *own,
                };
                let scores = &mut scores[..rows * keys];
                let q = &q[row * depth..][..rows * depth];
                isa.run(Scores { q, k: k_columns, scale: self.scale, depth, keys, stride, y: &mut *scores });
                mask.softmax(isa, [sample, 0, first], keys, scores);
                let v = &v[sample * keys * value_depth..][..keys * value_depth];
                let y = &mut y[row * value_depth..][..rows * value_depth];
                isa.run(WeightedSums { weights: scores, v, keys, value_depth, y });
            }
        }
        Ok(())
    }
}

/// Writes the transpose of x `[rows, columns]` to y, whose rows are `stride` apart and padded with zeros.
fn transpose(x: &[f32], [rows, columns]: [usize; 2], stride: usize, y: &mut [f32]) {
    y.fill(0.0);
    for row in 0..rows {
        for (column, &x) in x[row * columns..][..columns].iter().enumerate() {
            y[column * stride + row] = x;
        }
    }
}

/// The scores of queries `[rows, depth]` for all keys `[depth, stride]`, a vector of keys at a time.
struct Scores<'a> {
    q: &'a [f32],
    k: &'a [f32],
    scale: Option<&'a [f32]>,
    depth: usize,
    keys: usize,
    stride: usize,
    y: &'a mut [f32],
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { q, k, scale, depth, keys, stride, y } = self;
        for (row, y) in y.chunks_exact_mut(keys).enumerate() {
            let q = &q[row * depth..][..depth];
            for (i, y) in y.chunks_mut(S::LANES).enumerate() {
                let mut sum = s.splat(0.0);
                for (at, &q) in q.iter().enumerate() {
                    let k = s.load(&k[at * stride + i * S::LANES..]);
                    let factor = s.splat(scale.map_or(1.0, |scale| scale[at]));
                    sum = s.fma(tanh(s, s.add(s.splat(q), k)), factor, sum);
                }
                s.store_partial(sum, y);
            }
        }
    }
}

/// The product of weights `[rows, keys]` and v `[keys, value depth]`.
struct WeightedSums<'a> {
    weights: &'a [f32],
    v: &'a [f32],
    keys: usize,
    value_depth: usize,
    y: &'a mut [f32],
}

impl Kernel for WeightedSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { weights, v, keys, value_depth, y } = self;
        for (row, weights) in weights.chunks_exact(keys).enumerate() {
            let y = &mut y[row * value_depth..][..value_depth];
            for (i, y) in y.chunks_mut(S::LANES).enumerate() {
                let mut sum = s.splat(0.0);
                for (key, &weight) in weights.iter().enumerate() {
                    let v = &v[key * value_depth + i * S::LANES..][..y.len()];
                    let v = if y.len() == S::LANES { s.load(v) } else { s.load_partial(v, 0.0) };
                    sum = s.fma(s.splat(weight), v, sum);
                }
                s.store_partial(sum, y);
            }
        }
    }
}
