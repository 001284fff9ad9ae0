//! Softmax and its logarithm.

use crate::error::{Result, check_len};
use crate::math::{exp, log};
use crate::ops::Reduce;
use crate::ops::reduce::row;
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::len;

/// y = eˣ / Σeˣ along the axis of x `[outer, axis, inner]`, free of overflow.
pub fn softmax(isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    y.copy_from_slice(x);
    softmax_in_place(isa, dims, y)
}

/// Like [`softmax`], but overwrites x.
pub fn softmax_in_place(isa: Isa, dims: [usize; 3], y: &mut [f32]) -> Result<()> {
    if holds(dims, y)? {
        let [_, axis, inner] = dims;
        isa.run(SoftmaxKernel::<false> { axis, inner, y });
    }
    Ok(())
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
    if holds(dims, y)? {
        let [_, axis, inner] = dims;
        isa.run(SoftmaxKernel::<true> { axis, inner, y });
    }
    Ok(())
}

/// Whether there is anything to do; an error if `y` has not as many elements as its dims say.
fn holds(dims: [usize; 3], y: &[f32]) -> Result<bool> {
    check_len("y", len(&dims)?, y.len())?;
    Ok(!y.is_empty())
}

/// Either function has kernels of its own: hardly a program uses both.
struct SoftmaxKernel<'a, const LOGARITHM: bool> {
    axis: usize,
    inner: usize,
    y: &'a mut [f32],
}

impl<const LOGARITHM: bool> Kernel for SoftmaxKernel<'_, LOGARITHM> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (Self { axis, inner, y }, logarithm) = (self, LOGARITHM);
        if inner == 1 && axis <= S::LANES {
            return short_rows(s, axis, y, logarithm);
        }
        for y in y.chunks_exact_mut(axis * inner) {
            if inner == 1 {
                along_row(s, y, logarithm);
                continue;
            }
            for column in (0..inner).step_by(S::LANES) {
                along_columns(s, &mut y[column..], inner, S::LANES.min(inner - column), logarithm);
            }
        }
    }
}

/// Rows of one vector each, four at a time: their chains of operations overlap, and a load that waits for the
/// partial store beside it waits once for all four.
#[inline(always)]
fn short_rows<S: Simd>(s: S, axis: usize, y: &mut [f32], logarithm: bool) {
    let mut groups = y.chunks_exact_mut(4 * axis);
    for rows in &mut groups {
        register_rows::<S, 4>(s, axis, rows, logarithm);
    }
    for row in groups.into_remainder().chunks_exact_mut(axis) {
        register_rows::<S, 1>(s, axis, row, logarithm);
    }
}

#[inline(always)]
fn register_rows<S: Simd, const N: usize>(s: S, axis: usize, y: &mut [f32], logarithm: bool) {
    let mut rows = [s.splat(0.0); N];
    for (row, y) in rows.iter_mut().zip(y.chunks_exact(axis)) {
        *row = s.load_partial(y, f32::NEG_INFINITY);
    }
    for row in &mut rows {
        let x = s.sub(*row, s.splat(Reduce::Max.fold(s, *row)));
        let e = exp(s, x);
        let sum = s.splat(s.sum(e));
        *row = if logarithm { s.sub(x, log(s, sum)) } else { s.div(e, sum) };
    }
    for (&row, y) in rows.iter().zip(y.chunks_exact_mut(axis)) {
        s.store_partial(row, y);
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
    let sum = s.splat(s.sum(s.add(sums[0], sums[1])));
    finish_row(s, y, sum, logarithm);
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

/// Divides a row by the sum of its exponentials, or subtracts the logarithm of the sum.
#[inline(always)]
fn finish_row<S: Simd>(s: S, y: &mut [f32], sum: S::F32, logarithm: bool) {
    let log_sum = if logarithm { log(s, sum) } else { sum };
    let whole = y.len() - y.len() % S::LANES;
    let (y, rest) = y.split_at_mut(whole);
    for y in y.chunks_exact_mut(S::LANES) {
        let x = s.load(y);
        s.store(if logarithm { s.sub(x, log_sum) } else { s.div(x, sum) }, y);
    }
    if !rest.is_empty() {
        let x = s.load_partial(rest, 0.0);
        s.store_partial(if logarithm { s.sub(x, log_sum) } else { s.div(x, sum) }, rest);
    }
}
