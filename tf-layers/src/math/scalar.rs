//! Trigonometric functions and the remainder, computed one element at a time in `f64`: they are rare in networks.

use core::f64::consts::FRAC_PI_2;

/// 2⁵² + 2⁵¹: adding and subtracting it rounds to an integer.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// sin x
pub(crate) fn sin(x: f32) -> f32 {
    if x == 0.0 { x } else { sin_of_quarter(x, 0) }
}

/// cos x
pub(crate) fn cos(x: f32) -> f32 {
    sin_of_quarter(x, 1)
}

/// sin(x + quarters·π/2)
fn sin_of_quarter(x: f32, quarters: i64) -> f32 {
    if !x.is_finite() {
        return f32::NAN;
    }
    let (n, r) = if x.abs() < 1.0e5 { reduce(f64::from(x)) } else { reduce_large(x) };
    let square = r * r;
    let n = n.wrapping_add(quarters);
    // Taylor series; their error for |r| ≤ π/4 is at most 2⁻⁴⁰.
    let y = if n & 1 == 0 {
        let terms = [-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0];
        r + r * square * horner(square, &terms)
    } else {
        let terms = [-0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0, 1.0 / 479_001_600.0];
        1.0 + square * horner(square, &terms)
    };
    (if n & 2 == 0 { y } else { -y }) as f32
}

/// (n, r) with x = n·π/2 + r and |r| ≤ π/4, for moderate x.
fn reduce(x: f64) -> (i64, f64) {
    /// The upper 33 bits of π/2, so that the product with n is exact.
    const HIGH: f64 = 1.570_796_326_734_125_6;
    /// π/2 − `HIGH`
    const LOW: f64 = 6.077_100_506_506_192e-11;
    let n = (x / FRAC_PI_2 + SHIFT) - SHIFT;
    (n as i64, (x - n * HIGH) - n * LOW)
}

/// [`reduce`] for any x: multiplies the mantissa with the relevant bits of 2/π (Payne and Hanek 1983).
fn reduce_large(x: f32) -> (i64, f64) {
    /// 256 fractional bits of 2/π, the most significant first.
    const TWO_OVER_PI: [u64; 4] =
        [0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041, 0xfe51_63ab_debb_c561];
    let bits = x.abs().to_bits();
    let mantissa = u128::from(bits & 0x7f_ffff | 0x80_0000);
    // x = mantissa·2^shift with shift ≥ −7; higher bits of 2/π contribute multiples of 4 to the quotient.
    let shift = (bits >> 23) as i32 - 150;
    let start = (shift + 32 - 34).max(0) as usize;
    let window = |at: usize| {
        let (word, bit) = (at / 64, at % 64);
        let high = TWO_OVER_PI[word] << bit;
        let low = TWO_OVER_PI.get(word + 1).copied().unwrap_or(0);
        if bit == 0 { high } else { high | low >> (64 - bit) }
    };
    // Fixed point: product = x·2/π·2^(128 − 32 − (start offset)), modulo 2¹²⁸.
    let fraction = u128::from(window(start)) << 32 | u128::from(window(start + 64) >> 32);
    let product = fraction.wrapping_mul(mantissa);
    // The product has `start + 96 − shift` fractional bits.
    let point = start as i32 + 96 - shift;
    let scaled = product << (126 - point);
    let n = (scaled >> 126) as i64;
    let rest = (scaled << 2) as i128;
    // A fraction above ½ belongs to the next quarter.
    let n = n + i64::from(rest < 0);
    let r = rest as f64 / 340_282_366_920_938_463_463_374_607_431_768_211_456.0 * FRAC_PI_2;
    if x < 0.0 { (-n, -r) } else { (n, r) }
}

/// c₀ + c₁x + c₂x² + …, by Horner's rule.
pub(super) fn horner(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// The remainder of a/b with the sign of b.
pub(crate) fn modulo(a: f32, b: f32) -> f32 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
}
