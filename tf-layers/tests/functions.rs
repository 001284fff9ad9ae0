//! Elementwise functions against `f64`, in units in the last place (ULP).

mod common;

use common::exact::{
    SELU, erf, gelu, gelu_tanh, mish, negative, sigmoid, softplus, squareplus, threshold, vanishing,
};
use common::{isas, on, view, view_mut};
use tf_layers::Isa;
use tf_layers::nn::Activation;
use tf_layers::ops::Unary;

/// A function with its reference and tolerance.
struct Case {
    name: &'static str,
    run: fn(Isa, &[f32], &mut [f32]),
    exact: fn(f64) -> f64,
    /// The maximum error, in ULP of the exact result.
    ulp: f64,
    monotone: bool,
}

macro_rules! case {
    ($function:expr, $exact:expr, $ulp:expr, $monotone:expr) => {
        Case {
            name: stringify!($function),
            run: |isa, x, y| {
                let (x, y) = (view(x, [x.len()]), view_mut(y, [x.len()]));
                on(isa, |cx| $function.run(cx, x, y)).unwrap();
            },
            exact: $exact,
            ulp: $ulp,
            monotone: $monotone,
        }
    };
}

const CASES: &[Case] = &[
    case!(Activation::Linear, |x| x, 0.0, true),
    case!(Activation::Relu, |x| x.max(0.0), 0.0, true),
    case!(Activation::LeakyRelu(0.25), |x| negative(x, x / 4.0), 0.5, true),
    case!(Activation::ThresholdedRelu(1.5), |x| if x > 1.5 { x } else { 0.0 }, 0.0, true),
    case!(Activation::Clip(0.0, 6.0), |x| x.clamp(0.0, 6.0), 0.0, true),
    case!(Activation::Elu(1.0), |x| negative(x, x.exp_m1()), 2.0, false),
    case!(Activation::Selu, |x| negative(x, SELU[0] * x.exp_m1()) * SELU[1], 3.0, false),
    case!(Activation::Celu(2.0), |x| negative(x, 2.0 * (x / 2.0).exp_m1()), 2.0, false),
    case!(Activation::Sigmoid, sigmoid, 2.0, true),
    case!(Activation::HardSigmoid(0.25, 0.5), |x| (x / 4.0 + 0.5).clamp(0.0, 1.0), 1.0, true),
    case!(Activation::Softplus, softplus, 2.5, false),
    case!(
        Activation::Softsign,
        |x| if x.is_infinite() { x.signum() } else { x / (1.0 + x.abs()) },
        1.5,
        false
    ),
    case!(Activation::Tanh, f64::tanh, 2.0, false),
    case!(Activation::Exp, f64::exp, 1.5, true),
    case!(Activation::Silu, |x| vanishing(x, x * sigmoid(x)), 3.0, false),
    case!(Activation::Gelu, gelu, 4.0, false),
    case!(Activation::Mish, mish, 4.0, false),
    case!(Activation::LogSigmoid, |x| -softplus(-x), 2.5, false),
    case!(
        Activation::ReluWith(6.0, 0.25, 0.5),
        |x| if x < 0.5 { -0.25 * (0.5 - x) } else { threshold(x, 0.5, 0.0).min(6.0) },
        1.5,
        false
    ),
    case!(Activation::ReluWith(f32::INFINITY, 0.0, 1.5), |x| threshold(x, 1.5, 0.0), 0.0, true),
    case!(Activation::Threshold(1.5, -2.0), |x| threshold(x, 1.5, -2.0), 0.0, true),
    case!(Activation::HardShrink(0.5), |x| if x.abs() > 0.5 { x } else { 0.0 }, 0.0, true),
    case!(
        Activation::SoftShrink(0.5),
        |x| if x.abs() > 0.5 { x - 0.5f64.copysign(x) } else { 0.0 },
        1.0,
        true
    ),
    case!(Activation::Squareplus(4.0), squareplus, 3.0, false),
    case!(
        Activation::SparsePlus,
        |x| if x > 1.0 { x } else { (x.max(-1.0) + 1.0).powi(2) / 4.0 },
        2.0,
        false
    ),
    case!(Unary::Neg, |x| -x, 0.0, false),
    case!(Unary::Abs, f64::abs, 0.0, false),
    case!(Unary::Sqrt, f64::sqrt, 0.5, true),
    case!(Unary::Square, |x| x * x, 0.5, false),
    case!(Unary::Reciprocal, |x| 1.0 / x, 0.5, false),
    case!(Unary::Exp, f64::exp, 2.0, false),
    case!(Unary::Expm1, f64::exp_m1, 2.0, false),
    case!(Unary::Log, f64::ln, 2.0, false),
    case!(Unary::Log1p, f64::ln_1p, 2.0, false),
    case!(Unary::Erf, erf, 2.0, false),
    case!(Unary::Floor, f64::floor, 0.0, true),
    case!(Unary::Ceil, f64::ceil, 0.0, true),
    case!(Unary::Round, f64::round_ties_even, 0.0, true),
    case!(Unary::Sin, f64::sin, 1.0, false),
    case!(Unary::Cos, f64::cos, 1.0, false),
    case!(Unary::Tan, f64::tan, 3.0, false),
    case!(Unary::Asin, f64::asin, 1.0, false),
    case!(Unary::Acos, f64::acos, 1.0, false),
    case!(Unary::Atan, f64::atan, 1.0, false),
    case!(Unary::Sinh, f64::sinh, 1.0, false),
    case!(Unary::Cosh, f64::cosh, 1.0, false),
    case!(Unary::Asinh, f64::asinh, 1.0, false),
    // The acosh of some systems returns numbers outside its domain.
    case!(Unary::Acosh, |x| if x < 1.0 { f64::NAN } else { x.acosh() }, 1.0, false),
    case!(Unary::Atanh, f64::atanh, 1.0, false),
];

