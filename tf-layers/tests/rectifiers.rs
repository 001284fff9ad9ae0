//! `LeakyRelu` and `PRelu` as the last step of a kernel: bit for bit what a pass over its linear results computes.

mod common;

use common::{Rng, isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::nn::{
    Activation, Conv2d, Conv3d, ConvTranspose, Dense, DepthwiseConv2d, EmbeddingConv1d, ScaleShift,
    WinogradConv2d,
};
use tf_layers::prelude::*;

/// Runs `layer` on every instruction set with each rectifier, onto zeros and, if it `accumulates`, onto other numbers.
fn check<const R: usize>(
    name: &str,
    to: [usize; R],
    accumulates: bool,
    layer: impl Fn(Activation<'_>, &mut Context<'_>, ViewMut<'_, f32, R>) -> tf_layers::Result<()>,
) {
    let (mut rng, len, channels) = (Rng::new(3), to.iter().product(), to[R - 1]);
    let slopes = rng.vec(channels);
    for isa in isas() {
        for onto in [None, accumulates.then(|| rng.vec(len))] {
            let run = |activation| {
                let mut y = onto.clone().unwrap_or(vec![f32::NAN; len]);
                let to = view_mut(&mut y, to);
                let to = if onto.is_some() { to.accumulate() } else { to };
                on(isa, |cx| layer(activation, cx, to)).unwrap();
                y
            };
            let linear = run(Activation::Linear);
            assert!(linear.iter().any(|&y| y < 0.0), "{name}");
            let leaky = |slope: &dyn Fn(usize) -> f32| -> Vec<f32> {
                linear
                    .iter()
                    .enumerate()
                    .map(|(i, &y)| if y < 0.0 { y * slope(i % channels) } else { y })
                    .collect()
            };
            assert_eq!(run(Activation::LeakyRelu(0.3)), leaky(&|_| 0.3), "{name} {isa:?}");
            assert_eq!(run(Activation::PRelu(&slopes)), leaky(&|channel| slopes[channel]), "{name} {isa:?}");
        }
    }
    let mut y = vec![0.0; len];
    let error = on(isas()[0], |cx| layer(Activation::PRelu(&slopes[1..]), cx, view_mut(&mut y, to)));
    assert!(error.unwrap_err().to_string().contains("slopes"), "{name}");
}

#[test]
fn rectifiers() {
    let mut rng = Rng::new(5);
    for n in [1, 5, 16, 23, 70] {
        let (x, w, b) = (rng.vec(2 * 9 * 11 * 4), rng.vec(36 * n), rng.vec(n));
        let bias = Some(&b[..]);
        let dense = packed(&w[..4 * n], 1, 4, n);
        check(&format!("Dense {n}"), [99, n], true, |activation, cx, y| {
            let kernel = Matrix::new(&dense, 1, 4, n)?;
            Dense { kernel, bias, activation }.run(cx, view(&x[..396], [99, 4]), y).map(|_| ())
        });
        let conv = packed(&w, 1, 36, n);
        check(&format!("Conv2d {n}"), [2, 9, 11, n], true, |activation, cx, y| {
            let kernel = Matrix::new(&conv, 1, 36, n)?;
            let layer = Conv2d { bias, activation, padding: [[1, 1]; 2], ..Conv2d::new(kernel, [3, 3], 4) };
            layer.run(cx, view(&x, [2, 9, 11, 4]), y).map(|_| ())
        });
        let grouped = packed(&w, 2, 18, n);
        check(&format!("Conv2d in two groups {n}"), [2, 7, 9, 2 * n], true, |activation, cx, y| {
            let kernel = Matrix::new(&grouped, 2, 18, n)?;
            let layer = Conv2d { activation, ..Conv2d::new(kernel, [3, 3], 4) };
            layer.run(cx, view(&x, [2, 9, 11, 4]), y).map(|_| ())
        });
        check(&format!("Conv3d {n}"), [1, 4, 8, 10, n], false, |activation, cx, y| {
            let data = packed(&w[..16 * n], 2, 8, n);
            let kernel = Matrix::new(&data, 2, 8, n)?;
            let padding = [[2, 1], [0, 0], [0, 0]];
            let layer = Conv3d { bias, activation, padding, ..Conv3d::new(kernel, [2, 2, 2], 2) };
            layer.run(cx, view(&x[..2 * 9 * 11 * 2], [1, 2, 9, 11, 2]), y).map(|_| ())
        });
        check(&format!("ConvTranspose {n}"), [1, 1, 2, 4, n], false, |activation, cx, y| {
            let data = packed(&w[..8 * n], 1, 2, 4 * n);
            let kernel = Matrix::new(&data, 1, 2, 4 * n)?;
            let stride = [1, 2, 2];
            let layer =
                ConvTranspose { bias, activation, stride, ..ConvTranspose::new(kernel, [1, 2, 2], 2) };
            layer.run(cx, view(&x[..4], [1, 1, 1, 2, 2]), y).map(|_| ())
        });
        check(&format!("ScaleShift {n}"), [7, n], false, |activation, cx, y| {
            let layer = ScaleShift { activation, ..ScaleShift::new(&w[..n], &b) };
            layer.run(cx, view(&x[..7 * n], [7, n]), y).map(|_| ())
        });
        let table = view(&w[..36 * n], [12, 3, n]);
        check(&format!("EmbeddingConv1d {n}"), [1, 4, n], false, |activation, cx, y| {
            let layer = EmbeddingConv1d { bias, activation, ..EmbeddingConv1d::new(table) };
            layer.run(cx, view(&[0i64, 5, 11, 7, 3, 2], [1, 6]), y).map(|_| ())
        });
    }
}

#[test]
fn depthwise_rectifiers() {
    let mut rng = Rng::new(6);
    for (channels, multiplier) in [(1, 1), (5, 1), (16, 1), (40, 1), (70, 1), (3, 2)] {
        let n = channels * multiplier;
        let (x, w, b) = (rng.vec(9 * 11 * channels), rng.vec(9 * n), rng.vec(n));
        check(
            &format!("DepthwiseConv2d {channels}·{multiplier}"),
            [1, 9, 11, n],
            false,
            |activation, cx, y| {
                let layer = DepthwiseConv2d {
                    bias: Some(&b),
                    activation,
                    multiplier,
                    padding: [[1, 1]; 2],
                    ..DepthwiseConv2d::new(&w, [3, 3], channels)
                };
                layer.run(cx, view(&x, [1, 9, 11, channels]), y).map(|_| ())
            },
        );
    }
}

#[test]
fn winograd_rectifiers() {
    let mut rng = Rng::new(7);
    for n in [5, 16, 33] {
        let (x, w, b) = (rng.vec(9 * 11 * 4), rng.vec(72 * n), rng.vec(n));
        let data = packed(&w, 6, 12, n);
        let kernel = Matrix::new(&data, 6, 12, n).unwrap();
        check(&format!("WinogradConv2d {n}"), [1, 9, 11, n], true, |activation, cx, y| {
            let new = WinogradConv2d::new(kernel, [3, 3], 4);
            let layer = WinogradConv2d { bias: Some(&b), activation, padding: [[1, 1]; 2], ..new };
            layer.run(cx, view(&x, [1, 9, 11, 4]), y).map(|_| ())
        });
    }
}
