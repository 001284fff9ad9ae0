//! Reductions, softmax and normalization against `f64`.

mod common;

use std::ops::Range;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::Isa;
use tf_layers::nn::{Activation, GroupNorm, LayerNorm};
use tf_layers::ops::{Reduce, log_softmax, softmax};

const DIMS: [[usize; 3]; 12] = [
    [1, 1, 1],
    [3, 5, 1],
    [2, 16, 1],
    [2, 17, 1],
    [1, 1000, 1],
    [2, 300, 1],
    [2, 3, 5],
    [3, 4, 16],
    [1, 9, 33],
    [2, 200, 7],
    [0, 3, 4],
    [2, 3, 0],
];

/// Calls `f` with the elements along the axis, for every position in `[outer, inner]`.
fn lines(dims: [usize; 3], x: &[f32], mut f: impl FnMut(usize, Vec<f64>)) {
    let [outer, axis, inner] = dims;
    for o in 0..outer {
        for i in 0..inner {
            f(o * inner + i, (0..axis).map(|a| f64::from(x[(o * axis + a) * inner + i])).collect());
        }
    }
}

fn spread(dims: [usize; 3], x: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let [_, axis, inner] = dims;
    let mut y = vec![0.0; x.len()];
    lines(dims, x, |at, line| {
        for (a, value) in f(&line).into_iter().enumerate() {
            y[(at / inner * axis + a) * inner + at % inner] = value;
        }
    });
    y
}

