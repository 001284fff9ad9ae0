//! Layer normalization.

use crate::Context;
use crate::error::{Result, check_len};
use crate::nn::Activation;
use crate::ops::Reduce;
use crate::ops::reduce::row;
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{View, ViewMut, around, check_dims};

/// y = activation(γ·(x − μ)/√(σ² + ε) + β), with mean μ and variance σ² over adjacent axes (Ba et al. 2016).
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = LayerNorm { beta: Some(&[0.0, 10.0]), epsilon: 0.0, ..LayerNorm::new(1) };
/// let x = View::new(&[1.0, 3.0, 5.0, 9.0], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [-1.0, 11.0, -1.0, 11.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm<'w> {
    /// The first axis to normalize over.
    pub axis: usize,
    /// The number of axes to normalize over: 1 for the channels, 3 for whole images.
    pub span: usize,
    /// γ, with one number per element of the axes; ones if `None`.
    pub gamma: Option<&'w [f32]>,
    /// β, with one number per element of the axes; zeros if `None`.
    pub beta: Option<&'w [f32]>,
    /// ε.
    pub epsilon: f32,
    /// The function applied to the result.
    pub activation: Activation<'w>,
}

impl LayerNorm<'_> {
    /// Normalizes over one axis, without γ and β; ε is 1e-5, the default of ONNX.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        let activation = Activation::Linear;
        Self { axis, span: 1, gamma: None, beta: None, epsilon: 1e-5, activation }
    }

    /// From x to y with the same dims.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, x does not have the axes, or γ or β has another length.
    // The mean is rounded, and the error may be large compared with the differences from the mean. These are exact then, so
    // their own mean is the error, and the variance computed from them does not cancel.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.compute(cx.isa, around(&x.dims(), self.axis, self.span)?, x.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// The layer for slices with the dims `[outer, axis, inner]`.
    fn compute(&self, isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
        self.activation.check_elementwise()?;
        check_len("gamma", dims[1], self.gamma.map_or(dims[1], <[f32]>::len))?;
        check_len("beta", dims[1], self.beta.map_or(dims[1], <[f32]>::len))?;
        if y.is_empty() {
            return Ok(());
        }
        isa.run(LayerNormKernel { layer: self, axis: dims[1], inner: dims[2], x, y });
        if self.activation != Activation::Linear {
            self.activation.map_in_place(isa, y);
        }
        Ok(())
    }
}

struct LayerNormKernel<'a> {
    layer: &'a LayerNorm<'a>,
    axis: usize,
    inner: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for LayerNormKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.axis * self.inner;
        for (x, y) in self.x.chunks_exact(size).zip(self.y.chunks_exact_mut(size)) {
            if self.inner == 1 {
                along_row(s, self.layer, x, y);
            } else {
                along_columns(s, self.layer, self.inner, x, y);
            }
        }
    }
}

#[inline(always)]
fn along_row<S: Simd>(s: S, layer: &LayerNorm, x: &[f32], y: &mut [f32]) {
    let count = x.len() as f32;
    let mean = row(s, Reduce::Sum, x) / count;
    let [rest, squares] = center(s, x, mean, y);
    let rest = rest / count;
    let scale = s.splat(variance(squares / count, rest) + layer.epsilon);
    let (rest, scale) = (s.splat(rest), s.div(s.splat(1.0), s.sqrt(scale)));
    let whole = x.len() - x.len() % S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        let gamma = match layer.gamma {
            Some(gamma) => s.mul(scale, s.load(&gamma[i..])),
            None => scale,
        };
        let beta = match layer.beta {
            Some(beta) => s.load(&beta[i..]),
            None => s.splat(0.0),
        };
        s.store(s.fma(s.sub(s.load(&y[i..]), rest), gamma, beta), &mut y[i..]);
    }
    if whole < x.len() {
        let gamma = match layer.gamma {
            Some(gamma) => s.mul(scale, s.load_partial(&gamma[whole..], 0.0)),
            None => scale,
        };
        let beta = match layer.beta {
            Some(beta) => s.load_partial(&beta[whole..], 0.0),
            None => s.splat(0.0),
        };
        s.store_partial(s.fma(s.sub(s.load_partial(&y[whole..], 0.0), rest), gamma, beta), &mut y[whole..]);
    }
}

/// The variance, from the mean square of the differences from a rounded mean, and the mean of these differences.
#[inline(always)]
pub(crate) fn variance(squares: f32, rest: f32) -> f32 {
    let variance = squares - rest * rest;
    if variance < 0.0 { 0.0 } else { variance }
}

/// The number of independent accumulators, which hide the latency of additions.
const CHAINS: usize = 4;
/// The number of vectors in a block sum, before it is added to the total: keeps long sums accurate.
const BLOCK: usize = 128;

