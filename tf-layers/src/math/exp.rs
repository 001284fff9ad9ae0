//! The exponential function, and functions that share its range reduction.

use super::poly;
use crate::simd::Simd;

/// The upper 15 bits of ln 2, so that the product with an exponent is exact.
pub(super) const LN_2_HIGH: f32 = 0.693_145_75;
/// ln 2 − `LN_2_HIGH`
pub(super) const LN_2_LOW: f32 = 1.428_606_8e-6;

/// For smaller x, eˣ rounds to 0, even multiplied by a factor of up to 10²⁰.
const LOWEST: f32 = -150.0;
/// For larger x, eˣ rounds to infinity, and e⁻ˣ to 0.
const HIGHEST: f32 = 128.0;

/// (n, q) with eˣ = 2ⁿ·(1 + q), where n is an integer with |n| ≤ 217 and |q| < 0.42. Propagates NaN.
#[inline(always)]
pub(super) fn parts<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    reduced(s, s.max(s.splat(LOWEST), s.min(s.splat(HIGHEST), x)))
}

/// [`parts`] for x between `LOWEST` and `HIGHEST`.
#[inline(always)]
pub(super) fn reduced<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let n = s.round(s.mul(x, s.splat(core::f32::consts::LOG2_E)));
    // r = x − n·ln 2; the first product is exact, and so is the first difference (Sterbenz lemma).
    let r = s.fnma(n, s.splat(LN_2_LOW), s.fnma(n, s.splat(LN_2_HIGH), x));
    // (eʳ − 1 − r)/r² for |r| ≤ ln(2)/2; the relative error of eʳ is at most 2⁻²⁸.
    let p = poly(s, r, [0.49999994, 0.1666652, 0.0416684, 0.008368851, 0.001381432]);
    (n, s.fma(s.mul(r, r), p, r))
}

/// eˣ
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // Results that round to 0 are not computed, because an underflow takes a processor up to a hundred times longer.
    let zero = s.splat(0.0);
    let vanishes = s.lt(x, s.splat(-104.0));
    let (n, q) = parts(s, s.select(vanishes, zero, x));
    s.select(vanishes, zero, s.scale(s.add(s.splat(1.0), q), n))
}

/// eˣ − 1, without cancellation near 0.
#[inline(always)]
pub(crate) fn expm1<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (n, q) = parts(s, x);
    let one = s.splat(1.0);
    let power = s.scale(one, n);
    // 2ⁿ·q is exact, so there are only two roundings: of 2ⁿ − 1 and of the sum.
    let near = s.fma(power, q, s.sub(power, one));
    // For n ≥ 25 the −1 is absorbed, and 2ⁿ alone could overflow.
    let far = s.scale(s.add(one, q), n);
    s.select(s.lt(n, s.splat(25.0)), near, far)
}