#[test]
fn reduce() {
    type Row = (Reduce, fn(&[f64]) -> f64);
    let kinds: &[Row] = &[
        (Reduce::Sum, |x| x.iter().sum()),
        (Reduce::Mean, |x| x.iter().sum::<f64>() / x.len() as f64),
        (Reduce::Prod, |x| x.iter().product()),
        (Reduce::Max, |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        (Reduce::Min, |x| x.iter().copied().fold(f64::INFINITY, f64::min)),
        (Reduce::L1, |x| x.iter().map(|x| x.abs()).sum()),
        (Reduce::L2, |x| x.iter().map(|x| x * x).sum::<f64>().sqrt()),
        (Reduce::SumSquare, |x| x.iter().map(|x| x * x).sum()),
    ];
    let mut rng = Rng::new(8);
    for dims in DIMS {
        let x = rng.vec(dims.iter().product());
        for &(kind, exact) in kinds {
            let mut expected = vec![0.0; dims[0] * dims[2]];
            lines(dims, &x, |at, line| expected[at] = exact(&line));
            for isa in isas() {
                let (x, mut y) = (view(&x, dims), vec![f32::NAN; expected.len()]);
                on(isa, |cx| kind.run(cx, 1..2, x, view_mut(&mut y, [dims[0], dims[2]]))).unwrap();
                assert_close(&y, &expected, 2e-6, &format!("{kind:?} {dims:?} {isa:?}"));
                on(isa, |cx| kind.run(cx, 1..2, x, view_mut(&mut y, [dims[0], 1, dims[2]]))).unwrap();
                assert_close(&y, &expected, 2e-6, &format!("{kind:?} {dims:?} {isa:?}"));
            }
        }
    }
}

/// Whether a tensor of these dims can be reduced over `axes`.
fn reduces<const A: usize, const R: usize>(axes: Range<usize>, x: [usize; A], y: [usize; R]) -> bool {
    let len = |dims: &[usize]| dims.iter().product();
    let (data, mut sums) = (vec![1.0; len(&x)], vec![0.0; len(&y)]);
    on(Isa::detect(), |cx| Reduce::Sum.run(cx, axes, view(&data, x), view_mut(&mut sums, y))).is_ok()
}

#[test]
fn reduced_axes_are_removed_or_kept_as_1() {
    assert!(reduces(1..3, [2, 3, 4, 5], [2, 5]));
    assert!(reduces(1..3, [2, 3, 4, 5], [2, 1, 1, 5]));
    assert!(reduces(0..2, [3, 4], []));
    assert!(reduces(0..2, [3, 4], [1, 1]));
    assert!(!reduces(1..3, [2, 3, 4, 5], [5, 2]));
    assert!(!reduces(1..3, [2, 3, 4, 5], [2, 1, 5]));
    assert!(!reduces(1..3, [2, 3, 4, 5], [1, 2, 1, 5]));
    assert!(!reduces(0..2, [3, 4], [1]));
    assert!(!reduces(0..3, [3, 4], []));
    assert!(!reduces(2..2, [3, 4], [3, 4]));
    assert!(!reduces(usize::MAX..usize::MAX, [3, 4], [3, 4]));
    assert!(!reduces(1..usize::MAX, [3, 4], [3]));
}

#[test]
fn reduce_special_values() {
    for isa in isas() {
        for position in 0..40 {
            let mut x = [1.0; 40];
            x[position] = f32::NAN;
            for (kind, dims) in
                [(Reduce::Max, [1, 40, 1]), (Reduce::Min, [1, 40, 1]), (Reduce::Max, [1, 20, 2])]
            {
                let mut y = [0.0; 2];
                let y_dims = [1, dims[2]];
                on(isa, |cx| kind.run(cx, 1..2, view(&x, dims), view_mut(&mut y[..dims[2]], y_dims)))
                    .unwrap();
                assert!(y[position % dims[2]].is_nan());
            }
        }
        for (kind, expected) in [(Reduce::Sum, 0.0), (Reduce::Prod, 1.0), (Reduce::Max, f32::NEG_INFINITY)] {
            let mut y = [5.0; 2];
            on(isa, |cx| kind.run(cx, 1..2, view(&[], [2, 0]), view_mut(&mut y, [2]))).unwrap();
            assert_eq!(y, [expected; 2]);
        }
        // A million equal numbers: the error of a simple sum in f32 would be 4 %.
        let (x, mut y) = (vec![0.1; 1 << 20], [0.0]);
        on(isa, |cx| Reduce::Sum.run(cx, 0..1, view(&x, [1 << 20]), view_mut(&mut y, []))).unwrap();
        assert!((y[0] - 104_857.6).abs() < 1.0, "{}", y[0]);
    }
}

#[test]
fn softmax_and_its_logarithm() {
    let mut rng = Rng::new(9);
    for dims in DIMS {
        for scale in [1.0, 100.0, 1e4] {
            let x: Vec<f32> = rng.vec(dims.iter().product()).iter().map(|x| x * scale).collect();
            let log = |line: &[f64]| {
                let max = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum = line.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
                line.iter().map(|x| x - max - sum).collect::<Vec<_>>()
            };
            let expected_log = spread(dims, &x, log);
            let expected = spread(dims, &x, |line| log(line).iter().map(|x| x.exp()).collect());
            for isa in isas() {
                let mut y = vec![f32::NAN; x.len()];
                on(isa, |cx| softmax(cx, 1, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                assert_close(&y, &expected, 1e-6, &format!("{dims:?} {isa:?}"));
                on(isa, |cx| log_softmax(cx, 1, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                assert_close(&y, &expected_log, 1e-6, &format!("log {dims:?} {isa:?}"));
                assert!(on(isa, |cx| softmax(cx, 3, view(&x, dims), view_mut(&mut y, dims))).is_err());
                let flat = [x.len(), 1, 1];
                let differ = on(isa, |cx| softmax(cx, 1, view(&x, dims), view_mut(&mut y, flat))).is_err();
                assert_eq!(differ, dims != flat);
            }
        }
    }
}

#[test]
fn layer_norm() {
    let mut rng = Rng::new(10);
    for dims in DIMS {
        for offset in [0.0, 100.0, 1e4, 1e6] {
            let x: Vec<f32> = rng.vec(dims.iter().product()).iter().map(|x| x + offset).collect();
            let (gamma, beta) = (rng.vec(dims[1]), rng.vec(dims[1]));
            for affine in [false, true] {
                let expected = spread(dims, &x, |line| {
                    let mean = line.iter().sum::<f64>() / line.len() as f64;
                    let variance = line.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / line.len() as f64;
                    let scale = 1.0 / (variance + 1e-3).sqrt();
                    let mut y: Vec<f64> = line.iter().map(|x| (x - mean) * scale).collect();
                    if affine {
                        for (i, y) in y.iter_mut().enumerate() {
                            *y = *y * f64::from(gamma[i]) + f64::from(beta[i]);
                        }
                    }
                    y
                });
                let layer = LayerNorm {
                    axis: 1,
                    span: 1,
                    gamma: affine.then_some(&gamma[..]),
                    beta: affine.then_some(&beta[..]),
                    epsilon: 1e-3,
                    activation: Activation::Linear,
                };
                for isa in isas() {
                    let mut y = vec![f32::NAN; x.len()];
                    on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                    assert_close(&y, &expected, 2e-6, &format!("{dims:?} {offset} {isa:?}"));
                    // Normalizing over two axes is the same as over one axis of their size.
                    let (both, split) = (LayerNorm { span: 2, ..layer }, [dims[0], 1, dims[1], dims[2]]);
                    let mut again = vec![f32::NAN; x.len()];
                    on(isa, |cx| both.run(cx, view(&x, split), view_mut(&mut again, split))).unwrap();
                    assert_eq!(again, y);
                    for (axis, span) in [(3, 1), (1, 3), (1, 0), (usize::MAX, 2)] {
                        let wrong = LayerNorm { axis, span, ..layer };
                        let result = on(isa, |cx| wrong.run(cx, view(&x, dims), view_mut(&mut y, dims)));
                        assert!(result.is_err(), "{axis} {span}");
                    }
                }
            }
        }
    }
}

#[test]
fn group_norm() {
    let mut rng = Rng::new(11);
    for [batch, positions, channels, groups] in
        [[2, 5, 6, 3], [1, 300, 32, 32], [2, 9, 20, 1], [1, 1, 17, 17], [3, 200, 3, 3], [0, 3, 4, 2]]
    {
        let dims = [batch, positions, channels];
        let width = channels / groups;
        for offset in [0.0, 1e4, 1e6] {
            let x: Vec<f32> = rng.vec(dims.iter().product()).iter().map(|x| x + offset).collect();
            let (gamma, beta) = (rng.vec(channels), rng.vec(channels));
            let mut expected = vec![0.0; x.len()];
            for sample in 0..batch {
                for group in 0..groups {
                    let at =
                        |i: usize| (sample * positions + i / width) * channels + group * width + i % width;
                    let count = positions * width;
                    let line: Vec<f64> = (0..count).map(|i| f64::from(x[at(i)])).collect();
                    let mean = line.iter().sum::<f64>() / count as f64;
                    let variance = line.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
                    for (i, x) in line.iter().enumerate() {
                        let channel = at(i) % channels;
                        expected[at(i)] = (x - mean) / (variance + 1e-3).sqrt() * f64::from(gamma[channel])
                            + f64::from(beta[channel]);
                    }
                }
            }
            let layer = GroupNorm { gamma: Some(&gamma), beta: Some(&beta), groups, epsilon: 1e-3 };
            for isa in isas() {
                let mut y = vec![f32::NAN; x.len()];
                on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                assert_close(&y, &expected, 2e-6, &format!("{dims:?} {groups} {offset} {isa:?}"));
            }
        }
    }
}
