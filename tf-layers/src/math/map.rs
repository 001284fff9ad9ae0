//! Applying a function of one vector to every element of a slice.

use crate::simd::Simd;

/// A function of one number, on vectors of any width.
pub(crate) trait Map: Copy {
    /// Must be `#[inline(always)]`.
    fn map<S: Simd>(self, s: S, x: S::F32) -> S::F32;
}

/// y = f(x); of slices of unequal length, as far as both go.
#[inline(always)]
pub(crate) fn map<S: Simd, M: Map>(s: S, f: M, x: &[f32], y: &mut [f32]) {
    let len = x.len().min(y.len());
    let whole = len - len % S::LANES;
    let (x, x_rest) = x[..len].split_at(whole);
    let (y, y_rest) = y[..len].split_at_mut(whole);
    for (x, y) in x.chunks_exact(S::LANES).zip(y.chunks_exact_mut(S::LANES)) {
        s.store(f.map(s, s.load(x)), y);
    }
    if !y_rest.is_empty() {
        s.store_partial(f.map(s, s.load_partial(x_rest, 0.0)), y_rest);
    }
}

/// y = f(y).
#[inline(always)]
pub(crate) fn map_in_place<S: Simd, M: Map>(s: S, f: M, y: &mut [f32]) {
    let whole = y.len() - y.len() % S::LANES;
    let (y, rest) = y.split_at_mut(whole);
    for y in y.chunks_exact_mut(S::LANES) {
        s.store(f.map(s, s.load(y)), y);
    }
    if !rest.is_empty() {
        s.store_partial(f.map(s, s.load_partial(rest, 0.0)), rest);
    }
}
