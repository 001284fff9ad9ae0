//! LSTM and GRU against a step-by-step `f64` reference.

mod common;

use common::{Rng, assert_close, isas, packed};
use tf_layers::{Activation, Buffer, Direction, Gru, Lstm, Matrix, States};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Row `row` of x·w + bias, for w `[k, n]`.
fn product(x: &[f64], w: &[f32], n: usize, column: usize) -> f64 {
    x.iter().enumerate().map(|(k, x)| x * f64::from(w[k * n + column])).sum()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn lstm() {
    let mut rng = Rng::new(6);
    for (batch, steps, input, units) in
        [(1, 1, 1, 1), (2, 3, 5, 7), (1, 4, 3, 16), (7, 2, 20, 33), (0, 2, 3, 4), (2, 0, 3, 4)]
    {
        for (reverse, sequences, with_states) in
            [(false, false, false), (false, true, true), (true, false, true), (true, true, false)]
        {
            let n = 4 * units;
            let (w, u, b) = (rng.vec(input * n), rng.vec(units * n), rng.vec(n));
            let x = rng.vec(batch * steps * input);
            let (h0, c0) = (rng.vec(batch * units), rng.vec(batch * units));
            let mut sequence = vec![0.0; batch * steps * units];
            let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
            for sample in 0..batch {
                let state = |s: &[f32]| {
                    if with_states { wide(&s[sample * units..][..units]) } else { vec![0.0; units] }
                };
                let (mut h, mut c) = (state(&h0), state(&c0));
                for step in 0..steps {
                    let at = if reverse { steps - 1 - step } else { step };
                    let x = wide(&x[(sample * steps + at) * input..][..input]);
                    let z: Vec<f64> = (0..n)
                        .map(|j| product(&x, &w, n, j) + product(&h, &u, n, j) + f64::from(b[j]))
                        .collect();
                    for j in 0..units {
                        c[j] = sigmoid(z[units + j]) * c[j] + sigmoid(z[j]) * z[2 * units + j].tanh();
                        h[j] = sigmoid(z[3 * units + j]) * c[j].tanh();
                        sequence[(sample * steps + at) * units + j] = h[j];
                    }
                }
                last_h.extend(h);
                last_c.extend(c);
            }
            let (w, u) = (packed(&w, 1, input, n), packed(&u, 1, units, n));
            let layer = Lstm {
                kernel: Matrix::new(&w, 1, input, n).unwrap(),
                recurrent: Matrix::new(&u, 1, units, n).unwrap(),
                bias: Some(&b),
                units,
                activation: Activation::Tanh,
                recurrent_activation: Activation::Sigmoid,
                return_sequences: sequences,
                direction: if reverse { Direction::Reverse } else { Direction::Forward },
            };
            for isa in isas() {
                let context = format!("{isa:?} {batch} {steps} {input} {units} {reverse} {sequences}");
                let expected = if sequences { &sequence } else { &last_h };
                let mut y = vec![f32::NAN; expected.len()];
                let (mut h, mut c) = (vec![f32::NAN; batch * units], vec![f32::NAN; batch * units]);
                let mut scratch = Buffer::default();
                let initial = if with_states { [Some(&h0[..]), Some(&c0[..])] } else { [None; 2] };
                let states = States { initial, last: [Some(&mut h), Some(&mut c)], ..States::default() };
                layer.run_with_states(isa, batch, steps, &x, &mut y, states, &mut scratch).unwrap();
                assert_close(&y, expected, 1e-5, &context);
                assert_close(&h, &last_h, 1e-5, &context);
                assert_close(&c, &last_c, 1e-5, &context);
                assert!(layer.run(isa, batch + 9, steps + 1, &x, &mut y, &mut scratch).is_err());
                assert!(
                    Lstm { units: units + 1, ..layer }
                        .run(isa, batch, steps, &x, &mut y, &mut scratch)
                        .is_err()
                );
                assert!(
                    Lstm { bias: Some(&b[1..]), ..layer }
                        .run(isa, batch, steps, &x, &mut y, &mut scratch)
                        .is_err()
                );
            }
        }
    }
}

#[test]
fn gru() {
    let mut rng = Rng::new(7);
    for (batch, steps, input, units) in
        [(1, 1, 1, 1), (2, 3, 5, 7), (1, 4, 3, 16), (7, 2, 20, 33), (0, 2, 3, 4)]
    {
        for (reverse, sequences, reset_after) in
            [(false, false, false), (false, true, true), (true, false, true), (true, true, false)]
        {
            let n = 3 * units;
            let (w, u, b, rb) = (rng.vec(input * n), rng.vec(units * n), rng.vec(n), rng.vec(n));
            let x = rng.vec(batch * steps * input);
            let h0 = rng.vec(batch * units);
            let mut sequence = vec![0.0; batch * steps * units];
            let mut last = Vec::new();
            for sample in 0..batch {
                let mut h = wide(&h0[sample * units..][..units]);
                for step in 0..steps {
                    let at = if reverse { steps - 1 - step } else { step };
                    let x = wide(&x[(sample * steps + at) * input..][..input]);
                    let xs: Vec<f64> = (0..n).map(|j| product(&x, &w, n, j) + f64::from(b[j])).collect();
                    let hs: Vec<f64> = (0..n).map(|j| product(&h, &u, n, j) + f64::from(rb[j])).collect();
                    let r: Vec<f64> = (0..units).map(|j| sigmoid(xs[units + j] + hs[units + j])).collect();
                    let reset: Vec<f64> = h.iter().zip(&r).map(|(h, r)| h * r).collect();
                    let next = (0..units).map(|j| {
                        let z = sigmoid(xs[j] + hs[j]);
                        let column = 2 * units + j;
                        let recurrent = if reset_after {
                            r[j] * hs[column]
                        } else {
                            product(&reset, &u, n, column) + f64::from(rb[column])
                        };
                        z * h[j] + (1.0 - z) * (xs[column] + recurrent).tanh()
                    });
                    h = next.collect();
                    sequence[(sample * steps + at) * units..][..units].copy_from_slice(&h);
                }
                last.extend(h);
            }
            let columns = |from: usize, to: usize| -> Vec<f32> {
                (0..units).flat_map(|k| u[k * n + from..k * n + to].to_vec()).collect()
            };
            let width = if reset_after { n } else { 2 * units };
            let w = packed(&w, 1, input, n);
            let recurrent = packed(&columns(0, width), 1, units, width);
            let candidate = packed(&columns(2 * units, n), 1, units, units);
            let layer = Gru {
                kernel: Matrix::new(&w, 1, input, n).unwrap(),
                recurrent: Matrix::new(&recurrent, 1, units, width).unwrap(),
                candidate: (!reset_after).then(|| Matrix::new(&candidate, 1, units, units).unwrap()),
                bias: Some(&b),
                recurrent_bias: Some(&rb),
                units,
                activation: Activation::Tanh,
                recurrent_activation: Activation::Sigmoid,
                return_sequences: sequences,
                direction: if reverse { Direction::Reverse } else { Direction::Forward },
            };
            for isa in isas() {
                let context =
                    format!("{isa:?} {batch} {steps} {input} {units} {reverse} {sequences} {reset_after}");
                let expected = if sequences { &sequence } else { &last };
                let mut y = vec![f32::NAN; expected.len()];
                let mut h = vec![f32::NAN; batch * units];
                let mut scratch = Buffer::default();
                let states =
                    States { initial: [Some(&h0), None], last: [Some(&mut h), None], ..States::default() };
                layer.run_with_states(isa, batch, steps, &x, &mut y, states, &mut scratch).unwrap();
                assert_close(&y, expected, 1e-5, &context);
                assert_close(&h, &last, 1e-5, &context);
                assert!(layer.run(isa, batch + 1, steps, &x, &mut y, &mut scratch).is_err());
                assert!(
                    Gru { units: units + 1, ..layer }
                        .run(isa, batch, steps, &x, &mut y, &mut scratch)
                        .is_err()
                );
            }
        }
    }
}
