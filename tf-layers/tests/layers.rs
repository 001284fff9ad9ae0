//! Every layer on every instruction set against a plain `f64` reference.

mod common;

use common::{Rng, assert_close, isas, packed};
use tf_layers::{Activation, Conv1d, Conv2d, Dense, DepthwiseConv2d, Matrix, Pool, Pool1d, Pool2d};

const SIZES: [usize; 10] = [1, 2, 3, 5, 15, 16, 17, 33, 64, 100];

/// Products so large that they are cut into blocks of rows and of k.
#[test]
fn large_dense() {
    let mut rng = Rng::new(11);
    for (rows, k, n) in [(30, 700, 70), (3, 2500, 17), (400, 40, 33), (320, 170, 20), (25, 1025, 64)] {
        let (x, w, b) = (rng.vec(rows * k), rng.vec(k * n), rng.vec(n));
        let data = packed(&w, 1, k, n);
        let mut expected: Vec<f64> = (0..rows * n).map(|i| f64::from(b[i % n])).collect();
        for (row, expected) in expected.chunks_exact_mut(n).enumerate() {
            for p in 0..k {
                for (e, w) in expected.iter_mut().zip(&w[p * n..]) {
                    *e += f64::from(x[row * k + p]) * f64::from(*w);
                }
            }
            expected.iter_mut().for_each(|e| *e = e.clamp(-1.0, 3.0));
        }
        let activation = Activation::Clip { min: -1.0, max: 3.0 };
        let layer = Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&b), activation };
        for isa in isas() {
            let mut y = vec![f32::NAN; rows * n];
            layer.run(isa, rows, &x, &mut y).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {rows}x{k}x{n}"));
        }
    }
}

