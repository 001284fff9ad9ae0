//! Binary operations, with broadcasting.

mod common;

use common::{Rng, isas, on, view, view_mut};
use tf_layers::Isa;
use tf_layers::ops::Binary;

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
    let mut rng = Rng::new(5);
    for &(operation, exact) in operations {
        let rng = &mut rng;
        check(operation, exact, [], [], [], rng);
        check(operation, exact, [37], [37], [37], rng);
        check(operation, exact, [3, 17], [17], [3, 17], rng);
        check(operation, exact, [3, 17], [], [3, 17], rng);
        check(operation, exact, [1], [5, 4], [5, 4], rng);
        check(operation, exact, [2, 3, 4], [2, 1, 4], [2, 3, 4], rng);
        check(operation, exact, [2, 3, 4], [3, 1], [2, 3, 4], rng);
        check(operation, exact, [4, 1], [1, 33], [4, 33], rng);
        check(operation, exact, [2, 1, 3, 1], [5, 1, 20], [2, 5, 3, 20], rng);
        check(operation, exact, [0, 3], [3], [0, 3], rng);
        check(operation, exact, [2, 1, 1, 1, 1, 1, 1, 3], [2, 3], [2, 1, 1, 1, 1, 1, 2, 3], rng);
    }
}

/// Checks an operation on random tensors of these dims, which broadcast to `y_dims`.
fn check<const A: usize, const B: usize, const R: usize>(
    operation: Binary,
    exact: fn(f64, f64) -> f64,
    a_dims: [usize; A],
    b_dims: [usize; B],
    y_dims: [usize; R],
    rng: &mut Rng,
) {
    let len = |dims: &[usize]| dims.iter().product::<usize>();
    let mut a = rng.vec(len(&a_dims));
    let b = rng.vec(len(&b_dims));
    if operation == Binary::Pow {
        a = a.iter().map(|a| a.abs()).collect();
    }
    let index = |i: usize, dims: &[usize]| {
        let (mut i, mut at, mut size) = (i, 0, 1);
        for back in 1..=y_dims.len() {
            let dim = y_dims[y_dims.len() - back];
            if back <= dims.len() {
                let own = dims[dims.len() - back];
                at += if own == 1 { 0 } else { i % dim * size };
                size *= own;
            }
            i /= dim;
        }
        at
    };
    let expected: Vec<f64> = (0..len(&y_dims))
        .map(|i| exact(f64::from(a[index(i, &a_dims)]), f64::from(b[index(i, &b_dims)])))
        .collect();
    for isa in isas() {
        let context = format!("{operation:?} {a_dims:?} {b_dims:?} {isa:?}");
        let mut y = vec![f32::NAN; expected.len()];
        let (left, right) = (view(&a, a_dims), view(&b, b_dims));
        on(isa, |cx| operation.run(cx, left, right, view_mut(&mut y, y_dims))).unwrap();
        common::assert_close(&y, &expected, 1e-6, &context);
        let mut y = a.clone();
        let in_place = on(isa, |cx| operation.run_in_place(cx, right, view_mut(&mut y, a_dims)));
        assert_eq!(in_place.is_ok(), a_dims[..] == y_dims, "{context}");
        if in_place.is_ok() {
            common::assert_close(&y, &expected, 1e-6, &context);
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
            let mut y = [0.0];
            on(isa, |cx| operation.run(cx, view(&[a], [1]), view(&[b], [1]), view_mut(&mut y, [1]))).unwrap();
            let same = y[0].to_bits() == expected.to_bits()
                || y[0].is_nan() && expected.is_nan()
                || (y[0] - expected).abs() <= 1e-7 * expected.abs();
            assert!(same, "{operation:?}({a}, {b}) = {} {isa:?}", y[0]);
        }
    }
}

/// Whether the sum of tensors of these dims can be written to a tensor of `y_dims`.
fn fits<const A: usize, const B: usize, const R: usize>(
    a_dims: [usize; A],
    b_dims: [usize; B],
    y_dims: [usize; R],
) -> bool {
    let mut data = [0.0; 12];
    let x = [0.0; 12];
    let len = |dims: &[usize]| dims.iter().fold(1usize, |len, dim| len.wrapping_mul(*dim));
    let (a, b) = (view(&x[..len(&a_dims)], a_dims), view(&x[..len(&b_dims)], b_dims));
    let y = view_mut(&mut data[..len(&y_dims)], y_dims);
    on(Isa::detect(), |cx| Binary::Add.run(cx, a, b, y)).is_ok()
}

#[test]
fn shapes_that_do_not_broadcast_are_errors() {
    assert!(fits([3], [3], [3]));
    assert!(!fits([3], [4], [12]));
    assert!(!fits([3], [4], [4]));
    assert!(!fits([3], [3], [2]));
    assert!(!fits([3], [3], [3, 1]));
    assert!(!fits([1; 9], [1], [1; 9]));
    assert!(fits([0, usize::MAX], [1], [0, usize::MAX]));
    assert!(!fits([0, 1], [usize::MAX, 0], [0, 0]));
    assert!(fits([0, 1, 1], [usize::MAX, 0], [0, usize::MAX, 0]));
}

/// Every operand is valid, but the shape they broadcast to overflows.
#[test]
fn broadcasts_that_overflow_are_errors() {
    assert!(!fits([usize::MAX, 1, 0], [3, 1], [usize::MAX, 1, 0]));
    assert!(!fits([usize::MAX, 1, 0], [3, 1], [0]));
}

#[test]
fn gaps_between_rows_and_accumulation_are_errors() {
    let x = [0.0; 4];
    let mut wide = [0.0; 6];
    let mut wide = view_mut(&mut wide, [2, 3]);
    let y = wide.slice_columns(0..2).unwrap();
    assert!(on(Isa::detect(), |cx| Binary::Add.run(cx, view(&x, [2, 2]), view(&x, [2, 2]), y)).is_err());
    let mut sum = [0.0; 4];
    let y = view_mut(&mut sum, [2, 2]).accumulate();
    assert!(on(Isa::detect(), |cx| Binary::Add.run_in_place(cx, view(&x, [2, 2]), y)).is_err());
}
