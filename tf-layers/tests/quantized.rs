//! Layers on 8-bit integers on every instruction set, against loops in `i64` and `f32` that round once.

mod common;

use common::window::{CASES, Case, PLAIN};
use common::{Rng, assert_close, on, view, view_mut};
use tf_layers::Isa;
use tf_layers::gemm::Matrix;
use tf_layers::nn::{
    Activation, Byte, Direction, DynamicQuantization, DynamicQuantizedDense, DynamicQuantizedLstm,
    QuantizedAdd, QuantizedAveragePool2d, QuantizedConv1d, QuantizedConv2d, QuantizedDense,
    QuantizedDepthwiseConv2d, QuantizedLookup, QuantizedMaxPool2d, QuantizedMean, QuantizedMul,
    Requantization, States,
};

fn isas() -> Vec<Isa> {
    Isa::available().collect()
}

/// An 8-bit integer type.
trait Int: Byte + Into<i64> + PartialEq + core::fmt::Debug {
    const RANGE: [i32; 2];
    fn of(x: i64) -> Self;
}

impl Int for u8 {
    const RANGE: [i32; 2] = [0, 255];
    fn of(x: i64) -> u8 {
        x.try_into().unwrap()
    }
}

impl Int for i8 {
    const RANGE: [i32; 2] = [-128, 127];
    fn of(x: i64) -> i8 {
        x.try_into().unwrap()
    }
}

/// Integers of the whole range of a type; every fifth is the least or the greatest.
fn ints<T: Int>(rng: &mut Rng, len: usize) -> Vec<T> {
    let [min, max] = T::RANGE.map(i64::from);
    let mut at = 0;
    let next = |x: &f32| {
        at += 1;
        T::of(match at % 10 {
            0 => min,
            5 => max,
            _ => min + (f64::from(x + 1.0) * 127.9) as i64,
        })
    };
    rng.vec(len).iter().map(next).collect()
}

/// Packs a row-major `[k, groups · n]` matrix, one element at a time.
fn packed(w: &[i8], groups: usize, k: usize, n: usize) -> Vec<i8> {
    let mut out = Vec::new();
    for group in 0..groups {
        for panel in 0..n.div_ceil(16) {
            for quad in 0..k.div_ceil(4) {
                for column in panel * 16..panel * 16 + 16 {
                    for row in quad * 4..quad * 4 + 4 {
                        let inside = column < n && row < k;
                        out.push(if inside { w[row * groups * n + group * n + column] } else { 0 });
                    }
                }
            }
        }
    }
    out
}

/// clamp(round(x) + zero point)
fn rounded<Y: Int>(x: f32, zero_point: i32, [min, max]: [i32; 2]) -> Y {
    let rounded = f64::from(x).round_ties_even() + f64::from(zero_point);
    Y::of(rounded.clamp(min.into(), max.into()) as i64)
}

/// The bounds of a type and those of a `Relu6`, with a zero point for each.
fn ranges<Y: Int>() -> [(i32, [i32; 2]); 3] {
    let [min, max] = Y::RANGE;
    [(min, [min, max]), (max - 100, [min, max]), (min + 30, [min + 30, max - 40])]
}

/// A layer with weights, and its sums as the definition of a convolution gives them.
struct Weights {
    kernel: Vec<i8>,
    /// Those of the columns of the kernel.
    zero_points: Option<Vec<i32>>,
    /// With the zero point of x folded in.
    bias: Vec<i32>,
    multipliers: Vec<f32>,
}

impl Weights {
    /// Weights `[k, n]`, symmetric or with zero points, for x of type `X` with this zero point.
    fn new<X: Int>(rng: &mut Rng, [k, n]: [usize; 2], symmetric: bool, x_zero_point: i32) -> Self {
        let kernel: Vec<i8> = ints(rng, k * n);
        let zero_points = (0..n).map(|c| [-128, 127, 6, -31, 0][c % 5]).collect();
        let multipliers =
            (0..n).map(|c| (0.5 + c as f32 / n as f32) / (40.0 * (k as f32).sqrt() * 25.0)).collect();
        let zero_points = (!symmetric).then_some(zero_points);
        let weights = Self { kernel, zero_points, bias: vec![], multipliers };
        let unsigned = i64::from(x_zero_point) - i64::from(X::RANGE[0]);
        let bias = (0..n).map(|c| {
            let sum: i64 = (0..k).map(|p| weights.at(p, c)).sum();
            (Self::plain_bias(c) - unsigned * sum).try_into().unwrap()
        });
        Self { bias: bias.collect(), ..weights }
    }

    /// The weight in row `p` and column `c`, without its zero point.
    fn at(&self, p: usize, c: usize) -> i64 {
        let zero = self.zero_points.as_ref().map_or(0, |zero_points| zero_points[c]);
        i64::from(self.kernel[p * self.multipliers.len() + c]) - i64::from(zero)
    }

    /// The bias before the zero point was folded in.
    fn plain_bias(c: usize) -> i64 {
        c as i64 * 37 - 400
    }
}