/// The largest error over some arguments.
#[derive(Debug, Default)]
struct Worst {
    ulp: f64,
    at: f32,
    found: f32,
    steps_back: u64,
    back_at: f32,
    invalid: Option<f32>,
}

fn ulp(exact: f64) -> f64 {
    let exponent = ((exact.to_bits() >> 52 & 0x7ff) as i32 - 1023).clamp(-126, 127);
    2f64.powi(exponent - 23)
}

impl Worst {
    /// Records f(x) for ascending arguments.
    fn scan(&mut self, case: &Case, x: &[f32], y: &[f32], last: &mut f32) {
        for (&x, &y) in x.iter().zip(y) {
            let exact = (case.exact)(f64::from(x));
            let rounded = exact as f32;
            if exact.is_nan() != y.is_nan() || y.is_infinite() && y != rounded {
                // Infinity is correct if the exact result is within the tolerance of overflow.
                let near = y.is_infinite() && exact.abs() > f64::from(f32::MAX) * (1.0 - 2f64.powi(-22));
                if !near {
                    self.invalid.get_or_insert(x);
                }
                continue;
            }
            if y < *last {
                self.steps_back += 1;
                self.back_at = x;
            }
            *last = y;
            if rounded.is_finite() && y.is_finite() {
                let error = (f64::from(y) - exact).abs() / ulp(exact);
                if error > self.ulp {
                    (self.ulp, self.at, self.found) = (error, x, y);
                }
            } else if rounded.is_infinite() && y.is_finite() && y.abs() < f32::MAX * 0.999_999_7 {
                self.invalid.get_or_insert(x);
            }
        }
    }
}

/// Calls back with every `step`-th float in ascending order, in blocks.
fn sweep(isa: Isa, case: &Case, step: u32) -> Worst {
    let mut worst = Worst::default();
    let mut last = f32::NEG_INFINITY;
    let infinity = f32::INFINITY.to_bits();
    let mut block = Vec::new();
    let mut y = Vec::new();
    let mut flush = |block: &mut Vec<f32>, last: &mut f32| {
        y.resize(block.len(), 0.0);
        (case.run)(isa, block, &mut y);
        worst.scan(case, block, &y, last);
        block.clear();
    };
    let negative = (0..=infinity).rev().step_by(step as usize).map(|bits| -f32::from_bits(bits));
    let positive = (0..=infinity).rev().step_by(step as usize).map(|bits| f32::from_bits(infinity - bits));
    for x in negative.chain(positive).chain([f32::INFINITY]) {
        block.push(x);
        if block.len() == 4096 {
            flush(&mut block, &mut last);
        }
    }
    flush(&mut block, &mut last);
    worst
}

