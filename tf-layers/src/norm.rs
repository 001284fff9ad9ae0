//! Layer normalisation.

use crate::error::check_len;
use crate::reduce::{Reduce, row};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Activation, Result, len};

/// y = activation(γ·(x − μ)/√(σ² + ε) + β), with mean and variance taken along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm<'w> {
    /// `[axis]`; ones without.
    pub gamma: Option<&'w [f32]>,
    /// `[axis]`; zeros without.
    pub beta: Option<&'w [f32]>,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
    /// Applied to every element of the result.
    pub activation: Activation,
}

impl LayerNorm<'_> {
    /// From x to y, both `[outer, axis, inner]`. The variance takes a second pass over the differences from the
    /// mean, which does not cancel.
    pub fn run(&self, isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", x.len(), y.len())?;
        check_len("gamma", dims[1], self.gamma.map_or(dims[1], <[f32]>::len))?;
        check_len("beta", dims[1], self.beta.map_or(dims[1], <[f32]>::len))?;
        if y.is_empty() {
            return Ok(());
        }
        isa.run(Run { layer: self, axis: dims[1], inner: dims[2], x, y });
        if self.activation == Activation::Linear { Ok(()) } else { self.activation.run_in_place(isa, y) }
    }
}

struct Run<'a> {
    layer: &'a LayerNorm<'a>,
    axis: usize,
    inner: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Run<'_> {
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
    let mean = s.splat(row(s, Reduce::Sum, x) / count);
    for (x, y) in x.chunks(S::LANES).zip(y.chunks_mut(S::LANES)) {
        s.store_partial(s.sub(s.load_partial(x, 0.0), mean), y);
    }
    let variance = row(s, Reduce::SumSquare, y) / count;
    let scale = s.div(s.splat(1.0), s.sqrt(s.splat(variance + layer.epsilon)));
    for (i, y) in y.chunks_mut(S::LANES).enumerate() {
        let mut v = s.mul(s.load_partial(y, 0.0), scale);
        if let Some(gamma) = layer.gamma {
            v = s.mul(v, s.load_partial(&gamma[i * S::LANES..], 0.0));
        }
        if let Some(beta) = layer.beta {
            v = s.add(v, s.load_partial(&beta[i * S::LANES..], 0.0));
        }
        s.store_partial(v, y);
    }
}

#[inline(always)]
fn along_columns<S: Simd>(s: S, layer: &LayerNorm, inner: usize, x: &[f32], y: &mut [f32]) {
    let axis = x.len() / inner;
    let count = s.splat(axis as f32);
    for column in (0..inner).step_by(S::LANES) {
        let columns = column..inner.min(column + S::LANES);
        let mut sum = s.splat(0.0);
        for x in x.chunks_exact(inner) {
            sum = s.add(sum, s.load_partial(&x[columns.clone()], 0.0));
        }
        let mean = s.div(sum, count);
        let mut squares = s.splat(0.0);
        for x in x.chunks_exact(inner) {
            let difference = s.sub(s.load_partial(&x[columns.clone()], 0.0), mean);
            squares = s.fma(difference, difference, squares);
        }
        let variance = s.add(s.div(squares, count), s.splat(layer.epsilon));
        let scale = s.div(s.splat(1.0), s.sqrt(variance));
        for (i, (x, y)) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)).enumerate() {
            let gamma = layer.gamma.map_or(1.0, |gamma| gamma[i]);
            let beta = layer.beta.map_or(0.0, |beta| beta[i]);
            let v = s.mul(s.sub(s.load_partial(&x[columns.clone()], 0.0), mean), scale);
            s.store_partial(s.fma(v, s.splat(gamma), s.splat(beta)), &mut y[columns.clone()]);
        }
    }
}
