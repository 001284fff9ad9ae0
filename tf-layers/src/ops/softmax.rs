//! Softmax and `LogSoftmax`.

use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::Result;
use crate::math::{exp, log};
use crate::ops::Reduce;
use crate::ops::reduce::row;
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::tensor::{View, ViewMut, around, check_dims};

/// Softmax along an axis: y = eˣ⁻ᵐ / Σeˣ⁻ᵐ, where m is the maximum, so that nothing overflows.
///
/// ```
/// use tf_layers::ops::softmax;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[7.0, 7.0, 1e9, 0.0], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = softmax(cx, 1, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [0.5, 0.5, 1.0, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x, or x has no such axis.
pub fn softmax<'y, const R: usize>(
    cx: &mut Context<'_>,
    axis: usize,
    x: View<'_, f32, R>,
    mut y: ViewMut<'y, f32, R>,
) -> Result<View<'y, f32, R>> {
    copy(x, &mut y)?;
    softmax_in_place(cx, axis, y)
}

/// [`softmax`] of y, in place.
///
/// # Errors
///
/// If y has no such axis.
pub fn softmax_in_place<'y, const R: usize>(
    cx: &mut Context<'_>,
    axis: usize,
    mut y: ViewMut<'y, f32, R>,
) -> Result<View<'y, f32, R>> {
    let [_, axis, inner] = around(&y.dims(), axis, 1)?;
    run::<false>(cx.isa, [axis, inner], y.as_mut_slice()?);
    Ok(y.into_view())
}

/// `LogSoftmax` along an axis: y = (x − m) − ln Σeˣ⁻ᵐ, where m is the maximum, so that nothing overflows.
///
/// ```
/// use tf_layers::ops::log_softmax;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [9.0; 2];
/// let y = log_softmax(cx, 0, View::new(&[1000.0, 0.0], [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [0.0, -1000.0]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x, or x has no such axis.
pub fn log_softmax<'y, const R: usize>(
    cx: &mut Context<'_>,
    axis: usize,
    x: View<'_, f32, R>,
    mut y: ViewMut<'y, f32, R>,
) -> Result<View<'y, f32, R>> {
    copy(x, &mut y)?;
    log_softmax_in_place(cx, axis, y)
}

/// [`log_softmax`] of y, in place.
///
/// # Errors
///
/// If y has no such axis.
pub fn log_softmax_in_place<'y, const R: usize>(
    cx: &mut Context<'_>,
    axis: usize,
    mut y: ViewMut<'y, f32, R>,
) -> Result<View<'y, f32, R>> {
    let [_, axis, inner] = around(&y.dims(), axis, 1)?;
    run::<true>(cx.isa, [axis, inner], y.as_mut_slice()?);
    Ok(y.into_view())
}

fn copy<const R: usize>(x: View<'_, f32, R>, y: &mut ViewMut<'_, f32, R>) -> Result<()> {
    check_dims(&x.dims(), &y.dims())?;
    for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
        *y = x;
    }
    Ok(())
}

/// Softmax of every row of y, in place.
pub(crate) fn softmax_rows(isa: Isa, columns: usize, y: &mut [f32]) {
    run::<false>(isa, [columns, 1], y);
}

/// Softmax or `LogSoftmax` of y `[.., axis, inner]`, in place.
fn run<const LOGARITHM: bool>(isa: Isa, [axis, inner]: [usize; 2], y: &mut [f32]) {
    if !y.is_empty() {
        isa.run(SoftmaxKernel::<LOGARITHM> { axis, inner, y });
    }
}

/// The kernel of one function; a constant parameter, because few programs use both functions.
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
        if const { S::COMPACT } {
            // The same loops for rows and columns, because each contains the code of `exp`.
            for y in y.chunks_exact_mut((axis * inner).max(1)) {
                for column in (0..inner).step_by(S::LANES) {
                    along_columns(s, part_mut(y, column..), inner, S::LANES.min(inner - column), logarithm);
                }
            }
            return;
        }
        if inner == 1 && axis <= FEW {
            return few_columns(s, axis, y, logarithm);
        }
        if inner == 1 && axis <= S::LANES {
            return short_rows(s, axis, y, logarithm);
        }
        for y in y.chunks_exact_mut((axis * inner).max(1)) {
            if inner == 1 {
                along_row(s, y, logarithm);
                continue;
            }
            for column in (0..inner).step_by(S::LANES) {
                along_columns(s, part_mut(y, column..), inner, S::LANES.min(inner - column), logarithm);
            }
        }
    }
}

