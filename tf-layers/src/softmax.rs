//! Softmax and its logarithm.

use crate::error::check_len;
use crate::math::{exp, log};
use crate::reduce::{Reduce, row};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Result, len};

/// y = eˣ / Σeˣ along the axis of x `[outer, axis, inner]`, free of overflow.
pub fn softmax(isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    y.copy_from_slice(x);
    softmax_in_place(isa, dims, y)
}

/// Like [`softmax`], but overwrites x.
pub fn softmax_in_place(isa: Isa, dims: [usize; 3], y: &mut [f32]) -> Result<()> {
    apply(isa, dims, y, false)
}

/// y = x − ln Σeˣ along the axis of x `[outer, axis, inner]`, free of overflow.
pub fn log_softmax(isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    y.copy_from_slice(x);
    log_softmax_in_place(isa, dims, y)
}

/// Like [`log_softmax`], but overwrites x.
pub fn log_softmax_in_place(isa: Isa, dims: [usize; 3], y: &mut [f32]) -> Result<()> {
    apply(isa, dims, y, true)
}

fn apply(isa: Isa, dims: [usize; 3], y: &mut [f32], logarithm: bool) -> Result<()> {
    check_len("y", len(&dims)?, y.len())?;
    if !y.is_empty() {
        isa.run(Run { axis: dims[1], inner: dims[2], y, logarithm });
    }
    Ok(())
}

struct Run<'a> {
    axis: usize,
    inner: usize,
    y: &'a mut [f32],
    logarithm: bool,
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for y in self.y.chunks_exact_mut(self.axis * self.inner) {
            if self.inner == 1 {
                along_row(s, y, self.logarithm);
                continue;
            }
            for column in (0..self.inner).step_by(S::LANES) {
                along_columns(
                    s,
                    &mut y[column..],
                    self.inner,
                    S::LANES.min(self.inner - column),
                    self.logarithm,
                );
            }
        }
    }
}

#[inline(always)]
fn along_row<S: Simd>(s: S, y: &mut [f32], logarithm: bool) {
    let highest = s.splat(row(s, Reduce::Max, y));
    let mut sums = [s.splat(0.0); 2];
    let mut chunks = y.chunks_exact_mut(2 * S::LANES);
    for chunk in &mut chunks {
        for (sum, y) in sums.iter_mut().zip(chunk.chunks_exact_mut(S::LANES)) {
            let x = s.sub(s.load(y), highest);
            let e = exp(s, x);
            *sum = s.add(*sum, e);
            s.store(if logarithm { x } else { e }, y);
        }
    }
    for (sum, y) in sums.iter_mut().zip(chunks.into_remainder().chunks_mut(S::LANES)) {
        let x = s.sub(s.load_partial(y, f32::NEG_INFINITY), highest);
        let e = exp(s, x);
        *sum = s.add(*sum, e);
        s.store_partial(if logarithm { x } else { e }, y);
    }
    divide(s, y, s.splat(s.sum(s.add(sums[0], sums[1]))), logarithm);
}

/// The same for the first `width` columns of rows `inner` apart.
#[inline(always)]
fn along_columns<S: Simd>(s: S, y: &mut [f32], inner: usize, width: usize, logarithm: bool) {
    let mut highest = s.splat(f32::NEG_INFINITY);
    for y in y.chunks(inner) {
        let x = s.load_partial(&y[..width], 0.0);
        highest = s.select(s.eq(highest, highest), s.max(highest, x), highest);
    }
    let mut sum = s.splat(0.0);
    for y in y.chunks_mut(inner) {
        let x = s.sub(s.load_partial(&y[..width], 0.0), highest);
        let e = exp(s, x);
        sum = s.add(sum, e);
        s.store_partial(if logarithm { x } else { e }, &mut y[..width]);
    }
    let log_sum = log(s, sum);
    for y in y.chunks_mut(inner) {
        let x = s.load_partial(&y[..width], 0.0);
        s.store_partial(if logarithm { s.sub(x, log_sum) } else { s.div(x, sum) }, &mut y[..width]);
    }
}

/// Divides by the sum, or subtracts its logarithm.
#[inline(always)]
fn divide<S: Simd>(s: S, y: &mut [f32], sum: S::F32, logarithm: bool) {
    let log_sum = log(s, sum);
    for y in y.chunks_mut(S::LANES) {
        let x = s.load_partial(y, 0.0);
        s.store_partial(if logarithm { s.sub(x, log_sum) } else { s.div(x, sum) }, y);
    }
}
