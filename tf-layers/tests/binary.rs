//! Operations on two numbers, with broadcasting.

mod common;

use common::{Rng, isas};
use tf_layers::{Binary, Isa};

#[test]
fn binary() {
    type Row = (Binary, fn(f64, f64) -> f64);
    let operations: &[Row] = &[
        (Binary::Add, |a, b| a + b),
        (Binary::AddRelu, |a, b| (a + b).max(0.0)),
        (Binary::Sub, |a, b| a - b),
        (Binary::Mul, |a, b| a * b),
        (Binary::Div, |a, b| a / b),
        (Binary::Max, f64::max),
        (Binary::Min, f64::min),
        (Binary::Pow, f64::powf),
        (Binary::PRelu, |a, b| if a < 0.0 { a * b } else { a }),
        (Binary::Mod, |a, b| a - (a / b).floor() * b),
        (Binary::Fmod, |a, b| a % b),
        (Binary::SquaredDifference, |a, b| (a - b) * (a - b)),
    ];
    let shapes: &[(&[usize], &[usize], &[usize])] = &[
        (&[], &[], &[]),
        (&[37], &[37], &[37]),
        (&[3, 17], &[17], &[3, 17]),
        (&[3, 17], &[], &[3, 17]),
        (&[1], &[5, 4], &[5, 4]),
        (&[2, 3, 4], &[2, 1, 4], &[2, 3, 4]),
        (&[2, 3, 4], &[3, 1], &[2, 3, 4]),
        (&[4, 1], &[1, 33], &[4, 33]),
        (&[2, 1, 3, 1], &[5, 1, 20], &[2, 5, 3, 20]),
        (&[0, 3], &[3], &[0, 3]),
        (&[2, 1, 1, 1, 1, 1, 1, 3], &[2, 3], &[2, 1, 1, 1, 1, 1, 2, 3]),
    ];
    let mut rng = Rng::new(5);
    for &(operation, exact) in operations {
        for &(a_shape, b_shape, out_shape) in shapes {
            let len = |shape: &[usize]| shape.iter().product::<usize>();
            let mut a = rng.vec(len(a_shape));
            let b = rng.vec(len(b_shape));
            if operation == Binary::Pow {
                a = a.iter().map(|a| a.abs()).collect();
            }
            let index = |i: usize, shape: &[usize]| {
                let (mut i, mut at, mut size) = (i, 0, 1);
                for back in 1..=out_shape.len() {
                    let dim = out_shape[out_shape.len() - back];
                    if back <= shape.len() {
                        let own = shape[shape.len() - back];
                        at += if own == 1 { 0 } else { i % dim * size };
                        size *= own;
                    }
                    i /= dim;
                }
                at
            };
            let expected: Vec<f64> = (0..len(out_shape))
                .map(|i| exact(f64::from(a[index(i, a_shape)]), f64::from(b[index(i, b_shape)])))
                .collect();
            for isa in isas() {
                let context = format!("{operation:?} {a_shape:?} {b_shape:?} {isa:?}");
                let mut out = vec![f32::NAN; expected.len()];
                operation.run(isa, &a, a_shape, &b, b_shape, &mut out).unwrap();
                common::assert_close(&out, &expected, 1e-6, &context);
                let in_place = operation.run_in_place(isa, &mut a.clone(), a_shape, &b, b_shape);
                assert_eq!(in_place.is_ok(), a_shape == out_shape, "{context}");
                if a_shape == out_shape {
                    let mut out = a.clone();
                    operation.run_in_place(isa, &mut out, a_shape, &b, b_shape).unwrap();
                    common::assert_close(&out, &expected, 1e-6, &context);
                }
            }
        }
    }
}

#[test]
fn binary_special_values() {
    let nan = f32::NAN;
    let cases = [
        (Binary::Max, nan, 1.0, nan),
        (Binary::Max, 1.0, nan, nan),
        (Binary::Min, nan, 1.0, nan),
        (Binary::Min, 1.0, nan, nan),
        (Binary::Pow, nan, 0.0, 1.0),
        (Binary::Pow, 1.0, nan, 1.0),
        (Binary::Pow, -2.0, 3.0, -8.0),
        (Binary::Pow, -2.0, -2.0, 0.25),
        (Binary::Pow, -2.0, 0.5, nan),
        (Binary::Pow, 0.0, -1.0, f32::INFINITY),
        (Binary::Pow, -0.0, -3.0, f32::NEG_INFINITY),
        (Binary::Pow, 0.0, 2.0, 0.0),
        (Binary::Pow, 2.0, 200.0, f32::INFINITY),
        (Binary::Pow, 2.0, f32::INFINITY, f32::INFINITY),
        (Binary::Pow, 0.5, f32::INFINITY, 0.0),
        (Binary::Pow, -1.0, f32::INFINITY, 1.0),
        (Binary::Pow, 7.174648e-43, 0.5, 8.470_329e-22),
        (Binary::Pow, 10.0, -3.0, 1e-3),
        (Binary::Mod, -7.0, 3.0, 2.0),
        (Binary::Mod, 7.0, -3.0, -2.0),
        (Binary::Fmod, -7.0, 3.0, -1.0),
        (Binary::Mod, 1.0, 0.0, nan),
    ];
    for (operation, a, b, expected) in cases {
        for isa in isas() {
            let mut out = [0.0];
            operation.run(isa, &[a], &[1], &[b], &[1], &mut out).unwrap();
            let same = out[0].to_bits() == expected.to_bits()
                || out[0].is_nan() && expected.is_nan()
                || (out[0] - expected).abs() <= 1e-7 * expected.abs();
            assert!(same, "{operation:?}({a}, {b}) = {} {isa:?}", out[0]);
        }
    }
}

#[test]
fn shapes_that_do_not_broadcast_are_errors() {
    let isa = Isa::detect();
    let x = [0.0; 12];
    let mut out = [0.0; 12];
    let add = Binary::Add;
    assert!(add.run(isa, &x[..3], &[3], &x[..4], &[4], &mut out).is_err());
    assert!(add.run(isa, &x[..3], &[3], &x[..3], &[3], &mut out[..2]).is_err());
    assert!(add.run(isa, &x[..3], &[4], &x[..4], &[4], &mut out[..4]).is_err());
    assert!(add.run(isa, &x[..1], &[1; 9], &x[..1], &[1], &mut out[..1]).is_err());
    assert!(add.run(isa, &[], &[0, usize::MAX], &x[..1], &[1], &mut []).is_ok());
    assert!(add.run(isa, &[], &[0, usize::MAX, 3], &x[..1], &[1], &mut []).is_err());
    assert!(add.run(isa, &[], &[0, 1], &[], &[usize::MAX, 0], &mut []).is_err());
}