fn dense<X: Int, Y: Int>(rng: &mut Rng) {
    for [m, k, n] in [[1, 1, 1], [3, 7, 5], [1, 130, 70], [13, 67, 33], [29, 256, 100], [0, 3, 2]] {
        for (i, (zero_point, range @ [min, max])) in ranges::<Y>().into_iter().cycle().take(6).enumerate() {
            let x_zero_point = X::RANGE[m % 2] + [3, -3][m % 2];
            let weights = Weights::new::<X>(rng, [k, n], i < 3, x_zero_point);
            let x: Vec<X> = ints(rng, m * k);
            let scaled = |i: usize| {
                let products = (0..k)
                    .map(|p| (x[i / n * k + p].into() - i64::from(x_zero_point)) * weights.at(p, i % n));
                let sum: i64 = products.sum::<i64>() + Weights::plain_bias(i % n);
                sum as f32 * weights.multipliers[i % n]
            };
            let expected: Vec<Y> = (0..m * n).map(|i| rounded(scaled(i), zero_point, range)).collect();
            let float_bias: Vec<f32> = (0..n).map(|c| c as f32 / 8.0).collect();
            let bounds @ [low, high] =
                [[f32::NEG_INFINITY, f32::INFINITY], [0.0, f32::INFINITY], [-0.5, 0.75]][k % 3];
            let floats: Vec<f32> =
                (0..m * n).map(|i| (scaled(i) + float_bias[i % n]).clamp(low, high)).collect();
            let kernel = packed(&weights.kernel, 1, k, n);
            let layer = QuantizedDense {
                kernel: Matrix::new(&kernel, 1, k, n).unwrap(),
                kernel_zero_points: weights.zero_points.as_deref(),
                bias: &weights.bias,
                requantization: Requantization { multipliers: &weights.multipliers, zero_point, min, max },
            };
            for isa in isas() {
                let context = format!("{isa:?} {m}×{k}×{n}");
                let mut y = vec![Y::default(); m * n];
                on(isa, |cx| layer.run(cx, view(&x, [m, k]), view_mut(&mut y, [m, n])).map(|_| ())).unwrap();
                assert_eq!(y, expected, "{context}");
                let mut wide = vec![Y::default(); m * (n + 3)];
                let mut columns = view_mut(&mut wide, [m, n + 3]);
                let columns = columns.slice_columns(2..n + 2).unwrap();
                on(isa, |cx| layer.run(cx, view(&x, [m, k]), columns).map(|_| ())).unwrap();
                let found: Vec<Y> = wide.chunks_exact(n + 3).flat_map(|row| row[2..n + 2].to_vec()).collect();
                assert_eq!(found, expected, "columns {context}");
                let mut y = vec![f32::NAN; m * n];
                let (from, to) = (view(&x, [m, k]), view_mut(&mut y, [m, n]));
                on(isa, |cx| layer.run_f32(cx, from, Some(&float_bias), bounds, to).map(|_| ())).unwrap();
                assert_eq!(y, floats, "{context}");
            }
        }
    }
}

#[test]
fn dense_layers() {
    let mut rng = Rng::new(1);
    dense::<u8, u8>(&mut rng);
    dense::<i8, i8>(&mut rng);
    dense::<u8, i8>(&mut rng);
}

fn dynamic_dense<X: Int>(rng: &mut Rng) {
    for (case, [m, k, n]) in
        [[1, 1, 1], [3, 7, 5], [1, 130, 70], [13, 67, 33], [29, 256, 100], [0, 3, 2]].into_iter().enumerate()
    {
        let kernel: Vec<i8> = ints(rng, k * n);
        let zero_points: Vec<i32> = (0..n).map(|c| (c as i32 * 67 % 255 - 127) * (case as i32 % 2)).collect();
        let column = |c: usize| (0..k).map(move |p| p * n + c);
        let weight = |at: usize| i32::from(kernel[at]) - zero_points[at % n];
        let sums: Vec<i32> = (0..n).map(|c| column(c).map(weight).sum()).collect();
        let (scales, bias) = (rng.vec(n), rng.vec(n));
        let x: Vec<X> = ints(rng, m * k);
        let panels = packed(&kernel, 1, k, n);
        let kernel_matrix = Matrix::new(&panels, 1, k, n).unwrap();
        for (zero, with_bias, activation) in [
            (X::RANGE[0], true, Activation::Linear),
            (X::RANGE[1], false, Activation::Relu),
            (X::RANGE[0] + 99, true, Activation::LeakyRelu(0.25)),
            (X::RANGE[0] + 99, true, Activation::Softsign),
        ] {
            let zero = X::of(zero.into());
            let expected: Vec<f32> = (0..m * n)
                .map(|i| {
                    let products = column(i % n)
                        .enumerate()
                        .map(|(p, at)| (x[i / n * k + p].into() - zero.into()) * i64::from(weight(at)));
                    let product = products.sum::<i64>() as f32 * (0.037 * scales[i % n]);
                    let y = product + if with_bias { bias[i % n] } else { 0.0 };
                    match activation {
                        a if a == Activation::Relu => y.max(0.0),
                        a if a == Activation::Softsign => y / (1.0 + y.abs()),
                        a if a == Activation::Linear => y,
                        _ => y.max(0.25 * y),
                    }
                })
                .collect();
            let layer = DynamicQuantizedDense {
                kernel: kernel_matrix,
                kernel_zero_points: (case % 2 == 1).then_some(&zero_points),
                sums: &sums,
                scales: &scales,
                bias: with_bias.then_some(&bias),
                activation,
            };
            for isa in isas() {
                let mut y = vec![f32::NAN; m * n];
                let (from, to) = (view(&x, [m, k]), view_mut(&mut y, [m, n]));
                let (scale, zero) = (view(&[0.037], []), [zero]);
                on(isa, |cx| layer.run(cx, from, scale, view(&zero, [1]), to).map(|_| ())).unwrap();
                assert_eq!(y, expected, "{isa:?} {m}×{k}×{n}");
            }
        }
    }
}

#[test]
fn dynamic_dense_layers() {
    let mut rng = Rng::new(11);
    dynamic_dense::<u8>(&mut rng);
    dynamic_dense::<i8>(&mut rng);
}

/// The quantized numbers, the scale and the zero point by the definition of `DynamicQuantizeLinear`.
fn dynamically_quantized(x: &[f32]) -> (Vec<u8>, f32, u8) {
    let low = x.iter().fold(0.0, |a: f32, &b| a.min(b));
    let high = x.iter().fold(0.0, |a: f32, &b| a.max(b));
    let scale = if low == high { 1.0 } else { (high - low) / 255.0 };
    let zero = (-low / scale).clamp(0.0, 255.0).round_ties_even();
    let y = x.iter().map(|x| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as u8).collect();
    (y, scale, zero as u8)
}

