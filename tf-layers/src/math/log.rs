//! The natural logarithm, and functions that share its range reduction.

use super::{exp, exp::LN_2_HIGH, exp::LN_2_LOW, poly};
use crate::simd::Simd;

/// The bits of √½, the smallest mantissa after range reduction.
const ROOT_HALF: i32 = 0x3f35_04f3;

/// ln x for x > 0, finite and normal.
#[inline(always)]
fn log_normal<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // x = m·2ᵉ with m in [√½, √2)
    let offset = s.isub(s.bits(x), s.isplat(ROOT_HALF));
    let e = s.to_f32(s.shr::<23>(offset));
    let m = s.float(s.iadd(s.and(offset, s.isplat(0x7f_ffff)), s.isplat(ROOT_HALF)));
    let f = s.sub(m, s.splat(1.0));
    // (ln(1 + f) − f + f²/2)/f³; the relative error of the logarithm is at most 2⁻²⁷.
    let p = poly(
        s,
        f,
        [0.3333333, -0.2500082, 0.20001227, -0.16623357, 0.14201757, -0.1316018, 0.12761576, -0.07634501],
    );
    let square = s.mul(f, f);
    let r = s.fma(square, s.fma(f, p, s.splat(-0.5)), s.mul(e, s.splat(LN_2_LOW)));
    s.fma(e, s.splat(LN_2_HIGH), s.add(r, f))
}

/// ln x; −∞ at 0, NaN below 0.
#[inline(always)]
pub(crate) fn log<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    let infinity = s.splat(f32::INFINITY);
    // Subnormal numbers are scaled by 2²⁵, and ln 2²⁵ is subtracted.
    let small = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let y = log_normal(s, s.select(small, s.mul(x, s.splat(33_554_432.0)), x));
    let y = s.select(small, s.sub(y, s.splat(17.328_68)), y);
    let y = s.select(s.eq(x, zero), s.splat(f32::NEG_INFINITY), y);
    let y = s.select(s.eq(x, infinity), infinity, y);
    s.select(s.le(zero, x), y, s.splat(f32::NAN))
}

/// ln(1 + x), without cancellation near 0.
#[inline(always)]
pub(crate) fn log1p<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let sum = s.add(one, x);
    // The rounding error of the sum is a correction: ln(sum + lost) ≈ ln(sum) + lost/sum.
    let below = s.sub(x, s.sub(sum, one));
    let above = s.sub(one, s.sub(sum, x));
    let lost = s.select(s.lt(x, one), below, above);
    let y = s.add(log(s, sum), s.div(lost, sum));
    // At −1 and ∞ the correction is NaN; at −0 it loses the sign.
    let finite = s.lt(s.abs(log(s, sum)), s.splat(f32::INFINITY));
    let y = s.select(finite, y, log(s, sum));
    s.select(s.eq(x, s.splat(0.0)), x, y)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    let sum = s.add(one, e);
    let lost = s.sub(e, s.sub(sum, one));
    let tail = s.add(log_normal(s, sum), s.div(lost, sum));
    s.add(s.max(s.splat(0.0), x), tail)
}
