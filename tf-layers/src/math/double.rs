//! Powers, exponentials, logarithms and roots in `f64`.

use core::f64::consts::{LN_2, LOG2_E};

use super::scalar::horner;

/// 2⁵² + 2⁵¹: adding and subtracting it rounds to an integer.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// 2⁵⁴, which scales every subnormal number to a normal one.
const LIFT: f64 = 18_014_398_509_481_984.0;

/// xʸ with the special cases of C's `pow`.
pub(crate) fn pow(x: f32, y: f32) -> f32 {
    // In f64, the error is negligible.
    pow_f64(f64::from(x), f64::from(y)) as f32
}

/// xʸ with the special cases of C's `pow`.
pub(crate) fn pow_f64(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    // An f64 of magnitude 2⁵³ or more is an even integer.
    let large = y.abs() >= 9_007_199_254_740_992.0;
    let integral = large || (y as i64) as f64 == y;
    let odd = !large && integral && (y as i64) & 1 != 0;
    if x < 0.0 && x.is_finite() && y.is_finite() && !integral {
        return f64::NAN;
    }
    let magnitude = power(x.abs(), y);
    if x.is_sign_negative() && odd { -magnitude } else { magnitude }
}

/// xʸ for x ≥ 0 and y ≠ 0; neither is NaN.
fn power(x: f64, y: f64) -> f64 {
    if x == 0.0 || x.is_infinite() {
        return if (x == 0.0) == (y > 0.0) { 0.0 } else { f64::INFINITY };
    }
    if x == 1.0 {
        return 1.0;
    }
    // Small integral powers by multiplication, because the rounding of the logarithm would show.
    if y.abs() <= 32.0 && (y as i32) as f64 == y {
        let (mut product, mut base, mut left) = (1.0, x, (y as i32).unsigned_abs());
        while left > 0 {
            if left & 1 == 1 {
                product *= base;
            }
            base *= base;
            left >>= 1;
        }
        return if y < 0.0 { 1.0 / product } else { product };
    }
    exp2(y * log2(x))
}

/// eˣ
pub(crate) fn exp_f64(x: f64) -> f64 {
    // ln 2 in two parts, so that the range reduction of large x is accurate.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_2e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let bounded = x.clamp(-800.0, 800.0);
    let n = (bounded * LOG2_E + SHIFT) - SHIFT;
    scaled((bounded - n * LN_2_HIGH) - n * LN_2_LOW, n)
}

/// 2ᵗ
fn exp2(t: f64) -> f64 {
    let t = t.clamp(-1100.0, 1100.0);
    let n = (t + SHIFT) - SHIFT;
    scaled((t - n) * LN_2, n)
}

/// eʳ·2ⁿ by Taylor series, for |r| ≤ ½ ln 2 and an integer n.
fn scaled(r: f64, n: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for i in 1..15 {
        term *= r / f64::from(i);
        sum += term;
    }
    // In two steps, because 2ⁿ alone may overflow or underflow.
    let n = n as i64;
    let half = n / 2;
    sum * power_of_two(half) * power_of_two(n - half)
}

/// 2ⁿ for |n| < 1000
fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

/// ln x; −∞ at 0, NaN below 0
pub(crate) fn ln_f64(x: f64) -> f64 {
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x < 0.0 {
        f64::NAN
    } else if x.is_finite() {
        let (e, ln_m) = split(x);
        e * LN_2 + ln_m
    } else {
        x
    }
}

/// log₂ x for finite x > 0
fn log2(x: f64) -> f64 {
    let (e, ln_m) = split(x);
    e + ln_m * LOG2_E
}

/// (e, ln m) with x = 2ᵉ·m and √½ ≤ m < √2; ln m = 2·artanh((m − 1)/(m + 1)).
fn split(x: f64) -> (f64, f64) {
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let (x, lifted) = if x < f64::MIN_POSITIVE { (x * LIFT, 54.0) } else { (x, 0.0) };
    let offset = x.to_bits().wrapping_sub(ROOT_HALF) as i64;
    let e = (offset >> 52) as f64;
    let m = f64::from_bits((offset as u64 & 0x000f_ffff_ffff_ffff) + ROOT_HALF);
    let s = (m - 1.0) / (m + 1.0);
    let terms = [
        1.0,
        1.0 / 3.0,
        0.2,
        1.0 / 7.0,
        1.0 / 9.0,
        1.0 / 11.0,
        1.0 / 13.0,
        1.0 / 15.0,
        1.0 / 17.0,
        1.0 / 19.0,
        1.0 / 21.0,
    ];
    (e - lifted, 2.0 * s * horner(s * s, &terms))
}

/// √x; NaN below 0. Newton's method, starting from half the exponent.
pub(crate) fn root(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if x < f64::MIN_POSITIVE {
        return root(x * LIFT) / 134_217_728.0; // √2⁵⁴
    }
    let mut y = f64::from_bits((x.to_bits() >> 1) + (1023 << 51));
    for _ in 0..6 {
        y = (y + x / y) / 2.0;
    }
    y
}