/// The weights of a `DynamicQuantizedLstm`, as row-major matrices.
struct LstmWeights {
    inputs: usize,
    units: usize,
    /// `[inputs, 4 · units]` and `[units, 4 · units]`
    matrices: [Vec<i8>; 2],
    sums: [Vec<i32>; 2],
    scales: [Vec<f32>; 2],
    bias: Vec<f32>,
    clip: f32,
}

impl LstmWeights {
    fn new(rng: &mut Rng, inputs: usize, units: usize, clip: f32) -> Self {
        let n = 4 * units;
        let matrices = [inputs, units].map(|rows| ints::<i8>(rng, rows * n));
        let sums = [0, 1].map(|i| {
            (0..n).map(|c| matrices[i].iter().skip(c).step_by(n).map(|&w| i32::from(w)).sum()).collect()
        });
        let scales = [0, 1].map(|_| rng.vec(n).iter().map(|x| x.abs() / 100.0 + 1e-3).collect());
        Self { inputs, units, matrices, sums, scales, bias: rng.vec(n), clip }
    }

    /// The states h and c after a step, from the inputs `[batch, inputs]` and the states before. The functions of the gates
    /// are computed in `f64`, everything else as the layer must.
    fn step(&self, x: &[f32], h: &[f32], c: &[f32]) -> [Vec<f64>; 2] {
        let (n, units) = (4 * self.units, self.units);
        let products = [(x, self.inputs), (h, units)];
        let z: Vec<f32> = (0..h.len() * 4)
            .map(|at| {
                let (sample, column) = (at / n, at % n);
                let [input, state] = [0, 1].map(|i| {
                    let (of, k) = products[i];
                    let (q, scale, zero) = dynamically_quantized(of);
                    let sum: i64 = (0..k)
                        .map(|p| {
                            (i64::from(q[sample * k + p]) - i64::from(zero))
                                * i64::from(self.matrices[i][p * n + column])
                        })
                        .sum();
                    sum as f32 * (scale * self.scales[i][column])
                });
                (input + state + self.bias[column]).clamp(-self.clip, self.clip)
            })
            .collect();
        let sigmoid = |x: f32| 1.0 / (1.0 + (-f64::from(x)).exp());
        let new_c: Vec<f64> = (0..c.len())
            .map(|at| {
                let gate = |i: usize| z[at / units * n + i * units + at % units];
                sigmoid(gate(1)) * f64::from(c[at]) + sigmoid(gate(0)) * f64::from(gate(2)).tanh()
            })
            .collect();
        let new_h = (0..c.len())
            .map(|at| sigmoid(z[at / units * n + 3 * units + at % units]) * new_c[at].tanh())
            .collect();
        [new_h, new_c]
    }
}

#[test]
fn dynamic_quantized_lstm() {
    let mut rng = Rng::new(13);
    let steps = 3;
    for [batch, inputs, units] in [[1, 1, 1], [1, 5, 16], [3, 7, 20], [2, 32, 40], [1, 70, 33], [7, 70, 24]] {
        let weights = LstmWeights::new(&mut rng, inputs, units, if batch == 2 { 0.5 } else { f32::INFINITY });
        let n = 4 * units;
        let kernel = packed(&weights.matrices[0], 1, inputs, n);
        let recurrent = packed(&weights.matrices[1], 4, units, units);
        let ([kernel_sums, recurrent_sums], [kernel_scales, recurrent_scales]) =
            (&weights.sums, &weights.scales);
        let layer = DynamicQuantizedLstm {
            bias: Some(&weights.bias),
            clip: weights.clip,
            return_sequences: true,
            ..DynamicQuantizedLstm::new(
                Matrix::new(&kernel, 1, inputs, n).unwrap(),
                kernel_sums,
                kernel_scales,
                Matrix::new(&recurrent, 4, units, units).unwrap(),
                recurrent_sums,
                recurrent_scales,
            )
        };
        let (base, first) = (rng.vec(batch * inputs), [rng.vec(batch * units), rng.vec(batch * units)]);
        // Each step has the same numbers, so that it has the range of the sequence.
        let inputs_of = |step: usize| -> Vec<f32> {
            base.chunks(inputs).flat_map(|row| (0..inputs).map(move |i| row[(i + step) % inputs])).collect()
        };
        let each: Vec<_> = (0..steps).map(inputs_of).collect();
        let x: Vec<f32> = (0..batch)
            .flat_map(|sample| each.iter().flat_map(move |x| x[sample * inputs..][..inputs].to_vec()))
            .collect();
        for isa in isas() {
            let run = |layer: DynamicQuantizedLstm<'_>, x: &[f32], [h, c]: &[Vec<f32>; 2]| {
                let (steps, state) = (x.len() / batch / inputs, [batch, units]);
                let states =
                    States { initial: [Some(view(h, state)), Some(view(c, state))], ..States::default() };
                let mut y = vec![f32::NAN; batch * steps * units];
                let mut last = [vec![f32::NAN; batch * units], vec![f32::NAN; batch * units]];
                let [to_h, to_c] = last.each_mut().map(|last| Some(view_mut(last, state)));
                let (from, to) = (view(x, [batch, steps, inputs]), view_mut(&mut y, [batch, steps, units]));
                on(isa, |cx| layer.run_with_states(cx, from, states, to, to_h, to_c).map(|_| ()))
                    .map(|()| (y, last))
            };
            for direction in [Direction::Forward, Direction::Reverse] {
                let context = format!("{isa:?} {batch}×{inputs}×{units} {direction:?}");
                let mut states = first.clone();
                let mut sequence = vec![0.0; batch * steps * units];
                for step in 0..steps {
                    let at = if direction == Direction::Forward { step } else { steps - 1 - step };
                    let expected = weights.step(&each[at], &states[0], &states[1]);
                    let (y, found) = run(layer, &each[at], &states).unwrap();
                    for (found, expected) in found.iter().zip(&expected) {
                        assert_close(found, expected, 1e-6, &context);
                    }
                    assert_eq!(y, found[0], "{context}");
                    for (sample, row) in y.chunks(units).enumerate() {
                        sequence[(sample * steps + at) * units..][..units].copy_from_slice(row);
                    }
                    states = found;
                }
                let (y, last) = run(DynamicQuantizedLstm { direction, ..layer }, &x, &first).unwrap();
                assert_eq!((y, last), (sequence, states), "{context}");
            }
            for bad in [
                DynamicQuantizedLstm { kernel_sums: &[], ..layer },
                DynamicQuantizedLstm { kernel_scales: &[], ..layer },
                DynamicQuantizedLstm { recurrent_sums: &[], ..layer },
                DynamicQuantizedLstm { recurrent_scales: &[], ..layer },
                DynamicQuantizedLstm { bias: Some(&[]), ..layer },
                DynamicQuantizedLstm { recurrent: Matrix::new(&kernel, 1, inputs, n).unwrap(), ..layer },
                DynamicQuantizedLstm { units: units + 1, ..layer },
            ] {
                assert!(run(bad, &x, &first).is_err());
            }
        }
    }
}

