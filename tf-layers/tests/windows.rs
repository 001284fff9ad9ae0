//! Convolutions and pooling on every instruction set against `f64`.

mod common;

use common::window::{CASES, Case, PLAIN};
use common::{Rng, activate, activate_onto, assert_close, beside, isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::io::{Blob, Entry, Npz, NpzWriter, pack};
use tf_layers::nn::{Activation, Conv1d, Conv2d, DepthwiseConv2d, Pool1d, Pool2d, PoolKind, WinogradConv2d};

#[test]
fn convolution() {
    let mut rng = Rng::new(2);
    for case in CASES {
        let [cin, cout] = case.channels;
        let (gin, gout) = (cin / case.groups, cout / case.groups);
        let k = case.kernel[0] * case.kernel[1] * gin;
        let x = rng.vec(case.batch * case.size[0] * case.size[1] * cin);
        let (w, b) = (rng.vec(k * cout), rng.vec(cout));
        let pixels = case.batch * case.output(0) * case.output(1);
        let mut expected = vec![0.0f64; pixels * cout];
        for (i, e) in expected.iter_mut().enumerate() {
            *e = f64::from(b[i % cout]);
        }
        case.walk(|to, tap, from| {
            let Some(from) = from else { return };
            for o in 0..cout {
                for c in 0..gin {
                    let x = x[from * cin + o / gout * gin + c];
                    expected[to * cout + o] += f64::from(x) * f64::from(w[(tap * gin + c) * cout + o]);
                }
            }
        });
        let residual = rng.vec(pixels * cout);
        let onto = activate_onto(Activation::Relu, &expected, &residual);
        for e in &mut expected {
            *e = e.max(0.0);
        }
        let data = packed(&w, case.groups, k, gout);
        let kernel = Matrix::new(&data, case.groups, k, gout).unwrap();
        let layer = Conv2d {
            kernel,
            bias: Some(&b),
            activation: Activation::Relu,
            kernel_size: case.kernel,
            stride: case.stride,
            dilation: case.dilation,
            groups: case.groups,
            in_channels: cin,
            padding: case.padding,
        };
        assert_eq!(layer.output_size(case.size), Ok([case.output(0), case.output(1)]));
        for isa in isas() {
            let mut y = vec![f32::NAN; pixels * cout];
            let (from, to) = (case.input(cin), case.result(cout));
            on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {case:?}"));
            assert_eq!(beside(to, |y| on(isa, |cx| layer.run(cx, view(&x, from), y))), y);
            y.copy_from_slice(&residual);
            let sum = view_mut(&mut y, to).accumulate();
            on(isa, |cx| layer.run(cx, view(&x, from), sum).map(|_| ())).unwrap();
            assert_close(&y, &onto, 1e-5, &format!("onto {isa:?} {case:?}"));
            if case.size[0] == 1 && case.kernel[0] == 1 {
                let layer = Conv1d {
                    kernel,
                    bias: Some(&b),
                    activation: Activation::Relu,
                    kernel_size: case.kernel[1],
                    stride: case.stride[1],
                    dilation: case.dilation[1],
                    groups: case.groups,
                    in_channels: cin,
                    padding: case.padding[1],
                };
                y.fill(f32::NAN);
                let (from, to) = (line(from), line(to));
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_close(&y, &expected, 1e-5, &format!("1d {isa:?} {case:?}"));
                assert_eq!(beside(to, |y| on(isa, |cx| layer.run(cx, view(&x, from), y))), y);
                y.copy_from_slice(&residual);
                let sum = view_mut(&mut y, to).accumulate();
                on(isa, |cx| layer.run(cx, view(&x, from), sum).map(|_| ())).unwrap();
                assert_close(&y, &onto, 1e-5, &format!("1d onto {isa:?} {case:?}"));
            }
        }
    }
}

/// The dims of a sequence instead of an image of height 1.
fn line([batch, _, width, channels]: [usize; 4]) -> [usize; 3] {
    [batch, width, channels]
}

/// Kernels of every width with a transform, over images of one or more blocks.
#[test]
fn winograd() {
    let plain = Case { size: [9, 11], channels: [5, 7], ..PLAIN };
    let cases = [
        PLAIN,
        plain,
        Case { batch: 0, ..PLAIN },
        Case { batch: 3, size: [5, 4], channels: [16, 33], kernel: [2, 2], ..plain },
        Case { kernel: [3, 4], padding: [[0, 2], [3, 0]], channels: [18, 40], ..plain },
        Case { kernel: [5, 5], padding: [[2, 2], [2, 2]], channels: [32, 16], ..plain },
        Case { kernel: [3, 3], padding: [[4, 5], [6, 7]], batch: 2, ..plain },
        Case {
            size: [1, 50],
            kernel: [1, 3],
            padding: [[0, 0], [2, 0]],
            channels: [20, 9],
            batch: 4,
            ..plain
        },
        Case { size: [1, 9], kernel: [1, 5], padding: [[0, 0], [0, 0]], channels: [64, 48], ..plain },
        Case { size: [3, 9], kernel: [1, 4], padding: [[1, 0], [0, 3]], channels: [8, 8], batch: 2, ..plain },
        Case { size: [1, 700], kernel: [1, 5], padding: [[0, 0], [2, 2]], channels: [128, 64], ..plain },
        Case { size: [40, 60], channels: [48, 64], batch: 2, ..plain },
        Case { size: [1, 1], kernel: [1, 2], padding: [[0, 0], [0, 0]], ..plain },
        Case { size: [2, 3], kernel: [3, 3], padding: [[1, 1], [0, 0]], channels: [3, 4], ..plain },
    ];
    let mut rng = Rng::new(4);
    for case in cases {
        let [cin, cout] = case.channels;
        let k = case.kernel[0] * case.kernel[1] * cin;
        let x = rng.vec(case.batch * case.size[0] * case.size[1] * cin);
        // Scaled as in trained networks, so that sums neither grow nor vanish.
        let scale = 1.0 / (k as f32).sqrt();
        let w: Vec<f32> = rng.vec(k * cout).into_iter().map(|w| w * scale).collect();
        let b = rng.vec(cout);
        let pixels = case.batch * case.output(0) * case.output(1);
        let mut expected: Vec<f64> = b.iter().cycle().take(pixels * cout).map(|&b| f64::from(b)).collect();
        case.walk(|to, tap, from| {
            let Some(from) = from else { return };
            for (c, &x) in x[from * cin..][..cin].iter().enumerate() {
                let w = &w[(tap * cin + c) * cout..][..cout];
                for (e, &w) in expected[to * cout..].iter_mut().zip(w) {
                    *e += f64::from(x) * f64::from(w);
                }
            }
        });
        let mut archive = NpzWriter::new();
        archive.add("w", &[k, cout], &w).unwrap();
        let archive = archive.finish();
        let entry = Entry::winograd("w", case.kernel, cin, cout);
        let blob = pack(&Npz::parse(&archive).unwrap(), &[entry], [0; 32]).unwrap();
        let mut space = vec![0; blob.len() + 64];
        let at = space.as_ptr().align_offset(64);
        space[at..at + blob.len()].copy_from_slice(&blob);
        let parts = [&space[at..at + blob.len()]];
        let kernel = Blob::parse(&parts, [0; 32]).unwrap().winograd(0, case.kernel, cin, cout).unwrap();
        for activation in [Activation::Linear, Activation::Relu, Activation::Tanh] {
            let layer = WinogradConv2d {
                kernel,
                bias: Some(&b),
                activation,
                kernel_size: case.kernel,
                in_channels: cin,
                padding: case.padding,
            };
            let residual = rng.vec(pixels * cout);
            let onto = activate_onto(activation, &expected, &residual);
            let expected: Vec<f64> = expected.iter().map(|&e| activate(activation, e)).collect();
            for isa in isas() {
                let mut y = vec![f32::NAN; pixels * cout];
                let (from, to) = (case.input(cin), case.result(cout));
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_close(&y, &expected, 1e-5, &format!("{isa:?} {case:?}"));
                assert_eq!(beside(to, |y| on(isa, |cx| layer.run(cx, view(&x, from), y))), y);
                if case.size[0] == 1 && case.kernel[0] == 1 && case.padding[0] == [0, 0] {
                    let (from, to) = (line(from), line(to));
                    assert_eq!(beside(to, |y| on(isa, |cx| layer.run(cx, view(&x, from), y))), y);
                }
                y.copy_from_slice(&residual);
                let sum = view_mut(&mut y, to).accumulate();
                on(isa, |cx| layer.run(cx, view(&x, from), sum).map(|_| ())).unwrap();
                assert_close(&y, &onto, 1e-5, &format!("onto {isa:?} {case:?}"));
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut rng = Rng::new(3);
    // Fewer channels than a vector has lanes, and numbers that are no multiple of it, on lines of many pixels.
    let narrow = [1, 2, 3, 5, 7, 8, 9, 12, 15, 18, 20, 24, 28, 31, 36, 42, 47].map(|channels| Case {
        size: [4, 30 + channels % 3],
        stride: [1, 1 + channels % 5 / 3],
        kernel: [3, 2 + channels % 4],
        dilation: [1, 1 + channels % 7 / 5],
        channels: [channels, 1],
        ..PLAIN
    });
    // A vector and a half of channels, with the taps that share what they load.
    let halves = [(24, 3), (56, 5)].map(|(channels, size)| Case {
        size: [4, 13],
        kernel: [size; 2],
        padding: [[size / 2; 2]; 2],
        channels: [channels, 1],
        ..PLAIN
    });
    for case in CASES.into_iter().chain(narrow).chain(halves) {
        for multiplier in [1, 2, 3] {
            let channels = case.channels[0];
            let outputs = channels * multiplier;
            let x = rng.vec(case.batch * case.size[0] * case.size[1] * channels);
            let (w, b) = (rng.vec(case.kernel[0] * case.kernel[1] * outputs), rng.vec(outputs));
            let pixels = case.batch * case.output(0) * case.output(1);
            let mut expected: Vec<f64> = (0..pixels * outputs).map(|i| f64::from(b[i % outputs])).collect();
            case.walk(|to, tap, from| {
                let Some(from) = from else { return };
                for o in 0..outputs {
                    let x = x[from * channels + o / multiplier];
                    expected[to * outputs + o] += f64::from(x) * f64::from(w[tap * outputs + o]);
                }
            });
            let layer = DepthwiseConv2d {
                kernel: &w,
                bias: Some(&b),
                activation: Activation::Linear,
                kernel_size: case.kernel,
                stride: case.stride,
                dilation: case.dilation,
                channels,
                multiplier,
                padding: case.padding,
            };
            for isa in isas() {
                let mut y = vec![f32::NAN; pixels * outputs];
                let (from, to) = (case.input(channels), case.result(outputs));
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_close(&y, &expected, 1e-5, &format!("{isa:?} {case:?}"));
                if case.size[0] == 1 && case.kernel[0] == 1 {
                    let mut sequence = vec![f32::NAN; y.len()];
                    let to = view_mut(&mut sequence, line(to));
                    on(isa, |cx| layer.run(cx, view(&x, line(from)), to).map(|_| ())).unwrap();
                    assert_eq!(sequence, y);
                }
            }
        }
    }
}

#[test]
fn pooling() {
    let mut rng = Rng::new(4);
    // Lines of many pixels, of which the last vector ends at or after the end of the image.
    let lines = [1, 2, 3].map(|stride| Case {
        size: [5, 27 + stride],
        kernel: [2, 3],
        stride: [1, stride],
        padding: [[0, 1], [1, stride % 2]],
        ..PLAIN
    });
    for case in CASES.into_iter().chain(lines) {
        for channels in [1, 7, 16, 40, 70] {
            let x = rng.vec(case.batch * case.size[0] * case.size[1] * channels);
            let pixels = case.batch * case.output(0) * case.output(1);
            let (mut max, mut sum) =
                (vec![f64::NEG_INFINITY; pixels * channels], vec![0.0; pixels * channels]);
            let mut counts = vec![0.0; pixels];
            case.walk(|to, _, from| {
                let Some(from) = from else { return };
                counts[to] += 1.0;
                for c in 0..channels {
                    let x = f64::from(x[from * channels + c]);
                    max[to * channels + c] = max[to * channels + c].max(x);
                    sum[to * channels + c] += x;
                }
            });
            let taps = (case.kernel[0] * case.kernel[1]) as f64;
            let zeros = max.iter().enumerate();
            let zeros =
                zeros.map(|(i, &max)| if counts[i / channels] < taps { max.max(0.0) } else { max }).collect();
            let mean = |count: &dyn Fn(usize) -> f64| -> Vec<f64> {
                sum.iter().enumerate().map(|(i, sum)| sum / count(i / channels)).collect()
            };
            let kinds = [
                (PoolKind::Max, max.clone()),
                (PoolKind::MaxOverPadding, zeros),
                (PoolKind::Average { count_include_pad: false }, mean(&|i| f64::max(counts[i], 1.0))),
                (PoolKind::Average { count_include_pad: true }, mean(&|_| taps)),
            ];
            for (kind, expected) in kinds {
                let (size, stride, dilation, padding) =
                    (case.kernel, case.stride, case.dilation, case.padding);
                let layer = Pool2d { kind, size, stride, dilation, padding };
                for isa in isas() {
                    let mut y = vec![f32::NAN; pixels * channels];
                    let (from, to) = (case.input(channels), case.result(channels));
                    on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                    assert_close(&y, &expected, 1e-6, &format!("{isa:?} {kind:?} {case:?}"));
                }
            }
        }
    }
    // A window that extends beyond the padding, as with a ceiling division of the size.
    let layer = Pool1d { kind: PoolKind::Max, size: 2, stride: 1, dilation: 1, padding: [0, 0] };
    for isa in isas() {
        let mut y = [0.0; 2];
        for (x, nans) in [([f32::NAN, -1.0, -2.0], [true, false]), ([-2.0, -1.0, f32::NAN], [false, true])] {
            on(isa, |cx| layer.run(cx, view(&x, [1, 3, 1]), view_mut(&mut y, [1, 2, 1])).map(|_| ()))
                .unwrap();
            assert_eq!(y.map(f32::is_nan), nans);
            assert_eq!(y.map(|y| y == -1.0), nans.map(|nan| !nan));
        }
    }
}
