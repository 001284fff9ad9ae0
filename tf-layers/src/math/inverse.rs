//! The tangent, inverse trigonometric and hyperbolic functions, one element at a time in `f64`: they are rare in networks.

use core::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use super::double::{exp_f64 as exp, ln_f64 as ln, root};
use super::scalar::{cos, horner, sin};

/// For smaller magnitudes, the first terms of the Taylor series are more accurate than an f32.
const SMALL: f64 = 1.0 / 64.0;

/// tan x
pub(crate) fn tan(x: f32) -> f32 {
    if x == 0.0 { x } else { sin(x) / cos(x) }
}

/// arctan x
pub(crate) fn atan(x: f32) -> f32 {
    arctangent(f64::from(x)) as f32
}

/// arcsin x = arctan(x/√(1 − x²)); the square of an f32 is exact.
pub(crate) fn asin(x: f32) -> f32 {
    let x = f64::from(x);
    arctangent(x / root(1.0 - x * x)) as f32
}

/// arccos x = π/2 − arcsin x; for x > ½, 2·arcsin √((1 − x)/2), which avoids cancellation.
pub(crate) fn acos(x: f32) -> f32 {
    let x = f64::from(x);
    let y = if x > 0.5 {
        let half = (1.0 - x) / 2.0;
        2.0 * arctangent(root(half) / root(1.0 - half))
    } else {
        FRAC_PI_2 - arctangent(x / root(1.0 - x * x))
    };
    y as f32
}

/// (eˣ − e⁻ˣ)/2
pub(crate) fn sinh(x: f32) -> f32 {
    let wide = f64::from(x);
    let y = if wide.abs() < SMALL {
        wide * horner(wide * wide, &[1.0, 1.0 / 6.0, 1.0 / 120.0])
    } else {
        (exp(wide) - exp(-wide)) / 2.0
    };
    y as f32
}

/// (eˣ + e⁻ˣ)/2
pub(crate) fn cosh(x: f32) -> f32 {
    let x = f64::from(x);
    ((exp(x) + exp(-x)) / 2.0) as f32
}

/// ln(|x| + √(x² + 1)) with the sign of x
pub(crate) fn asinh(x: f32) -> f32 {
    let wide = f64::from(x);
    if wide.abs() < SMALL {
        return (wide * horner(wide * wide, &[1.0, -1.0 / 6.0, 3.0 / 40.0, -15.0 / 336.0])) as f32;
    }
    let size = wide.abs();
    (ln(size + root(size * size + 1.0)) as f32).copysign(x)
}

/// ln(x + √(x² − 1))
pub(crate) fn acosh(x: f32) -> f32 {
    let x = f64::from(x);
    if x < 1.0 { f32::NAN } else { ln(x + root(x * x - 1.0)) as f32 }
}

/// ln((1 + x)/(1 − x))/2
pub(crate) fn atanh(x: f32) -> f32 {
    let x = f64::from(x);
    let y = if x.abs() < SMALL {
        x * horner(x * x, &[1.0, 1.0 / 3.0, 0.2, 1.0 / 7.0])
    } else if x.abs() > 1.0 {
        f64::NAN
    } else {
        ln((1.0 + x) / (1.0 - x)) / 2.0
    };
    y as f32
}

/// arctan x, reduced to |t| ≤ tan(π/8), where the error of the Taylor series is at most 2⁻³².
fn arctangent(x: f64) -> f64 {
    let size = x.abs();
    let (base, t) = if size > 1.0 { (FRAC_PI_2, -1.0 / size) } else { (0.0, size) };
    let (base, t) = if t.abs() > 0.414_213_562_373_095 {
        // arctan t = ±π/4 + arctan((t ∓ 1)/(1 ± t))
        let one = 1f64.copysign(t);
        (base + FRAC_PI_4.copysign(t), (t - one) / (1.0 + t.abs()))
    } else {
        (base, t)
    };
    let terms = [
        1.0,
        -1.0 / 3.0,
        0.2,
        -1.0 / 7.0,
        1.0 / 9.0,
        -1.0 / 11.0,
        1.0 / 13.0,
        -1.0 / 15.0,
        1.0 / 17.0,
        -1.0 / 19.0,
        1.0 / 21.0,
    ];
    (base + t * horner(t * t, &terms)).copysign(x)
}
