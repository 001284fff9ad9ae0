//! Layers with weights of fewer bits on every instruction set, against the same layers with those weights in `f32`.

mod common;

use common::{Rng, assert_close, isas, on, packed, view, view_mut};
use tf_layers::gemm::{Matrix, RoundingMatrix, ScaledMatrix, Weight};
use tf_layers::nn::{
    Activation, Conv1d, Conv2d, Dense, KernelMatrix, ScaledRows, SmallEmbedding, SmallTable,
};
use tf_layers::tensor::{BF16, F16, View};
use tf_layers::{Error, Isa};

/// Packs a row-major matrix of elements that are packed `step` rows at a time.
fn packed_steps<T: Copy + Default>(w: &[T], groups: usize, k: usize, n: usize, step: usize) -> Vec<T> {
    let mut out = Vec::new();
    for group in 0..groups {
        for panel in 0..n.div_ceil(16) {
            for row in (0..k).step_by(step) {
                for column in panel * 16..panel * 16 + 16 {
                    for row in row..row + step {
                        let inside = row < k && column < n;
                        out.push(if inside {
                            w[row * groups * n + group * n + column]
                        } else {
                            T::default()
                        });
                    }
                }
            }
        }
    }
    out
}

fn floats<T: Copy + Into<f32>>(weights: &[T]) -> Vec<f32> {
    weights.iter().map(|&w| w.into()).collect()
}

/// Rounds a matrix `[k, columns]`, packs it, and calls `check` with every kind of kernel and the floats that it holds.
macro_rules! each_kernel {
    ($w:expr, $groups:expr, $k:expr, $n:expr, $check:expr) => {{
        let (w, groups, k, n) = ($w, $groups, $k, $n);
        let f16: Vec<F16> = w.iter().map(|&w| F16::from_f32(w)).collect();
        let data = packed_steps(&f16, groups, k, n, 1);
        $check(Matrix::new(&data, groups, k, n).unwrap(), floats(&f16), "f16");
        let bf16: Vec<BF16> = w.iter().map(|&w| BF16::from_f32(w)).collect();
        let data = packed_steps(&bf16, groups, k, n, 2);
        $check(Matrix::new(&data, groups, k, n).unwrap(), floats(&bf16), "bf16");
        let i8: Vec<i8> = w.iter().map(|&w| (w * 127.0) as i8).collect();
        let scales: Vec<f32> = (0..groups * n).map(|i| 1.0 / (100 + i) as f32).collect();
        let data = packed_steps(&i8, groups, k, n, 4);
        let integers = Matrix::new(&data, groups, k, n).unwrap();
        let wide = i8.iter().enumerate().map(|(i, &w)| f32::from(w) * scales[i % scales.len()]).collect();
        $check(ScaledMatrix { integers, scales: &scales }, wide, "i8");
    }};
}

fn dense<K: KernelMatrix>(
    layer: &Dense<'_, K>,
    isa: Isa,
    x: &[f32],
    dims: [usize; 2],
    from: &[f32],
) -> Vec<f32> {
    let mut y = from.to_vec();
    let columns = y.len() / dims[0];
    let to = view_mut(&mut y, [dims[0], columns]);
    let to = if from[0].is_nan() { to } else { to.accumulate() };
    on(isa, |cx| layer.run(cx, view(x, dims), to).map(|_| ())).unwrap();
    y
}

#[test]
fn dense_layers() {
    let mut rng = Rng::new(5);
    // Few rows widen weights in registers, many widen them once. Several strips of columns, and a k of several blocks.
    for (rows, k, n) in
        [(1, 700, 150), (1, 5, 3), (2, 1, 17), (5, 1030, 70), (8, 33, 64), (9, 33, 64), (40, 301, 130)]
    {
        let (x, w, b, residual) = (rng.vec(rows * k), rng.vec(k * n), rng.vec(n), rng.vec(rows * n));
        for activation in [Activation::Linear, Activation::Clip(-1.0, 3.0), Activation::Tanh] {
            each_kernel!(&w, 1, k, n, |kernel, wide: Vec<f32>, kind| {
                let data = packed(&wide, 1, k, n);
                let exact =
                    Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&b), activation };
                let layer = Dense { kernel, bias: Some(&b), activation };
                for isa in isas() {
                    for from in [&vec![f32::NAN; rows * n], &residual] {
                        let expected = dense(&exact, Isa::scalar(), &x, [rows, k], from);
                        let expected: Vec<f64> = expected.iter().map(|&y| y.into()).collect();
                        let found = dense(&layer, isa, &x, [rows, k], from);
                        assert_close(&found, &expected, 2e-5, &format!("{kind} {isa:?} {rows}x{k}x{n}"));
                    }
                }
            });
        }
    }
}

