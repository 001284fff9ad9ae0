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
    let whole = x.len() - x.len() % S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        s.store(s.sub(s.load(&x[i..]), mean), &mut y[i..]);
    }
    if whole < x.len() {
        s.store_partial(s.sub(s.load_partial(&x[whole..], 0.0), mean), &mut y[whole..]);
    }
    let variance = row(s, Reduce::SumSquare, y) / count;
    let scale = s.div(s.splat(1.0), s.sqrt(s.splat(variance + layer.epsilon)));
    for i in (0..whole).step_by(S::LANES) {
        let gamma = match layer.gamma {
            Some(gamma) => s.mul(scale, s.load(&gamma[i..])),
            None => scale,
        };
        let beta = match layer.beta {
            Some(beta) => s.load(&beta[i..]),
            None => s.splat(0.0),
        };
        s.store(s.fma(s.load(&y[i..]), gamma, beta), &mut y[i..]);
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
        s.store_partial(s.fma(s.load_partial(&y[whole..], 0.0), gamma, beta), &mut y[whole..]);
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
