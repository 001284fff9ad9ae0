//! Layers that run on several threads give the results of one thread.
#![cfg(feature = "rayon")]

mod common;

use common::{Rng, assert_close, isas, view, view_mut};
use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tf_layers::Context;
use tf_layers::gemm::Matrix;
use tf_layers::nn::{Activation, Conv2d, ConvTranspose, Dense, DepthwiseConv2d, WinogradConv2d};
use tf_layers::ops::MatMul;
use tf_layers::tensor::Buffer;

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Compares `layer` on several threads with one thread.
fn check(name: &str, len: usize, layer: impl Fn(&mut Context<'_>, &mut [f32]) + Sync) {
    let before = Rng::new(9).vec(len);
    let run = |isa, pool: &ThreadPool| {
        let (mut y, mut scratch) = (before.clone(), Buffer::default());
        pool.install(|| layer(&mut Context::new(isa, &mut scratch), &mut y));
        let bytes = scratch.capacity_bytes();
        pool.install(|| layer(&mut Context::new(isa, &mut scratch), &mut before.clone()));
        assert_eq!(scratch.capacity_bytes(), bytes, "{name} allocates again");
        y
    };
    for isa in isas() {
        let expected: Vec<f64> = run(isa, &pool(1)).into_iter().map(f64::from).collect();
        for threads in [2, 3, 7] {
            let found = run(isa, &pool(threads));
            assert_close(&found, &expected, 2e-6, &format!("{name} on {threads} threads, {}", isa.name()));
        }
    }
}

#[test]
fn products() {
    let mut rng = Rng::new(1);
    for (rows, k, n) in [
        (49, 512, 300_usize),
        (1000, 100, 70),
        (31, 2048, 130),
        (7, 700, 1000),
        (5000, 30, 50),
        (1, 3000, 1001),
    ] {
        // As in trained networks, so that sums do not grow.
        let x: Vec<f32> = rng.vec(rows * k).into_iter().map(|x| x / (k as f32).sqrt()).collect();
        let (w, bias) = (rng.vec(n.div_ceil(16) * 16 * k), rng.vec(n));
        for activation in [Activation::Relu, Activation::Tanh] {
            let kernel = Matrix::new(&w, 1, k, n).unwrap();
            let layer = Dense { kernel, bias: Some(&bias), activation };
            let name = format!("Dense {rows} {k} {n}");
            let (x, to) = (view(&x, [rows, k]), [rows, n]);
            check(&name, rows * n, |cx, y| {
                layer.run(cx, x, view_mut(y, to)).unwrap();
            });
            check(&name, rows * n, |cx, y| {
                layer.run(cx, x, view_mut(y, to).accumulate()).unwrap();
            });
            check(&name, rows * (n + 9), |cx, y| {
                let mut wide = view_mut(y, [rows, n + 9]);
                layer.run(cx, x, wide.slice_columns(4..4 + n).unwrap()).unwrap();
            });
        }
        let b = rng.vec(2 * k * n);
        let layer = MatMul { transposed: false };
        check(&format!("MatMul {rows} {k} {n}"), 2 * rows * n, |cx, y| {
            layer.run(cx, view(&x, [rows, k]), view(&b, [2, k, n]), view_mut(y, [2, rows, n])).unwrap();
        });
    }
}

#[test]
fn convolutions() {
    let mut rng = Rng::new(2);
    for (batch, size, [cin, cout], kernel, stride, groups) in [
        (1, [28, 30], [64, 64_usize], 3, 1, 1),
        (2, [57, 41], [3, 40], 7, 2, 1),
        (1, [40, 40], [64, 70], 1, 1, 1),
        (1, [41, 40], [64, 70], 1, 2, 1),
        (3, [30, 30], [64, 48], 3, 1, 4),
        (1, [1, 3001], [20, 40], 1, 1, 1),
    ] {
        let (k, n) = (kernel * kernel * cin / groups, cout / groups);
        let (x, w) = (rng.vec(batch * size[0] * size[1] * cin), rng.vec(groups * n.div_ceil(16) * 16 * k));
        let bias = rng.vec(cout);
        let layer = Conv2d {
            kernel: Matrix::new(&w, groups, k, n).unwrap(),
            bias: Some(&bias),
            activation: Activation::Relu,
            kernel_size: [kernel; 2],
            stride: [stride; 2],
            dilation: [1, 1],
            groups,
            in_channels: cin,
            padding: [[kernel / 2; 2]; 2],
        };
        let [h, w] = layer.output_size(size).unwrap();
        let name = format!("{batch} {size:?} {cin} {cout} {kernel}");
        let len = batch * h * w * cout;
        let (x, to) = (view(&x, [batch, size[0], size[1], cin]), [batch, h, w, cout]);
        check(&name, len, |cx, y| {
            layer.run(cx, x, view_mut(y, to)).unwrap();
        });
        check(&name, len, |cx, y| {
            layer.run(cx, x, view_mut(y, to).accumulate()).unwrap();
        });
    }
}

#[test]
fn winograd() {
    let mut rng = Rng::new(3);
    for (batch, size, [cin, cout], [kh, kw]) in [
        (1, [28, 30], [64, 64_usize], [3, 3]),
        (3, [13, 9], [128, 72], [3, 2]),
        (2, [7, 7], [256, 256], [3, 3]),
        (1, [1, 1501], [64, 96], [1, 5]),
        (5, [1, 100], [64, 96], [1, 3]),
        (1, [3, 700], [100, 64], [3, 4]),
    ] {
        let tile = if kw > 3 { 8 } else { 6 };
        let (x, w) =
            (rng.vec(batch * size[0] * size[1] * cin), rng.vec(tile * cout.div_ceil(16) * 16 * kh * cin));
        let bias = rng.vec(cout);
        let layer = WinogradConv2d {
            kernel: Matrix::new(&w, tile, kh * cin, cout).unwrap(),
            bias: Some(&bias),
            activation: Activation::Relu,
            kernel_size: [kh, kw],
            in_channels: cin,
            padding: [[(kh - 1) / 2, kh / 2], [(kw - 1) / 2, kw / 2]],
        };
        let name = format!("Winograd {batch} {size:?} {cin} {cout} {kh} {kw}");
        let len = batch * size[0] * size[1] * cout;
        let (from, to) = ([batch, size[0], size[1], cin], [batch, size[0], size[1], cout]);
        let x = view(&x, from);
        check(&name, len, |cx, y| {
            layer.run(cx, x, view_mut(y, to)).unwrap();
        });
        check(&name, len, |cx, y| {
            layer.run(cx, x, view_mut(y, to).accumulate()).unwrap();
        });
        let of = cout + 5;
        check(&name, len / cout * of, |cx, y| {
            let mut wide = view_mut(y, [batch, size[0], size[1], of]);
            layer.run(cx, x, wide.slice_columns(3..3 + cout).unwrap()).unwrap();
        });
    }
}

#[test]
fn other_convolutions() {
    let mut rng = Rng::new(4);
    for (batch, size, channels, stride, multiplier) in
        [(1, [56, 57], 70, 1, 1), (3, [29, 28], 96, 2, 1), (2, [30, 30], 48, 1, 2)]
    {
        let outputs = channels * multiplier;
        let (x, kernel, bias) =
            (rng.vec(batch * size[0] * size[1] * channels), rng.vec(9 * outputs), rng.vec(outputs));
        let layer = DepthwiseConv2d {
            kernel: &kernel,
            bias: Some(&bias),
            activation: Activation::Relu,
            kernel_size: [3, 3],
            stride: [stride; 2],
            dilation: [1, 1],
            channels,
            multiplier,
            padding: [[1, 1], [1, 1]],
        };
        let [h, w] = layer.output_size(size).unwrap();
        let name = format!("depthwise {batch} {size:?} {channels}");
        check(&name, batch * h * w * outputs, |cx, y| {
            let x = view(&x, [batch, size[0], size[1], channels]);
            layer.run(cx, x, view_mut(y, [batch, h, w, outputs])).unwrap();
        });
    }
    let [cin, cout] = [128, 48];
    let (x, w) = (rng.vec(30 * 31 * cin), rng.vec(9 * cout * cin));
    let layer = ConvTranspose {
        kernel: Matrix::new(&w, 1, cin, 9 * cout).unwrap(),
        bias: None,
        activation: Activation::Linear,
        kernel_size: [1, 3, 3],
        stride: [1, 2, 2],
        dilation: [1, 1, 1],
        groups: 1,
        in_channels: cin,
        padding: [0, 0, 0],
    };
    check("transposed", 61 * 63 * cout, |cx, y| {
        layer.run(cx, view(&x, [1, 30, 31, cin]), view_mut(y, [1, 61, 63, cout])).unwrap();
    });
}