#[test]
fn convolutions() {
    let mut rng = Rng::new(6);
    for (size, groups, channels, filters, stride) in
        [([3, 3], 1, 5, 70, 1), ([3, 2], 2, 6, 20, 2), ([1, 1], 1, 19, 33, 1), ([2, 2], 1, 4, 3, 1)]
    {
        let (k, n) = (size[0] * size[1] * channels / groups, filters / groups);
        let (x, w, b) = (rng.vec(2 * 7 * 6 * channels), rng.vec(k * filters), rng.vec(filters));
        each_kernel!(&w, groups, k, n, |kernel, wide: Vec<f32>, kind| {
            let data = packed(&wide, groups, k, n);
            let exact = Conv2d {
                bias: Some(&b),
                stride: [stride; 2],
                padding: [[1, 0], [0, 1]],
                ..Conv2d::new(Matrix::new(&data, groups, k, n).unwrap(), size, channels)
            };
            let layer = Conv2d {
                bias: Some(&b),
                stride: [stride; 2],
                padding: [[1, 0], [0, 1]],
                ..Conv2d::new(kernel, size, channels)
            };
            let [height, width] = exact.output_size([7, 6]).unwrap();
            let dims = [2, height, width, filters];
            let (mut expected, mut y) =
                (vec![f32::NAN; dims.iter().product()], vec![f32::NAN; dims.iter().product()]);
            let to = view_mut(&mut expected, dims);
            on(Isa::scalar(), |cx| exact.run(cx, view(&x, [2, 7, 6, channels]), to).map(|_| ())).unwrap();
            let expected: Vec<f64> = expected.iter().map(|&y| y.into()).collect();
            for isa in isas() {
                let to = view_mut(&mut y, dims);
                on(isa, |cx| layer.run(cx, view(&x, [2, 7, 6, channels]), to).map(|_| ())).unwrap();
                assert_close(&y, &expected, 2e-5, &format!("{kind} {isa:?} {size:?}"));
            }
        });
    }
}

/// Layers that round their inputs, against layers of floats with inputs and weights that were rounded before.
#[test]
fn products_of_bf16() {
    let mut rng = Rng::new(8);
    let rounded = |x: &[f32]| x.iter().map(|&x| BF16::from_f32(x)).collect::<Vec<_>>();
    // One pixel; few rows and many, with odd depths; more than are rounded at once; windows that are copied, that are not, and of
    // several groups.
    for (image, size, groups, channels, filters, stride) in [
        ([1, 1], [1, 1], 1, 333, 70, 1),
        ([3, 2], [1, 1], 1, 64, 17, 1),
        ([9, 7], [1, 1], 1, 301, 130, 1),
        ([9, 7], [1, 1], 1, 32, 20, 2),
        ([8, 8], [3, 3], 1, 3, 20, 2),
        ([8, 8], [3, 3], 1, 34, 70, 1),
        ([5, 6], [3, 2], 2, 18, 20, 1),
        ([21, 20], [1, 1], 1, 512, 17, 1),
        ([9, 7], [1, 1], 2, 64, 34, 2),
        ([8, 8], [3, 3], 1, 64, 70, 1),
        ([7, 19], [3, 2], 2, 128, 34, 1),
    ] {
        let (k, n) = (size[0] * size[1] * channels / groups, filters / groups);
        let (x, w, b) = (rng.vec(2 * image[0] * image[1] * channels), rng.vec(k * filters), rng.vec(filters));
        let (narrow_x, narrow) = (floats(&rounded(&x)), rounded(&w));
        let (wide, data) = (packed(&floats(&narrow), groups, k, n), packed_steps(&narrow, groups, k, n, 2));
        let padding = if size == [1, 1] { [[0; 2]; 2] } else { [[1, 0], [0, 1]] };
        let exact = Conv2d {
            bias: Some(&b),
            activation: Activation::Clip(-1.0, 3.0),
            stride: [stride; 2],
            padding,
            ..Conv2d::new(Matrix::new(&wide, groups, k, n).unwrap(), size, channels)
        };
        let kernel = RoundingMatrix(Matrix::new(&data, groups, k, n).unwrap());
        let layer = Conv2d {
            bias: Some(&b),
            activation: Activation::Clip(-1.0, 3.0),
            stride: [stride; 2],
            padding,
            ..Conv2d::new(kernel, size, channels)
        };
        let from = [2, image[0], image[1], channels];
        let [height, width] = exact.output_size(image).unwrap();
        let dims = [2, height, width, filters];
        let residual = rng.vec(dims.iter().product());
        for accumulate in [false, true] {
            let start = if accumulate { residual.clone() } else { vec![f32::NAN; residual.len()] };
            let mut expected = start.clone();
            let to = view_mut(&mut expected, dims);
            let to = if accumulate { to.accumulate() } else { to };
            on(Isa::scalar(), |cx| exact.run(cx, view(&narrow_x, from), to).map(|_| ())).unwrap();
            let expected: Vec<f64> = expected.iter().map(|&y| y.into()).collect();
            for isa in isas() {
                let mut y = start.clone();
                let to = view_mut(&mut y, dims);
                let to = if accumulate { to.accumulate() } else { to };
                on(isa, |cx| layer.run(cx, view(&x, from), to).map(|_| ())).unwrap();
                assert_close(&y, &expected, 2e-5, &format!("{isa:?} {size:?} over {from:?}"));
            }
        }
    }
}

