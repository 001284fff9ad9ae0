//! Reference implementations of functions in `f64`.

pub const SELU: [f64; 2] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5];

pub fn negative(x: f64, left: f64) -> f64 {
    if x < 0.0 { left } else { x }
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1 − erf(x) for x ≥ 0: the Taylor series near 0, a continued fraction in the tail.
pub fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let mut fraction = x;
    for n in (1..200).rev() {
        fraction = x + f64::from(n) / 2.0 / fraction;
    }
    (-x * x).exp() / (fraction * std::f64::consts::PI.sqrt())
}

pub fn erf(x: f64) -> f64 {
    if x.abs() < 0.1 {
        let s = x * x;
        return std::f64::consts::FRAC_2_SQRT_PI
            * x
            * (1.0 - s / 3.0 + s * s / 10.0 - s * s * s / 42.0 + s * s * s * s / 216.0 - s.powi(5) / 1320.0
                + s.powi(6) / 9360.0);
    }
    (1.0 - erfc(x.abs())).copysign(x)
}

/// f(x), or the limit 0 at −∞.
pub fn vanishing(x: f64, y: f64) -> f64 {
    if x == f64::NEG_INFINITY { 0.0 } else { y }
}

pub fn gelu(x: f64) -> f64 {
    let tail = erfc(x.abs() / std::f64::consts::SQRT_2) / 2.0;
    vanishing(x, x * if x < 0.0 { tail } else { 1.0 - tail })
}

pub fn gelu_tanh(x: f64) -> f64 {
    x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
}

pub fn mish(x: f64) -> f64 {
    let e = x.min(40.0).exp();
    let n = e * (e + 2.0);
    vanishing(x, x * (n / (n + 2.0)))
}

pub fn threshold(x: f64, theta: f64, value: f64) -> f64 {
    if x > theta { x } else { value }
}

/// (x + √(x² + 4))/2 without the cancellation.
pub fn squareplus(x: f64) -> f64 {
    let sum = x.abs() + (x * x + 4.0).sqrt();
    if x < 0.0 { 2.0 / sum } else { sum / 2.0 }
}