/// Computes y = x − mean; returns the sums of y and of its squares.
#[inline(always)]
fn center<S: Simd>(s: S, x: &[f32], mean: f32, y: &mut [f32]) -> [f32; 2] {
    let (means, step) = (s.splat(mean), CHAINS * S::LANES);
    let mut totals = [s.splat(0.0); 2];
    for (x, y) in x.chunks(BLOCK * step).zip(y.chunks_mut(BLOCK * step)) {
        let mut sums = [s.splat(0.0); CHAINS];
        let mut squares = sums;
        let whole = x.len() - x.len() % step;
        for (x, y) in x[..whole].chunks_exact(step).zip(y[..whole].chunks_exact_mut(step)) {
            for chain in 0..CHAINS {
                let at = chain * S::LANES;
                let difference = s.sub(s.load(&x[at..]), means);
                s.store(difference, &mut y[at..]);
                sums[chain] = s.add(sums[chain], difference);
                squares[chain] = s.fma(difference, difference, squares[chain]);
            }
        }
        let rest = x[whole..].chunks(S::LANES).zip(y[whole..].chunks_mut(S::LANES));
        for ((x, y), (sum, square)) in rest.zip(sums.iter_mut().zip(&mut squares)) {
            // Missing elements are loaded as the mean, so that their difference is 0.
            let difference = s.sub(s.load_partial(x, mean), means);
            s.store_partial(difference, y);
            *sum = s.add(*sum, difference);
            *square = s.fma(difference, difference, *square);
        }
        for (total, [a, b, c, d]) in totals.iter_mut().zip([sums, squares]) {
            *total = s.add(*total, s.add(s.add(a, b), s.add(c, d)));
        }
    }
    totals.map(|total| s.sum(total))
}

/// The number of columns that are normalized together: whole cache lines, whose sums fit in the level-1 cache.
const COLUMNS: usize = 256;

#[inline(always)]
fn along_columns<S: Simd>(s: S, layer: &LayerNorm, inner: usize, x: &[f32], y: &mut [f32]) {
    let axis = x.len() / inner;
    let count = s.splat(axis as f32);
    // The means, their errors, and the factors 1/√(σ² + ε); they hold sums until all rows are read.
    let mut space = [[0.0; COLUMNS]; 3];
    for first in (0..inner).step_by(COLUMNS) {
        let columns = first..inner.min(first + COLUMNS);
        let [means, rests, scales] = space.each_mut().map(|part| &mut part[..columns.len()]);
        means.fill(0.0);
        rests.fill(0.0);
        scales.fill(0.0);
        for x in x.chunks_exact(inner) {
            for (mean, x) in vectors::<S>(means, &x[columns.clone()]) {
                s.store_partial(s.add(s.load_partial(mean, 0.0), s.load_partial(x, 0.0)), mean);
            }
        }
        for mean in means.chunks_mut(S::LANES) {
            s.store_partial(s.div(s.load_partial(mean, 0.0), count), mean);
        }
        for x in x.chunks_exact(inner) {
            let sums = vectors::<S>(scales, means).zip(rests.chunks_mut(S::LANES));
            for (((squares, mean), rest), x) in sums.zip(x[columns.clone()].chunks(S::LANES)) {
                let difference = s.sub(s.load_partial(x, 0.0), s.load_partial(mean, 0.0));
                s.store_partial(s.add(difference, s.load_partial(rest, 0.0)), rest);
                s.store_partial(s.fma(difference, difference, s.load_partial(squares, 0.0)), squares);
            }
        }
        for (scale, rest) in scales.chunks_mut(S::LANES).zip(rests.chunks_mut(S::LANES)) {
            let mean = s.div(s.load_partial(rest, 0.0), count);
            let variance = s.fnma(mean, mean, s.div(s.load_partial(scale, 0.0), count));
            let variance = s.add(s.max(s.splat(0.0), variance), s.splat(layer.epsilon));
            s.store_partial(mean, rest);
            s.store_partial(s.div(s.splat(1.0), s.sqrt(variance)), scale);
        }
        for (i, (x, y)) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)).enumerate() {
            let gamma = layer.gamma.map_or(1.0, |gamma| gamma[i]);
            let beta = layer.beta.map_or(0.0, |beta| beta[i]);
            let statistics = means.chunks(S::LANES).zip(rests.chunks(S::LANES)).zip(scales.chunks(S::LANES));
            for ((y, x), ((mean, rest), scale)) in
                vectors::<S>(&mut y[columns.clone()], &x[columns.clone()]).zip(statistics)
            {
                let difference = s.sub(s.load_partial(x, 0.0), s.load_partial(mean, 0.0));
                let v = s.mul(s.sub(difference, s.load_partial(rest, 0.0)), s.load_partial(scale, 0.0));
                s.store_partial(s.fma(v, s.splat(gamma), s.splat(beta)), y);
            }
        }
    }
}

/// Iterates over two rows, one vector of each at a time.
#[inline(always)]
fn vectors<'a, S: Simd>(y: &'a mut [f32], x: &'a [f32]) -> impl Iterator<Item = (&'a mut [f32], &'a [f32])> {
    y.chunks_mut(S::LANES).zip(x.chunks(S::LANES))
}