#[test]
fn sequences() {
    let x = [1.0, 2.0, -3.0, 1.0];
    let kernel = [F16::from_f32(1.0), F16::from_f32(2.0)];
    let data = packed_steps(&kernel, 1, 2, 1, 1);
    let layer = Conv1d::new(Matrix::new(&data, 1, 2, 1).unwrap(), 2, 1);
    let mut y = [0.0; 3];
    on(isas()[0], |cx| layer.run(cx, view(&x, [1, 4, 1]), view_mut(&mut y, [1, 3, 1])).map(|_| ())).unwrap();
    assert_eq!(y, [5.0, -4.0, -1.0]);
}

#[test]
fn embeddings() {
    fn check<T: SmallTable>(table: T, expected: &[f32]) {
        let mut y = [0.0; 4];
        let layer = SmallEmbedding::new(table);
        on(isas()[0], |cx| layer.run(cx, view(&[2i64, 0], [2]), view_mut(&mut y, [2, 2])).map(|_| ()))
            .unwrap();
        assert_eq!(y, expected);
    }
    let f16: Vec<F16> = [0.1, 0.5, 1.0, 1.5, 2.0, 2.5].map(F16::from_f32).to_vec();
    check(View::new(&f16, [3, 2]).unwrap(), &[2.0, 2.5, 0.099975586, 0.5]);
    let bf16: Vec<BF16> = [0.1, 0.5, 1.0, 1.5, 2.0, 2.5].map(BF16::from_f32).to_vec();
    check(View::new(&bf16, [3, 2]).unwrap(), &[2.0, 2.5, 0.100097656, 0.5]);
    let integers = View::new(&[-128i8, 127, 0, 0, 3, -3], [3, 2]).unwrap();
    check(ScaledRows { integers, scales: &[0.5, 1.0, 0.25] }, &[0.75, -0.75, -64.0, 63.5]);
}

#[test]
fn scales_of_another_number() {
    let data = [0i8; 64];
    let integers = Matrix::new(&data, 1, 2, 1).unwrap();
    let layer = Dense::new(ScaledMatrix { integers, scales: &[1.0, 2.0] });
    let mut y = [0.0];
    let found =
        on(isas()[0], |cx| layer.run(cx, view(&[1.0, 2.0], [1, 2]), view_mut(&mut y, [1, 1])).map(|_| ()));
    assert_eq!(found, Err(Error::Length { what: "scales", expected: 1, found: 2 }));
    let integers = View::new(&[1i8, 2], [2, 1]).unwrap();
    let layer = SmallEmbedding::new(ScaledRows { integers, scales: &[1.0] });
    let found = on(isas()[0], |cx| layer.run(cx, view(&[0], [1]), view_mut(&mut y, [1, 1])).map(|_| ()));
    assert_eq!(found, Err(Error::Length { what: "scales", expected: 2, found: 1 }));
}

/// The types of elements that a packed matrix can have.
#[test]
fn matrices_check_their_length() {
    fn check<B: Weight + Default>(step: usize) {
        assert!(Matrix::new(&vec![B::default(); 16 * step], 1, 1, 1).is_ok());
        assert!(Matrix::new(&vec![B::default(); 16 * step - 1], 1, 1, 1).is_err());
    }
    check::<f32>(1);
    check::<F16>(1);
    check::<BF16>(2);
    check::<i8>(4);
}