#[test]
fn dynamic_quantization() {
    let mut rng = Rng::new(12);
    let mut cases: Vec<Vec<f32>> = [0, 1, 3, 15, 16, 17, 64, 65, 1000].map(|len| rng.vec(len)).into();
    cases.push(vec![0.0; 20]);
    cases.push(vec![-0.0; 3]);
    // Ranges on one side of 0, halves, and a small range.
    cases.push(rng.vec(100).iter().map(|x| x + 1.5).collect());
    cases.push(rng.vec(100).iter().map(|x| x - 1.5).collect());
    cases.push((-255..=255).map(|x| x as f32 / 2.0).collect());
    cases.push(vec![1e-30, -1e-30, 0.0]);
    // The extremes at each position.
    cases.extend((0..70).map(|at| (0..70).map(|i| if i == at { -8.0 } else { i as f32 / 70.0 }).collect()));
    cases.extend((0..70).map(|at| (0..70).map(|i| if i == at { 8.0 } else { i as f32 / 70.0 }).collect()));
    for x in cases {
        let expected = dynamically_quantized(&x);
        for isa in isas() {
            let (mut y, mut scale, mut zero) = (vec![9; x.len()], [9.0], [9]);
            let from = view(&x, [x.len()]);
            let to = view_mut(&mut y, [x.len()]);
            let (steps, point) = (view_mut(&mut scale, []), view_mut(&mut zero, []));
            on(isa, |cx| DynamicQuantization.run(cx, from, to, steps, point).map(|_| ())).unwrap();
            assert_eq!((y, scale[0], zero[0]), expected, "{isa:?} {x:?}");
        }
    }
}

#[test]
fn dynamic_quantization_of_nan() {
    for at in 0..70 {
        let mut x = vec![1.0; 70];
        x[at] = f32::NAN;
        for isa in isas() {
            let (mut y, mut scale, mut zero) = ([9; 70], [9.0], [9]);
            let (steps, point) = (view_mut(&mut scale, []), view_mut(&mut zero, []));
            let to = view_mut(&mut y, [70]);
            on(isa, |cx| DynamicQuantization.run(cx, view(&x, [70]), to, steps, point).map(|_| ())).unwrap();
            assert!(scale[0].is_nan(), "{isa:?}");
            assert_eq!((y, zero), ([0; 70], [0]), "{isa:?}");
        }
    }
}

/// More cases than those of `f32`: taps that are not a multiple of four bytes.
fn cases() -> impl Iterator<Item = Case> {
    CASES.into_iter().filter(|case| case.channels[0] < 1000).chain([
        Case { size: [5, 6], channels: [30, 5], ..PLAIN },
        Case { size: [5, 6], channels: [66, 40], groups: 2, ..PLAIN },
        Case { size: [7, 9], channels: [22, 18], kernel: [3, 4], ..PLAIN },
        // More windows than are copied at once.
        Case {
            size: [9, 47],
            channels: [3, 24],
            stride: [2, 2],
            padding: [[0, 1], [1, 1]],
            batch: 2,
            ..PLAIN
        },
        Case { size: [8, 30], channels: [1, 70], kernel: [7, 7], padding: [[3, 3], [3, 3]], ..PLAIN },
        // Taps of whole cache lines.
        Case { size: [9, 8], channels: [64, 40], padding: [[1, 1], [2, 1]], batch: 2, ..PLAIN },
        Case {
            size: [11, 9],
            channels: [128, 40],
            groups: 2,
            dilation: [2, 1],
            padding: [[2, 2], [1, 0]],
            ..PLAIN
        },
    ])
}