#[test]
fn dense() {
    let mut rng = Rng::new(1);
    for rows in [0, 1, 2, 5, 6, 7, 13, 24] {
        for k in [0, 1, 3, 16, 65, 300] {
            for n in SIZES {
                let (x, w, b) = (rng.vec(rows * k), rng.vec(k * n), rng.vec(n));
                let data = packed(&w, 1, k, n);
                for activation in [Activation::Linear, Activation::Relu, Activation::Tanh] {
                    for bias in [None, Some(&b[..])] {
                        let kernel = Matrix::new(&data, 1, k, n).unwrap();
                        let layer = Dense { kernel, bias, activation };
                        let mut expected = vec![0.0; rows * n];
                        for (i, e) in expected.iter_mut().enumerate() {
                            let (row, col) = (i / n, i % n);
                            let sum: f64 =
                                (0..k).map(|p| f64::from(x[row * k + p]) * f64::from(w[p * n + col])).sum();
                            let sum = sum + bias.map_or(0.0, |b| f64::from(b[col]));
                            *e = common::activate(activation, sum);
                        }
                        for isa in isas() {
                            let mut y = vec![f32::NAN; rows * n];
                            layer.run(isa, rows, &x, &mut y).unwrap();
                            assert_close(
                                &y,
                                &expected,
                                1e-5,
                                &format!("{isa:?} {rows}x{k}x{n} {activation:?}"),
                            );
                        }
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: [[usize; 2]; 2],
    channels: [usize; 2],
    groups: usize,
}

const PLAIN: Case = Case {
    batch: 1,
    size: [9, 8],
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [[1, 1], [1, 1]],
    channels: [4, 8],
    groups: 1,
};

const CASES: [Case; 21] = [
    PLAIN,
    Case { batch: 0, ..PLAIN },
    Case { batch: 3, channels: [1, 17], ..PLAIN },
    Case { batch: 2, channels: [3, 64], stride: [2, 2], padding: [[0, 1], [0, 1]], ..PLAIN },
    Case { channels: [16, 33], dilation: [2, 3], padding: [[2, 2], [3, 3]], ..PLAIN },
    Case { kernel: [1, 1], padding: [[0, 0], [0, 0]], channels: [17, 16], batch: 2, ..PLAIN },
    Case { kernel: [1, 1], padding: [[0, 0], [0, 0]], stride: [2, 3], channels: [5, 70], ..PLAIN },
    Case { groups: 2, channels: [8, 34], ..PLAIN },
    Case { groups: 4, channels: [12, 20], stride: [1, 2], batch: 2, ..PLAIN },
    Case { size: [1, 40], kernel: [1, 5], padding: [[0, 0], [4, 0]], channels: [6, 31], ..PLAIN },
    Case { size: [2, 2], kernel: [3, 3], channels: [2, 3], padding: [[1, 1], [1, 1]], ..PLAIN },
    Case { size: [2, 2], kernel: [5, 5], padding: [[0, 0], [0, 0]], ..PLAIN },
    Case { size: [0, 3], kernel: [2, 2], ..PLAIN },
    Case { size: [12, 12], kernel: [5, 4], padding: [[7, 6], [5, 9]], channels: [3, 16], ..PLAIN },
    Case { size: [3, 4], channels: [1500, 7], ..PLAIN },
    Case { size: [7, 7], channels: [64, 128], kernel: [2, 3], ..PLAIN },
    Case { size: [14, 13], channels: [40, 70], batch: 2, ..PLAIN },
    Case { size: [14, 13], channels: [80, 40], groups: 2, ..PLAIN },
    Case { size: [20, 21], channels: [3, 20], kernel: [7, 7], stride: [2, 2], padding: [[3, 3], [3, 2]], ..PLAIN },
    Case { size: [12, 11], channels: [1, 32], padding: [[0, 0], [1, 1]], ..PLAIN },
    Case { size: [9, 9], channels: [6, 12], groups: 3, stride: [3, 1], dilation: [1, 2], ..PLAIN },
];

impl Case {
    fn output(&self, axis: usize) -> usize {
        let padded = self.size[axis] + self.padding[axis][0] + self.padding[axis][1];
        let extent = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        if padded < extent { 0 } else { (padded - extent) / self.stride[axis] + 1 }
    }

    /// Calls `visit(output pixel, tap, Some(input pixel) or None in the padding)`.
    fn walk(&self, mut visit: impl FnMut(usize, usize, Option<usize>)) {
        let [oh, ow] = [self.output(0), self.output(1)];
        for n in 0..self.batch {
            for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for ky in 0..self.kernel[0] {
                    for kx in 0..self.kernel[1] {
                        let y = (oy * self.stride[0] + ky * self.dilation[0]).checked_sub(self.padding[0][0]);
                        let x = (ox * self.stride[1] + kx * self.dilation[1]).checked_sub(self.padding[1][0]);
                        let from = y.zip(x).filter(|&(y, x)| y < self.size[0] && x < self.size[1]);
                        let from = from.map(|(y, x)| (n * self.size[0] + y) * self.size[1] + x);
                        visit((n * oh + oy) * ow + ox, ky * self.kernel[1] + kx, from);
                    }
                }
            }
        }
    }
}

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
            layer.run(isa, case.batch, case.size, &x, &mut y).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {case:?}"));
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
                layer.run(isa, case.batch, case.size[1], &x, &mut y).unwrap();
                assert_close(&y, &expected, 1e-5, &format!("1d {isa:?} {case:?}"));
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut rng = Rng::new(3);
    for case in CASES {
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
                layer.run(isa, case.batch, case.size, &x, &mut y).unwrap();
                assert_close(&y, &expected, 1e-5, &format!("{isa:?} {case:?}"));
            }
        }
    }
}

#[test]
fn pooling() {
    let mut rng = Rng::new(4);
    for case in CASES {
        for channels in [1, 7, 16, 70] {
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
            let area = (case.kernel[0] * case.kernel[1]) as f64;
            let mean = |count: &dyn Fn(usize) -> f64| -> Vec<f64> {
                sum.iter().enumerate().map(|(i, sum)| sum / count(i / channels)).collect()
            };
            let kinds = [
                (Pool::Max, max.clone()),
                (Pool::Average { count_include_pad: false }, mean(&|i| f64::max(counts[i], 1.0))),
                (Pool::Average { count_include_pad: true }, mean(&|_| area)),
            ];
            for (kind, expected) in kinds {
                let (size, stride, dilation, padding) =
                    (case.kernel, case.stride, case.dilation, case.padding);
                let layer = Pool2d { kind, size, stride, dilation, padding };
                for isa in isas() {
                    let mut y = vec![f32::NAN; pixels * channels];
                    layer.run(isa, case.batch, case.size, channels, &x, &mut y).unwrap();
                    assert_close(&y, &expected, 1e-6, &format!("{isa:?} {kind:?} {case:?}"));
                }
            }
        }
    }
    // An average window that reaches beyond the padding, as a ceiling division of the size leaves it.
    let layer = Pool1d { kind: Pool::Max, size: 2, stride: 1, dilation: 1, padding: [0, 0] };
    for isa in isas() {
        let mut y = [0.0; 2];
        layer.run(isa, 1, 3, 1, &[f32::NAN, -1.0, -2.0], &mut y).unwrap();
        assert!(y[0].is_nan() && y[1] == -1.0);
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let data = packed(&[1.0; 6], 1, 2, 3);
    let kernel = Matrix::new(&data, 1, 2, 3).unwrap();
    let good = Dense { kernel, bias: Some(&[0.0; 3]), activation: Activation::Linear };
    for isa in isas() {
        let mut y = [0.0; 3];
        assert!(good.run(isa, 1, &[1.0; 2], &mut y).is_ok());
        assert!(good.run(isa, 1, &[1.0; 3], &mut y).is_err());
        assert!(good.run(isa, 2, &[1.0; 2], &mut y).is_err());
        assert!(good.run(isa, usize::MAX, &[1.0; 2], &mut y).is_err());
        assert!(good.run(isa, 1, &[1.0; 2], &mut y[..2]).is_err());
        assert!(Dense { bias: Some(&[0.0; 2]), ..good }.run(isa, 1, &[1.0; 2], &mut y).is_err());
        let conv = Conv2d {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size: [1, 2],
            stride: [1, 1],
            dilation: [1, 1],
            groups: 1,
            in_channels: 1,
            padding: [[0, 0], [0, 0]],
        };
        assert!(conv.run(isa, 1, [1, 2], &[1.0; 2], &mut y).is_ok());
        assert!(conv.run(isa, 1, [2, 1], &[1.0; 2], &mut y).is_err());
        for bad in [
            Conv2d { stride: [0, 1], ..conv },
            Conv2d { dilation: [1, 0], ..conv },
            Conv2d { kernel_size: [0, 2], ..conv },
            Conv2d { kernel_size: [usize::MAX, usize::MAX], ..conv },
            Conv2d { dilation: [1, usize::MAX], ..conv },
            Conv2d { padding: [[usize::MAX, 1], [0, 0]], ..conv },
            Conv2d { padding: [[usize::MAX / 2, 5], [0, 0]], ..conv },
            Conv2d { groups: 0, ..conv },
            Conv2d { groups: 2, ..conv },
            Conv2d { in_channels: 2, ..conv },
            Conv2d { bias: Some(&[1.0; 2]), ..conv },
        ] {
            assert!(bad.run(isa, 1, [1, 2], &[1.0; 2], &mut y).is_err(), "{bad:?}");
        }
        assert!(conv.run(isa, usize::MAX, [1, 2], &[1.0; 2], &mut y).is_err());
        assert!(conv.run(isa, 0, [usize::MAX, 2], &[], &mut []).is_err());
        assert!(conv.run(isa, 0, [3, 2], &[], &mut []).is_ok());
    }
}