/// The most numbers of a row that is computed together with the rows beside it.
const FEW: usize = 4;

/// Rows of at most [`FEW`] numbers, one row for each lane.
#[inline(always)]
fn few_columns<S: Simd>(s: S, axis: usize, y: &mut [f32], logarithm: bool) {
    let mut columns = [0.0; FEW * PANEL];
    let columns = part_mut(&mut columns, ..axis * S::LANES);
    for rows in y.chunks_mut((axis * S::LANES).max(1)) {
        for (i, row) in rows.chunks_exact(axis.max(1)).enumerate() {
            for (column, &x) in columns.chunks_exact_mut(S::LANES).zip(row) {
                column[i] = x;
            }
        }
        along_columns(s, columns, S::LANES, S::LANES, logarithm);
        for (i, row) in rows.chunks_exact_mut(axis.max(1)).enumerate() {
            for (column, x) in columns.chunks_exact(S::LANES).zip(row) {
                *x = column[i];
            }
        }
    }
}

/// Rows that fit in one vector, four at a time: their dependency chains overlap, and a load that must wait for the partial
/// store of the row before it stalls once for all four.
#[inline(always)]
fn short_rows<S: Simd>(s: S, axis: usize, y: &mut [f32], logarithm: bool) {
    let mut groups = y.chunks_exact_mut((4 * axis).max(1));
    for rows in &mut groups {
        register_rows::<S, 4>(s, axis, rows, logarithm);
    }
    for row in groups.into_remainder().chunks_exact_mut(axis.max(1)) {
        register_rows::<S, 1>(s, axis, row, logarithm);
    }
}

#[inline(always)]
fn register_rows<S: Simd, const N: usize>(s: S, axis: usize, y: &mut [f32], logarithm: bool) {
    let mut rows = [s.splat(0.0); N];
    for (row, y) in rows.iter_mut().zip(y.chunks_exact(axis.max(1))) {
        *row = s.load_partial(y, f32::NEG_INFINITY);
    }
    for row in &mut rows {
        let x = s.sub(*row, s.splat(Reduce::Max.fold(s, *row)));
        let e = exp(s, x);
        let sum = s.splat(s.sum(e));
        *row = if logarithm { s.sub(x, log(s, sum)) } else { s.div(e, sum) };
    }
    for (&row, y) in rows.iter().zip(y.chunks_exact_mut(axis.max(1))) {
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

/// Softmax along the first `width` columns of a matrix with rows of `inner` elements.
#[inline(always)]
fn along_columns<S: Simd>(s: S, y: &mut [f32], inner: usize, width: usize, logarithm: bool) {
    let mut highest = s.splat(f32::NEG_INFINITY);
    for y in y.chunks(inner.max(1)) {
        let x = s.load_partial(part(y, ..width), 0.0);
        highest = s.select(s.eq(highest, highest), s.max(highest, x), highest);
    }
    let mut sum = s.splat(0.0);
    for y in y.chunks_mut(inner.max(1)) {
        let x = s.sub(s.load_partial(part(y, ..width), 0.0), highest);
        let e = exp(s, x);
        sum = s.add(sum, e);
        s.store_partial(if logarithm { x } else { e }, part_mut(y, ..width));
    }
    let log_sum = log(s, sum);
    for y in y.chunks_mut(inner.max(1)) {
        let x = s.load_partial(part(y, ..width), 0.0);
        s.store_partial(if logarithm { s.sub(x, log_sum) } else { s.div(x, sum) }, part_mut(y, ..width));
    }
}

/// Divides a row by `sum`, or subtracts the logarithm of `sum` from it.
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