fn convolution<X: Int>(rng: &mut Rng, symmetric: bool) {
    for (i, case) in cases().filter(|case| symmetric || case.groups == 1).enumerate() {
        let [cin, cout] = case.channels;
        let (gin, gout) = (cin / case.groups, cout / case.groups);
        let k = case.kernel[0] * case.kernel[1] * gin;
        let x_zero_point = X::RANGE[0] + [0, 255, 77, 130][i % 4];
        let weights = Weights::new::<X>(rng, [k, cout], symmetric, x_zero_point);
        let x: Vec<X> = ints(rng, case.batch * case.size[0] * case.size[1] * cin);
        let pixels = case.batch * case.output(0) * case.output(1);
        let mut sums: Vec<i64> = (0..pixels * cout).map(|i| Weights::plain_bias(i % cout)).collect();
        case.walk(|to, tap, from| {
            let Some(from) = from else { return };
            for o in 0..cout {
                for c in 0..gin {
                    let x = x[from * cin + o / gout * gin + c].into() - i64::from(x_zero_point);
                    sums[to * cout + o] += x * weights.at(tap * gin + c, o);
                }
            }
        });
        let (zero_point, range @ [min, max]) = ranges::<i8>()[i % 3];
        let scaled: Vec<f32> =
            sums.iter().enumerate().map(|(i, &sum)| sum as f32 * weights.multipliers[i % cout]).collect();
        let expected: Vec<i8> = scaled.iter().map(|&x| rounded(x, zero_point, range)).collect();
        let kernel = packed(&weights.kernel, case.groups, k, gout);
        let kernel = Matrix::new(&kernel, case.groups, k, gout).unwrap();
        let requantization = Requantization { multipliers: &weights.multipliers, zero_point, min, max };
        let layer = QuantizedConv2d {
            kernel,
            kernel_zero_points: weights.zero_points.as_deref(),
            bias: &weights.bias,
            requantization,
            x_zero_point,
            kernel_size: case.kernel,
            stride: case.stride,
            dilation: case.dilation,
            groups: case.groups,
            in_channels: cin,
            padding: case.padding,
        };
        let (from, to) = (case.input(cin), case.result(cout));
        for isa in isas() {
            let mut y = vec![0i8; pixels * cout];
            on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
            assert_eq!(y, expected, "{isa:?} {case:?}");
            let mut y = vec![f32::NAN; pixels * cout];
            let bounds @ [low, high] =
                if cout % 2 == 0 { [0.0, 6.0] } else { [f32::NEG_INFINITY, f32::INFINITY] };
            on(isa, |cx| layer.run_f32(cx, view(&x, from), None, bounds, view_mut(&mut y, to)).map(|_| ()))
                .unwrap();
            let clamped: Vec<f32> = scaled.iter().map(|y| y.clamp(low, high)).collect();
            assert_eq!(y, clamped, "{isa:?} {case:?}");
            if case.size[0] == 1 && case.kernel[0] == 1 {
                let layer = QuantizedConv1d {
                    kernel,
                    kernel_zero_points: weights.zero_points.as_deref(),
                    bias: &weights.bias,
                    requantization,
                    x_zero_point,
                    kernel_size: case.kernel[1],
                    stride: case.stride[1],
                    dilation: case.dilation[1],
                    groups: case.groups,
                    in_channels: cin,
                    padding: case.padding[1],
                };
                let (from, to) = ([from[0], from[2], from[3]], [to[0], to[2], to[3]]);
                let mut y = vec![0i8; pixels * cout];
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_eq!(y, expected, "1d {isa:?} {case:?}");
            }
        }
    }
}

#[test]
fn convolutions() {
    let mut rng = Rng::new(2);
    for symmetric in [true, false] {
        convolution::<u8>(&mut rng, symmetric);
        convolution::<i8>(&mut rng, symmetric);
    }
}

fn depthwise<X: Int>(rng: &mut Rng) {
    let extra = [
        Case { size: [11, 10], channels: [16, 0], ..PLAIN },
        Case { size: [11, 10], channels: [32, 0], batch: 2, ..PLAIN },
        // Windows that slide along a line, with padding on all sides.
        Case { size: [5, 21], channels: [32, 0], batch: 2, ..PLAIN },
        Case { size: [5, 21], channels: [144, 0], ..PLAIN },
        Case { size: [6, 20], channels: [96, 0], stride: [2, 2], padding: [[0, 1], [0, 1]], ..PLAIN },
        Case { size: [4, 19], channels: [64, 0], stride: [1, 4], padding: [[1, 1], [2, 2]], ..PLAIN },
        Case { size: [6, 9], channels: [70, 0], kernel: [4, 3], padding: [[3, 2], [2, 2]], ..PLAIN },
        Case { size: [1, 12], channels: [64, 0], kernel: [1, 3], padding: [[0, 0], [1, 1]], ..PLAIN },
        Case {
            size: [9, 17],
            channels: [32, 0],
            stride: [2, 2],
            kernel: [5, 5],
            padding: [[2, 2], [1, 2]],
            ..PLAIN
        },
        Case { size: [7, 7], channels: [150, 0], kernel: [5, 5], padding: [[2, 2], [2, 2]], ..PLAIN },
        Case { size: [8, 9], channels: [96, 0], stride: [2, 1], dilation: [1, 2], ..PLAIN },
        Case { size: [3, 40], channels: [8, 0], kernel: [3, 17], padding: [[1, 1], [9, 9]], ..PLAIN },
    ];
    for (i, case) in cases().chain(extra).enumerate() {
        for multiplier in [1, 3] {
            let channels = case.channels[0].min(150);
            let (outputs, taps) = (channels * multiplier, case.kernel[0] * case.kernel[1]);
            let x_zero_point = X::RANGE[0] + [0, 255, 77, 130][i % 4];
            let weights = Weights::new::<X>(rng, [taps, outputs], true, x_zero_point);
            let x: Vec<X> = ints(rng, case.batch * case.size[0] * case.size[1] * channels);
            let pixels = case.batch * case.output(0) * case.output(1);
            let mut sums: Vec<i64> =
                (0..pixels * outputs).map(|i| Weights::plain_bias(i % outputs)).collect();
            case.walk(|to, tap, from| {
                let Some(from) = from else { return };
                for o in 0..outputs {
                    let x = x[from * channels + o / multiplier].into() - i64::from(x_zero_point);
                    sums[to * outputs + o] += x * weights.at(tap, o);
                }
            });
            let (zero_point, range @ [min, max]) = ranges::<u8>()[i % 3];
            let multipliers = &weights.multipliers;
            let scaled = sums.iter().enumerate().map(|(i, &sum)| sum as f32 * multipliers[i % outputs]);
            let expected: Vec<u8> = scaled.map(|x| rounded(x, zero_point, range)).collect();
            let layer = QuantizedDepthwiseConv2d {
                kernel: &weights.kernel,
                bias: &weights.bias,
                requantization: Requantization { multipliers, zero_point, min, max },
                x_zero_point,
                kernel_size: case.kernel,
                stride: case.stride,
                dilation: case.dilation,
                channels,
                multiplier,
                padding: case.padding,
            };
            let (from, to) = (case.input(channels), case.result(outputs));
            for isa in isas() {
                let mut y = vec![0u8; pixels * outputs];
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_eq!(y, expected, "{isa:?} {multiplier} {case:?}");
            }
        }
    }
}

