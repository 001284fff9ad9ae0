//! The error function, and the GELU activation based on it.

use super::{exp, exp::parts, poly};
use crate::simd::Simd;

/// The error function.
#[inline(always)]
pub(crate) fn erf<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let a = s.abs(x);
    // erf(x)/x − 1 as a polynomial in x² for |x| ≤ 0.9375; the error is at most 2⁻³⁰.
    let square = s.mul(x, x);
    let p = poly(
        s,
        square,
        [0.12837917, -0.37612632, 0.11283679, -0.026858497, 0.00519883, -0.0008118075, 0.00008267461],
    );
    let near = s.fma(p, x, x);
    // ln(1 − erf(t)) for 0.9 ≤ t ≤ 3.95; erf rounds to 1 for larger t.
    let t = s.min(s.splat(3.95), a);
    let p = poly(
        s,
        t,
        [
            1.5061245e-4,
            -1.1293818,
            -0.63366336,
            -0.107858196,
            0.024774497,
            -0.0039940933,
            3.7884738e-4,
            -1.1310972e-5,
            -7.374829e-7,
        ],
    );
    let far = s.sub(s.splat(1.0), exp(s, p));
    s.select(s.lt(a, s.splat(0.9375)), near, s.copysign(far, x))
}

/// x·Φ(x) = x/2·(1 + erf(x/√2)), where Φ is the distribution function of the standard normal distribution.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    // For x < −14.5 the result rounds to 0; `min` propagates NaN.
    let y = s.min(s.splat(14.5), s.abs(x));
    // Φ(−y) = e^(−y²/2)·g(u)/(1 + y) with u = (y − 3)/(y + 3), which is accurate in the tail.
    let three = s.splat(3.0);
    let u = s.div(s.sub(y, three), s.add(y, three));
    let g = poly(
        s,
        u,
        [
            0.4860558,
            -0.09652679,
            -0.016432356,
            0.045164656,
            -0.02272672,
            0.001154881,
            0.0029913792,
            -3.3941402e-4,
            -4.697353e-4,
            1.09136545e-5,
            4.5892502e-5,
        ],
    );
    let ratio = s.div(g, s.add(one, y));
    // The rounding error of y² matters, because the exponential multiplies it by up to 100.
    let square = s.mul(y, y);
    let lost = square_error(s, y, square);
    let half = s.splat(0.5);
    let (n, q) = parts(s, s.neg(s.mul(square, half)));
    let m = s.add(one, q);
    let m = s.fnma(m, s.mul(lost, half), m);
    let tail = s.mul(m, ratio);
    let left = s.scale(s.mul(s.neg(y), tail), n);
    let right = s.fnma(x, s.scale(tail, n), x);
    s.select(s.lt(x, s.splat(0.0)), left, s.select(s.lt(s.splat(14.0), x), x, right))
}

/// y² − `square`, exactly; by Dekker's product if multiply-add rounds twice.
#[inline(always)]
fn square_error<S: Simd>(s: S, y: S::F32, square: S::F32) -> S::F32 {
    if S::FUSED {
        return s.fma(y, y, s.neg(square));
    }
    let high = s.float(s.and(s.bits(y), s.isplat(!0xfff)));
    let low = s.sub(y, high);
    let cross = s.mul(s.add(high, high), low);
    s.add(s.add(s.sub(s.mul(high, high), square), cross), s.mul(low, low))
}
