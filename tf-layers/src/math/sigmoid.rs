//! The logistic function, the hyperbolic tangent, and activations based on them.

use super::exp::{parts, reduced};
use super::poly;
use crate::simd::Simd;

/// 1/(1 + e⁻ˣ). Every step is monotonic, and so is the result.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    // e⁻ˣ = 2ⁿ·m; `lost` is the rounding error of m.
    let (n, q) = parts(s, s.neg(x));
    let m = s.add(one, q);
    let lost = s.sub(q, s.sub(m, one));
    // For negative x, 2ⁿ may overflow; 1/(1 + 2ⁿm) = 2⁻ⁿ/(2⁻ⁿ + m). For positive x, 2ⁿm is bounded below. Results that round
    // to 0 are not computed, because an underflow takes a processor up to a hundred times longer.
    let (left, vanishes) = (s.le(zero, n), s.lt(s.splat(151.0), n));
    let lowest = s.select(vanishes, zero, s.select(left, s.splat(-152.0), s.splat(-64.0)));
    let power = s.max(lowest, s.neg(s.abs(n)));
    let large = s.select(left, m, one);
    let small = s.scale(s.select(left, one, m), power);
    let sum = s.add(large, small);
    let lost = s.add(s.sub(small, s.sub(sum, large)), s.select(left, lost, zero));
    let y = s.div(one, s.add(sum, lost));
    s.select(vanishes, zero, s.select(left, s.scale(y, power), y))
}

/// 1 + e⁻ˣ, whose reciprocal is a sigmoid with an absolute error of at most 2⁻²³, in two thirds of the time. For gates of
/// recurrent layers, where small values need no relative accuracy.
#[inline(always)]
pub(crate) fn gate_denominator<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let (n, q) = reduced(s, s.neg(s.max(s.splat(-86.0), s.min(s.splat(86.0), x))));
    s.add(one, s.scale_normal(s.add(one, q), n))
}

/// The hyperbolic tangent as a fraction: e²ˣ − 1 and e²ˣ + 1. Its absolute error is at most 2⁻²². A product with a gate
/// then takes one division.
#[inline(always)]
pub(crate) fn tanh_fraction<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let (one, bound) = (s.splat(1.0), s.splat(10.0));
    let x = s.max(s.neg(bound), s.min(bound, x));
    let (n, q) = reduced(s, s.add(x, x));
    // 2ⁿ·(1 + q) − 1, where the product with 2ⁿ is exact.
    let power = s.scale_normal(one, n);
    let numerator = s.fma(power, q, s.sub(power, one));
    (numerator, s.add(numerator, s.splat(2.0)))
}

/// x / (1 + e⁻ˣ)
#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let negative = s.lt(x, s.splat(0.0));
    let one = s.splat(1.0);
    let (n, q) = parts(s, s.neg(s.abs(x)));
    let m = s.add(one, q);
    let denominator = s.add(one, s.scale(m, n));
    // For negative x, the factor 2ⁿ comes last, because a product with a subnormal eˣ would lose digits. The bound prevents
    // −∞·0, whose limit is 0.
    let left = s.scale(s.div(s.mul(s.max(s.splat(-120.0), x), m), denominator), n);
    s.select(negative, left, s.div(x, denominator))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let a = s.abs(x);
    // (tanh(x)/x − 1)/x² as a polynomial in x² for |x| ≤ 0.625; the relative error of tanh(x) is at most 2⁻²⁸.
    let square = s.mul(x, x);
    let p = poly(s, square, [-0.33333284, 0.13331491, -0.053743497, 0.020650586, -0.0057170433]);
    let near = s.fma(s.mul(square, p), x, x);
    // For x > 10 the result is 1; the bound prevents an overflow of e²ˣ.
    let (n, q) = reduced(s, s.min(s.splat(20.0), s.add(a, a)));
    let one = s.splat(1.0);
    let e = s.scale_normal(s.add(one, q), n);
    let far = s.sub(one, s.div(s.splat(2.0), s.add(e, one)));
    s.select(s.lt(a, s.splat(0.625)), near, s.copysign(far, x))
}

/// x·tanh(ln(1 + eˣ)) = x·n/(n + 2) with n = e²ˣ + 2eˣ.
#[inline(always)]
pub(crate) fn mish<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let two = s.splat(2.0);
    // For x > 40 the quotient is 1; the bound prevents an overflow of e²ˣ.
    let (n, q) = parts(s, s.min(s.splat(40.0), x));
    let m = s.add(s.splat(1.0), q);
    let e = s.scale(m, n);
    let sum = s.add(e, two);
    let denominator = s.fma(e, sum, two);
    // As in `silu`, the factor 2ⁿ comes last for negative x.
    let left = s.mul(s.max(s.splat(-120.0), x), m);
    let left = s.scale(s.div(s.mul(left, sum), denominator), n);
    let right = s.mul(x, s.div(s.mul(e, sum), denominator));
    s.select(s.lt(x, s.splat(0.0)), left, right)
}

/// x/2·(1 + tanh(t)) = x·sigmoid(2t) with t = √(2/π)·(x + 0.044715·x³).
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // For |x| > 20 the result is x or 0; the bounds prevent an overflow of x³ and propagate NaN.
    let b = s.max(s.splat(-20.0), s.min(s.splat(20.0), x));
    let square = s.mul(b, b);
    let inner = s.fma(s.mul(square, b), s.splat(0.071_354_814), s.mul(b, s.splat(1.595_769_1)));
    let y = sigmoid(s, inner);
    s.mul(s.max(s.splat(-20.0), x), y)
}

#[cfg(test)]
mod tests {
    use super::{gate_denominator, tanh_fraction};
    use crate::simd::{Isa, Kernel, PANEL, Simd};

    /// The sigmoid and the hyperbolic tangent of a number.
    struct Gates(f32);

    impl Kernel for Gates {
        type Output = [f32; 2];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 2] {
            let mut lanes = [[0.0; PANEL]; 2];
            let (numerator, denominator) = tanh_fraction(s, s.splat(self.0));
            s.store(s.div(s.splat(1.0), gate_denominator(s, s.splat(self.0))), &mut lanes[0]);
            s.store(s.div(numerator, denominator), &mut lanes[1]);
            lanes.map(|lanes| lanes[0])
        }
    }

    #[test]
    fn gates_have_a_bounded_absolute_error() {
        for isa in Isa::available() {
            for i in -20_000..=20_000_i32 {
                let x = i as f32 * 0.005;
                let wide = f64::from(x);
                let exact = [1.0 / (1.0 + (-wide).exp()), wide.tanh()];
                for ((found, exact), bits) in isa.run(Gates(x)).into_iter().zip(exact).zip([23, 22]) {
                    let error = (f64::from(found) - exact).abs();
                    assert!(error <= 2.0_f64.powi(-bits), "{x} on {}: off by {error:e}", isa.name());
                }
            }
            assert!(isa.run(Gates(f32::NAN)).iter().all(|y| y.is_nan()));
            assert_eq!([f32::INFINITY, f32::MAX].map(|x| isa.run(Gates(x))), [[1.0; 2]; 2]);
            for x in [f32::NEG_INFINITY, f32::MIN] {
                let [sigmoid, tanh] = isa.run(Gates(x));
                assert!(sigmoid < 1e-37 && tanh == -1.0, "{sigmoid} {tanh}");
            }
        }
    }
}