#[test]
fn depthwise_convolutions() {
    let mut rng = Rng::new(3);
    depthwise::<u8>(&mut rng);
    depthwise::<i8>(&mut rng);
}

/// The sum, and the product, of tensors that broadcast.
fn binary<A: Int, B: Int, Y: Int>(rng: &mut Rng) {
    for ([n, h, c], second) in [
        ([2, 3, 37], [2, 3, 37]),
        ([2, 3, 37], [1, 1, 37]),
        ([2, 3, 37], [2, 1, 37]),
        ([2, 3, 5], [2, 3, 1]),
        ([1, 1, 256], [1, 1, 256]),
        ([0, 3, 2], [1, 3, 2]),
    ] {
        let x1: Vec<A> = ints(rng, n * h * c);
        let x2: Vec<B> = ints(rng, second.iter().product());
        let pairs = |i: usize| {
            let at = [i / (h * c), i / c % h, i % c];
            let [_, h, c] = second;
            let at: Vec<usize> = at.iter().zip(second).map(|(at, dim)| at % dim.max(1)).collect();
            (x1[i].into(), x2[(at[0] * h + at[1]) * c + at[2]].into())
        };
        for (zero_point, range @ [min, max]) in ranges::<Y>() {
            let add = QuantizedAdd { a: 0.7, b: 1.3, offset: -11.2, zero_point, min, max };
            let sums = (0..n * h * c).map(|i| {
                let (x1, x2) = pairs(i);
                let second = add.b * x2 as f32 + add.offset;
                rounded(add.a * x1 as f32 + second, zero_point, range)
            });
            let sums: Vec<Y> = sums.collect();
            let x_zero_points = [A::RANGE[0], B::RANGE[1] - 9];
            let mul = QuantizedMul { x_zero_points, multiplier: 0.0123, offset: 0.0, zero_point, min, max };
            let products = (0..n * h * c).map(|i| {
                let (x1, x2) = pairs(i);
                let product = (x1 - i64::from(x_zero_points[0])) * (x2 - i64::from(x_zero_points[1]));
                rounded(product as f32 * mul.multiplier, zero_point, range)
            });
            let products: Vec<Y> = products.collect();
            for isa in isas() {
                let (a, b) = (view(&x1, [n, h, c]), view(&x2, second));
                let mut y = vec![Y::default(); n * h * c];
                on(isa, |cx| add.run(cx, a, b, view_mut(&mut y, [n, h, c])).map(|_| ())).unwrap();
                assert_eq!(y, sums, "{isa:?}");
                on(isa, |cx| mul.run(cx, a, b, view_mut(&mut y, [n, h, c])).map(|_| ())).unwrap();
                assert_eq!(y, products, "{isa:?}");
            }
        }
    }
}

#[test]
fn sums_and_products() {
    let mut rng = Rng::new(4);
    binary::<u8, u8, u8>(&mut rng);
    binary::<i8, u8, i8>(&mut rng);
}

fn pooling<X: Int>(rng: &mut Rng) {
    for case in cases() {
        let channels = case.channels[0].min(40);
        let x: Vec<X> = ints(rng, case.batch * case.size[0] * case.size[1] * channels);
        let x_zero_point = X::RANGE[0] + 100;
        for count_include_pad in [false, true] {
            let (zero_point, range @ [min, max]) = ranges::<i8>()[1];
            let pixels = case.batch * case.output(0) * case.output(1);
            let (mut sums, mut counts) = (vec![0i64; pixels * channels], vec![0usize; pixels]);
            case.walk(|to, _, from| {
                counts[to] += usize::from(from.is_some() || count_include_pad);
                let Some(from) = from else { return };
                for c in 0..channels {
                    sums[to * channels + c] += x[from * channels + c].into() - i64::from(x_zero_point);
                }
            });
            let mean = |(i, &sum): (usize, &i64)| sum as f32 * (1.7 / counts[i / channels].max(1) as f32);
            let expected: Vec<i8> =
                sums.iter().enumerate().map(mean).map(|x| rounded(x, zero_point, range)).collect();
            let layer = QuantizedAveragePool2d {
                size: case.kernel,
                stride: case.stride,
                dilation: case.dilation,
                padding: case.padding,
                count_include_pad,
                x_zero_point,
                multiplier: 1.7,
                offset: 0.0,
                zero_point,
                min,
                max,
            };
            for isa in isas() {
                let mut y = vec![0i8; pixels * channels];
                let (from, to) = (case.input(channels), case.result(channels));
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
                assert_eq!(y, expected, "{isa:?} {count_include_pad} {case:?}");
            }
        }
        let pixels = case.batch * case.output(0) * case.output(1);
        let mut expected = vec![X::of(X::RANGE[0].into()); pixels * channels];
        case.walk(|to, _, from| {
            let Some(from) = from else { return };
            for c in 0..channels {
                let y = &mut expected[to * channels + c];
                *y = (*y).max(x[from * channels + c]);
            }
        });
        let (size, stride, dilation, padding) = (case.kernel, case.stride, case.dilation, case.padding);
        let layer = QuantizedMaxPool2d { size, stride, dilation, padding };
        for isa in isas() {
            let mut y = vec![X::default(); pixels * channels];
            let (from, to) = (case.input(channels), case.result(channels));
            on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
            assert_eq!(y, expected, "{isa:?} {case:?}");
        }
        // The mean of the whole image.
        let layer = QuantizedMean::new::<u8>(x_zero_point, 0.9, 50);
        let count = case.size[0] * case.size[1];
        let expected: Vec<u8> = (0..case.batch * channels)
            .map(|i| {
                let x = (0..count).map(|p| x[(i / channels * count + p) * channels + i % channels].into());
                let sum = x.map(|x| x - i64::from(x_zero_point)).sum::<i64>();
                rounded(sum as f32 * (0.9 / count.max(1) as f32), 50, u8::RANGE)
            })
            .collect();
        for isa in isas() {
            let mut y = vec![0u8; case.batch * channels];
            let to = [case.batch, 1, channels];
            on(isa, |cx| layer.run(cx, view(&x, case.input(channels)), view_mut(&mut y, to)).map(|_| ()))
                .unwrap();
            assert_eq!(y, expected, "{isa:?} {case:?}");
        }
    }
}

