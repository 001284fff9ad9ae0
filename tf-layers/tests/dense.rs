//! Dense layers on every instruction set against `f64`.

mod common;

use common::{Rng, activate, activate_onto, assert_close, beside, isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::nn::{Activation, Dense};

const SIZES: [usize; 10] = [1, 2, 3, 5, 15, 16, 17, 33, 64, 100];

/// Products that are large enough to be split into blocks of rows and of k.
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
        }
        let residual = rng.vec(rows * n);
        let onto: Vec<f64> =
            expected.iter().zip(&residual).map(|(e, &r)| (e + f64::from(r)).clamp(-1.0, 3.0)).collect();
        for e in &mut expected {
            *e = e.clamp(-1.0, 3.0);
        }
        let activation = Activation::Clip(-1.0, 3.0);
        let layer = Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&b), activation };
        for isa in isas() {
            let mut y = vec![f32::NAN; rows * n];
            on(isa, |cx| layer.run(cx, view(&x, [rows, k]), view_mut(&mut y, [rows, n]))).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {rows}x{k}x{n}"));
            assert_eq!(beside([rows, n], |y| on(isa, |cx| layer.run(cx, view(&x, [rows, k]), y))), y);
            y.copy_from_slice(&residual);
            on(isa, |cx| layer.run(cx, view(&x, [rows, k]), view_mut(&mut y, [rows, n]).accumulate()))
                .unwrap();
            assert_close(&y, &onto, 1e-5, &format!("onto {isa:?} {rows}x{k}x{n}"));
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
                        let mut sums = vec![0.0; rows * n];
                        for (i, e) in sums.iter_mut().enumerate() {
                            let (row, col) = (i / n, i % n);
                            let sum: f64 =
                                (0..k).map(|p| f64::from(x[row * k + p]) * f64::from(w[p * n + col])).sum();
                            *e = sum + bias.map_or(0.0, |b| f64::from(b[col]));
                        }
                        let expected: Vec<f64> = sums.iter().map(|&e| activate(activation, e)).collect();
                        let residual = rng.vec(rows * n);
                        let onto = activate_onto(activation, &sums, &residual);
                        for isa in isas() {
                            let mut y = vec![f32::NAN; rows * n];
                            on(isa, |cx| layer.run(cx, view(&x, [rows, k]), view_mut(&mut y, [rows, n])))
                                .unwrap();
                            assert_close(
                                &y,
                                &expected,
                                1e-5,
                                &format!("{isa:?} {rows}x{k}x{n} {activation:?}"),
                            );
                            assert_eq!(
                                beside([rows, n], |y| on(isa, |cx| layer.run(cx, view(&x, [rows, k]), y))),
                                y
                            );
                            y.copy_from_slice(&residual);
                            on(isa, |cx| {
                                layer.run(cx, view(&x, [rows, k]), view_mut(&mut y, [rows, n]).accumulate())
                            })
                            .unwrap();
                            assert_close(
                                &y,
                                &onto,
                                1e-5,
                                &format!("onto {isa:?} {rows}x{k}x{n} {activation:?}"),
                            );
                        }
                    }
                }
            }
        }
    }
}

/// An infinity reaches all columns of its row as an infinity, and no other row.
#[test]
fn infinities() {
    for (rows, k, n) in [(14, 3, 5), (14, 4, 8), (14, 5, 16), (3, 3, 5), (7, 2, 30)] {
        for at in 0..k {
            let mut x = vec![1.0; rows * k];
            x[2 * k + at] = f32::INFINITY;
            let data = packed(&vec![0.5; k * n], 1, k, n);
            let layer = Dense::new(Matrix::new(&data, 1, k, n).unwrap());
            let expected: Vec<f32> =
                (0..rows * n).map(|i| if i / n == 2 { f32::INFINITY } else { 0.5 * k as f32 }).collect();
            for isa in isas() {
                let mut y = vec![f32::NAN; rows * n];
                on(isa, |cx| layer.run(cx, view(&x, [rows, k]), view_mut(&mut y, [rows, n]))).unwrap();
                assert_eq!(y, expected, "{isa:?} {rows}x{k}x{n}, infinity at {at}");
            }
        }
    }
}