fn check(step: u32, isas: &[Isa], report: bool) {
    let filter = std::env::var("FUNCTION").unwrap_or_default();
    assert!(CASES.iter().any(|case| case.name.contains(&filter)), "no function's name has {filter:?} in it");
    let mut failed = false;
    for case in CASES.iter().filter(|case| case.name.contains(&filter)) {
        for &isa in isas {
            let worst = sweep(isa, case, step);
            let bad =
                worst.ulp > case.ulp || worst.invalid.is_some() || case.monotone && worst.steps_back > 0;
            failed |= bad;
            if bad || report {
                let exact = (case.exact)(f64::from(worst.at)) as f32;
                println!(
                    "{} {} exact {exact:e} {worst:?}{}",
                    case.name,
                    isa.name(),
                    if bad { " FAILED" } else { "" }
                );
            }
        }
    }
    assert!(!failed);
}

#[test]
fn a_sample_of_all_floats() {
    check(49_999, &isas(), false);
}

#[test]
#[ignore = "minutes for each function; run it in release, with FUNCTION=name for one alone"]
fn all_floats() {
    check(1, &isas(), true);
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    for isa in isas() {
        for case in CASES {
            let mut y = [0.0; 5];
            (case.run)(isa, &[f32::NAN, inf, -inf, 1e4, -1e4], &mut y);
            // Only values above the threshold pass, and NaN is not above it.
            let above = ["Threshold", "HardShrink", "SoftShrink"].iter().any(|name| case.name.contains(name));
            let of_nan = if above { (case.exact)(f64::NAN) as f32 } else { f32::NAN };
            assert!(y[0] == of_nan || y[0].is_nan() && of_nan.is_nan(), "{} of NaN is {}", case.name, y[0]);
            for (x, y) in [inf, -inf, 1e4, -1e4].into_iter().zip(&y[1..]) {
                let exact = (case.exact)(f64::from(x)) as f32;
                let same =
                    exact == *y || exact.is_nan() && y.is_nan() || (exact - y).abs() < 1e-6 * exact.abs();
                assert!(same, "{} {} of {x} is {y}, not {exact}", isa.name(), case.name);
            }
        }
        for (function, pairs) in [
            (Activation::HardSwish, [(-4.0, 0.0), (-inf, 0.0), (inf, inf), (3.0, 3.0), (1.0, 2.0 / 3.0)]),
            (
                Activation::GeluTanh,
                [(-inf, 0.0), (inf, inf), (1e4, 1e4), (-1e4, 0.0), (1.0, gelu_tanh(1.0) as f32)],
            ),
            (
                Activation::TanhShrink,
                [(-inf, -inf), (inf, inf), (0.0, 0.0), (1.0, 1.0 - 1f64.tanh() as f32), (-20.0, -19.0)],
            ),
            (Activation::Softsign, [(-inf, -1.0), (inf, 1.0), (1.0, 0.5), (0.0, 0.0), (3.0, 0.75)]),
        ] {
            for (x, expected) in pairs {
                let mut y = [x];
                on(isa, |cx| function.run_in_place(cx, view_mut(&mut y, [1]))).unwrap();
                assert!((y[0] - expected).abs() < 1e-6 || y[0] == expected, "{function:?}({x}) = {}", y[0]);
            }
        }
        let (x, mut y) = (view(&[-3.0, 0.0, 7.0, -0.0], [4]), [0.0; 4]);
        on(isa, |cx| Unary::Sign.run(cx, x, view_mut(&mut y, [4]))).unwrap();
        assert_eq!(y, [-1.0, 0.0, 1.0, 0.0]);
        assert!(on(isa, |cx| Unary::Sign.run(cx, view(&[1.0], [1]), view_mut(&mut y, [4]))).is_err());
        assert!(
            on(isa, |cx| Unary::Sign.run(cx, view(&[1.0; 4], [4, 1]), view_mut(&mut y, [1, 4]))).is_err()
        );
    }
}

#[test]
fn gelu_tanh_is_close() {
    for isa in isas() {
        let x: Vec<f32> = (-4000..4000).map(|i| i as f32 / 400.0).collect();
        let mut y = vec![0.0; x.len()];
        let (arguments, results) = (view(&x, [x.len()]), view_mut(&mut y, [x.len()]));
        on(isa, |cx| Activation::GeluTanh.run(cx, arguments, results)).unwrap();
        let expected: Vec<f64> = x.iter().map(|&x| gelu_tanh(f64::from(x))).collect();
        common::assert_close(&y, &expected, 1e-7, isa.name());
    }
}