/// With the zero point in the offset, 2.5 becomes 9.5 before it is rounded, to the even 10, instead of 2 + 7.
#[test]
fn offsets_are_added_before_rounding() {
    for isa in isas() {
        let mut y = [0u8];
        let mul = QuantizedMul { offset: 7.0, ..QuantizedMul::new::<u8>([0, 0], 0.5, 0) };
        on(isa, |cx| mul.run(cx, view(&[5u8], [1]), view(&[1u8], [1]), view_mut(&mut y, [1])).map(|_| ()))
            .unwrap();
        assert_eq!(y, [10]);
        let mean =
            QuantizedAveragePool2d { offset: 7.0, ..QuantizedAveragePool2d::new::<u8>([1, 2], 0, 1.0, 0) };
        on(isa, |cx| mean.run(cx, view(&[2u8, 3], [1, 2, 1]), view_mut(&mut y, [1, 1, 1])).map(|_| ()))
            .unwrap();
        assert_eq!(y, [10]);
    }
}

#[test]
fn means_and_maxima() {
    let mut rng = Rng::new(5);
    pooling::<u8>(&mut rng);
    pooling::<i8>(&mut rng);
}

#[test]
fn lookups() {
    let table: Vec<u8> = (0..256).map(|i| (i * 7 % 256) as u8).collect();
    let layer = QuantizedLookup::new(&table);
    let x: Vec<i8> = (-128..=127).collect();
    let expected: Vec<u8> = x.iter().map(|&x| table[usize::from(x.cast_unsigned())]).collect();
    for isa in isas() {
        let mut y = vec![0u8; 256];
        on(isa, |cx| layer.run(cx, view(&x, [256]), view_mut(&mut y, [256])).map(|_| ())).unwrap();
        assert_eq!(y, expected);
        let mut y = x.clone();
        on(isa, |cx| layer.run_in_place(cx, view_mut(&mut y, [256])).map(|_| ())).unwrap();
        assert!(y.iter().map(|y| y.cast_unsigned()).eq(expected.iter().copied()));
        let short = QuantizedLookup::new(&table[1..]);
        assert!(on(isa, |cx| short.run_in_place(cx, view_mut(&mut y, [256])).is_err()));
    }
}

/// Multipliers that are not numbers give an element in the range of the activation, the same everywhere.
#[test]
fn odd_multipliers() {
    let kernel = packed(&[1, -1, 0], 1, 1, 3);
    for multiplier in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 8.0, 0.0, -1.0, 1e30] {
        let multipliers = [multiplier; 3];
        let layer = QuantizedDense {
            kernel: Matrix::new(&kernel, 1, 1, 3).unwrap(),
            kernel_zero_points: None,
            bias: &[0; 3],
            requantization: Requantization { multipliers: &multipliers, zero_point: 7, min: 3, max: 90 },
        };
        let results: Vec<Vec<u8>> = isas()
            .into_iter()
            .map(|isa| {
                let mut y = vec![0u8; 3];
                on(isa, |cx| layer.run(cx, view(&[200u8], [1, 1]), view_mut(&mut y, [1, 3])).map(|_| ()))
                    .unwrap();
                y
            })
            .collect();
        assert!(
            results.iter().all(|y| *y == results[0] && y.iter().all(|y| (3..=90).contains(y))),
            "{results:?}"
        );
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let data = packed(&[1; 6], 1, 2, 3);
    let kernel = Matrix::new(&data, 1, 2, 3).unwrap();
    assert!(Matrix::new(&data[1..], 1, 2, 3).is_err());
    let requantization = Requantization::new::<u8>(&[1.0; 3], 0);
    let good = QuantizedDense { kernel, kernel_zero_points: Some(&[1; 3]), bias: &[0; 3], requantization };
    for isa in isas() {
        let run = |layer: QuantizedDense<'_>, x: [usize; 2], y: [usize; 2]| {
            let (x, mut to) = (vec![1u8; x[0] * x[1]], vec![0u8; y[0] * y[1]]);
            let dims = [x.len() / 2, 2];
            on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut to, y)).is_ok())
        };
        assert!(run(good, [1, 2], [1, 3]));
        assert!(!run(good, [1, 2], [1, 2]));
        assert!(!run(good, [1, 2], [2, 3]));
        for bad in [
            Requantization { multipliers: &[1.0; 2], ..requantization },
            Requantization { zero_point: 256, ..requantization },
            Requantization { zero_point: -1, ..requantization },
            Requantization { min: 4, max: 3, ..requantization },
            Requantization { min: -1, ..requantization },
            Requantization { max: i32::MAX, ..requantization },
        ] {
            assert!(!run(QuantizedDense { requantization: bad, ..good }, [1, 2], [1, 3]), "{bad:?}");
        }
        assert!(!run(QuantizedDense { bias: &[0; 2], ..good }, [1, 2], [1, 3]));
        for zero_points in [&[1; 2][..], &[1 << 15; 3]] {
            let bad = QuantizedDense { kernel_zero_points: Some(zero_points), ..good };
            assert!(!run(bad, [1, 2], [1, 3]), "{bad:?}");
        }
        let mut y = [0i8; 2];
        let mean = QuantizedMean::new::<i8>(0, 1.0, 0);
        let run = |layer: QuantizedMean, x: &[u8], dims: [usize; 3], y: &mut [i8], to: [usize; 2]| {
            on(isa, |cx| layer.run(cx, view(x, dims), view_mut(y, to)).is_ok())
        };
        assert!(run(mean, &[1; 6], [1, 3, 2], &mut y, [1, 2]));
        assert!(run(mean, &[], [1, 0, 2], &mut y, [1, 2]));
        assert!(!run(mean, &[1; 6], [2, 3, 1], &mut y, [1, 2]));
        assert!(!run(QuantizedMean { x_zero_point: -1, ..mean }, &[1; 6], [1, 3, 2], &mut y, [1, 2]));
        assert!(!run(QuantizedMean { max: 128, ..mean }, &[1; 6], [1, 3, 2], &mut y, [1, 2]));
        let kernel = Matrix::new(&[0; 64], 1, 2, 1).unwrap();
        let activation = Activation::Linear;
        let dense = DynamicQuantizedDense {
            kernel,
            kernel_zero_points: None,
            sums: &[0],
            scales: &[1.0],
            bias: None,
            activation,
        };
        let run = |layer: DynamicQuantizedDense<'_>, scale: &[f32], zero: &[u8], rows: usize| {
            let (x, mut y) = ([1; 2], [0.0]);
            let (x, y) = (view(&x, [1, 2]), view_mut(&mut y, [rows, 1]));
            let (scale, zero) = (view(scale, [scale.len()]), view(zero, [zero.len()]));
            on(isa, |cx| layer.run(cx, x, scale, zero, y).is_ok())
        };
        assert!(run(dense, &[1.0], &[0], 1));
        assert!(!run(dense, &[], &[0], 1) && !run(dense, &[1.0], &[0, 0], 1));
        for bad in [
            DynamicQuantizedDense { sums: &[], ..dense },
            DynamicQuantizedDense { kernel_zero_points: Some(&[]), ..dense },
            DynamicQuantizedDense { scales: &[1.0; 2], ..dense },
            DynamicQuantizedDense { bias: Some(&[]), ..dense },
            DynamicQuantizedDense { activation: Activation::PRelu(&[]), ..dense },
        ] {
            assert!(!run(bad, &[1.0], &[0], 1), "{bad:?}");
        }
    }
}

#[test]
fn wrong_arguments_of_convolutions_are_errors() {
    let data = packed(&[1; 6], 1, 2, 3);
    let kernel = Matrix::new(&data, 1, 2, 3).unwrap();
    let requantization = Requantization::new::<u8>(&[1.0; 3], 0);
    let conv = QuantizedConv2d::new(kernel, &[0; 3], requantization, [1, 2], 1);
    let depthwise = QuantizedDepthwiseConv2d::new(&[1; 6], &[0; 3], requantization, [1, 2], 3);
    let requantization = Requantization::new::<u8>(&[1.0; 2], 0);
    let kernel = Matrix::new(&[0; 128], 2, 1, 1).unwrap();
    let grouped = QuantizedConv2d::new(kernel, &[0; 2], requantization, [1, 1], 2);
    for isa in isas() {
        let run = |layer: QuantizedConv2d<'_>| {
            let (x, mut y) = ([1u8; 2], [0u8; 3]);
            on(isa, |cx| layer.run(cx, view(&x, [1, 1, 2, 1]), view_mut(&mut y, [1, 1, 1, 3])).is_ok())
        };
        assert!(run(conv));
        for bad in [
            QuantizedConv2d { x_zero_point: 256, ..conv },
            QuantizedConv2d { x_zero_point: -1, ..conv },
            QuantizedConv2d { stride: [0, 1], ..conv },
            QuantizedConv2d { kernel_size: [usize::MAX, usize::MAX], ..conv },
            QuantizedConv2d { padding: [[usize::MAX / 2, 5], [0, 0]], ..conv },
            QuantizedConv2d { groups: 0, ..conv },
            QuantizedConv2d { groups: 2, ..conv },
            QuantizedConv2d { in_channels: 2, ..conv },
            QuantizedConv2d { bias: &[1; 2], ..conv },
            QuantizedConv2d { kernel_zero_points: Some(&[]), ..conv },
        ] {
            assert!(!run(bad), "{bad:?}");
        }
        for (kernel_zero_points, runs) in [(Some(&[0; 2][..]), false), (None, true)] {
            let (x, mut y) = ([1u8; 2], [0u8; 2]);
            let layer = QuantizedConv2d { kernel_zero_points, ..grouped };
            let dims = [1, 1, 1, 2];
            let found = on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims)).is_ok());
            assert_eq!(found, runs, "{layer:?}");
        }
        let run = |layer: QuantizedDepthwiseConv2d<'_>| {
            let (x, mut y) = ([1i8; 6], [0u8; 3]);
            on(isa, |cx| layer.run(cx, view(&x, [1, 1, 2, 3]), view_mut(&mut y, [1, 1, 1, 3])).is_ok())
        };
        assert!(run(depthwise));
        for bad in [
            QuantizedDepthwiseConv2d { x_zero_point: 128, ..depthwise },
            QuantizedDepthwiseConv2d { multiplier: 0, ..depthwise },
            QuantizedDepthwiseConv2d { multiplier: 2, ..depthwise },
            QuantizedDepthwiseConv2d { channels: 2, ..depthwise },
            QuantizedDepthwiseConv2d { kernel: &[1; 5], ..depthwise },
            QuantizedDepthwiseConv2d { bias: &[1; 2], ..depthwise },
            QuantizedDepthwiseConv2d { dilation: [1, 0], ..depthwise },
        ] {
            assert!(!run(bad), "{bad:?}");
        }
    }
}
