//! LSTM and GRU against a step-by-step `f64` reference; errors of recurrent layers.

mod common;

use common::{Rng, assert_close, isas, on, packed, view, view_mut};
use tf_layers::Context;
use tf_layers::gemm::Matrix;
use tf_layers::nn::{
    Activation, Direction, DynamicCell, DynamicRecurrence, DynamicWeights, Gru, Lstm, States,
};
use tf_layers::tensor::View;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Element `column` of x·w, for w `[k, n]`.
fn product(x: &[f64], w: &[f32], n: usize, column: usize) -> f64 {
    x.iter().enumerate().map(|(k, x)| x * f64::from(w[k * n + column])).sum()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// The results of an LSTM after all steps; its last results and its last states h and c.
fn lstm_reference(
    [batch, steps, input, units]: [usize; 4],
    reverse: bool,
    mask: Option<&[bool]>,
    x: &[f32],
    [w, u, b]: [&[f32]; 3],
    initial: Option<[&[f32]; 2]>,
) -> (Vec<f64>, [Vec<f64>; 3]) {
    let n = 4 * units;
    let (mut sequence, mut last) = (vec![0.0; batch * steps * units], [const { Vec::new() }; 3]);
    for sample in 0..batch {
        let state = |i: usize| {
            initial.map_or(vec![0.0; units], |initial| wide(&initial[i][sample * units..][..units]))
        };
        let (mut h, mut c) = (state(0), state(1));
        // Under a mask, the result before the first step that is taken is 0.
        let mut y = if mask.is_some() { vec![0.0; units] } else { h.clone() };
        for step in 0..steps {
            let at = sample * steps + if reverse { steps - 1 - step } else { step };
            if mask.is_none_or(|mask| mask[at]) {
                let x = wide(&x[at * input..][..input]);
                let z: Vec<f64> =
                    (0..n).map(|j| product(&x, w, n, j) + product(&h, u, n, j) + f64::from(b[j])).collect();
                for j in 0..units {
                    c[j] = sigmoid(z[units + j]) * c[j] + sigmoid(z[j]) * z[2 * units + j].tanh();
                    h[j] = sigmoid(z[3 * units + j]) * c[j].tanh();
                }
                y.clone_from(&h);
            }
            sequence[at * units..][..units].copy_from_slice(&y);
        }
        for (last, of_sample) in last.iter_mut().zip([y, h, c]) {
            last.extend(of_sample);
        }
    }
    (sequence, last)
}

#[test]
fn lstm() {
    let mut rng = Rng::new(6);
    for (batch, steps, input, units) in [
        (1, 1, 1, 1),
        (2, 3, 5, 7),
        (1, 5, 3, 48),
        (3, 4, 5, 16),
        (7, 2, 20, 33),
        (13, 4, 5, 32),
        (6, 3, 0, 16),
        (0, 2, 3, 4),
        (2, 0, 3, 4),
    ] {
        for (reverse, sequences, with_states, masked) in [
            (false, false, false, false),
            (false, true, true, true),
            (true, false, true, false),
            (true, true, false, true),
            (false, false, false, true),
        ] {
            let n = 4 * units;
            // Some samples skip all steps.
            let mask: Vec<bool> = (0..batch * steps).map(|i| i % 3 == 0 && i / steps % 4 > 0).collect();
            let mask = masked.then_some(&mask[..]);
            let (w, u, b) = (rng.vec(input * n), rng.vec(units * n), rng.vec(n));
            let x = rng.vec(batch * steps * input);
            let (h0, c0) = (rng.vec(batch * units), rng.vec(batch * units));
            let initial = with_states.then_some([&h0[..], &c0]);
            let weights = [&w[..], &u, &b];
            let (sequence, [last_y, last_h, last_c]) =
                lstm_reference([batch, steps, input, units], reverse, mask, &x, weights, initial);
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
                let context =
                    format!("{isa:?} {batch} {steps} {input} {units} {reverse} {sequences} {masked}");
                let expected = if sequences { &sequence } else { &last_y };
                let mut y = vec![f32::NAN; expected.len()];
                let (mut h, mut c) = (vec![f32::NAN; batch * units], vec![f32::NAN; batch * units]);
                let (x, state) = (view(&x, [batch, steps, input]), [batch, units]);
                let initial =
                    if with_states { [Some(view(&h0, state)), Some(view(&c0, state))] } else { [None; 2] };
                let mask = mask.map(|mask| View::new(mask, [batch, steps]).unwrap());
                let states = States { initial, mask, ..States::default() };
                let (to_h, to_c) = (Some(view_mut(&mut h, state)), Some(view_mut(&mut c, state)));
                on(isa, |cx| {
                    if sequences {
                        let to = view_mut(&mut y, [batch, steps, units]);
                        layer.run_with_states(cx, x, states, to, to_h, to_c).map(drop)
                    } else {
                        layer.run_with_states(cx, x, states, view_mut(&mut y, state), to_h, to_c).map(drop)
                    }
                })
                .unwrap();
                assert_close(&y, expected, 1e-5, &context);
                assert_close(&h, &last_h, 1e-5, &context);
                assert_close(&c, &last_c, 1e-5, &context);
                let other = [batch + 1, units];
                let mut more = vec![0.0; other.iter().product()];
                let wrong = more.clone();
                assert!(on(isa, |cx| layer.run(cx, x, view_mut(&mut more, other)).is_err()));
                let bad = States { initial: [None, Some(view(&wrong, other))], ..States::default() };
                let refused = |cx: &mut Context<'_>, layer: Lstm<'_>, states, last| {
                    let mut y = vec![0.0; batch * units];
                    layer.run_with_states(cx, x, states, view_mut(&mut y, state), None, last).is_err()
                };
                let layer = Lstm { return_sequences: false, ..layer };
                assert!(on(isa, |cx| !refused(cx, layer, states, None)));
                assert!(on(isa, |cx| refused(cx, layer, bad, None)));
                assert!(on(isa, |cx| refused(cx, Lstm { units: units + 1, ..layer }, states, None)));
                assert!(on(isa, |cx| refused(cx, Lstm { bias: Some(&b[1..]), ..layer }, states, None)));
                let last = Some(view_mut(&mut more, other));
                assert!(on(isa, |cx| refused(cx, layer, states, last)));
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
                let (x, state) = (view(&x, [batch, steps, input]), [batch, units]);
                let states = States { initial: [Some(view(&h0, state))], ..States::default() };
                let to_h = Some(view_mut(&mut h, state));
                on(isa, |cx| {
                    if sequences {
                        let to = view_mut(&mut y, [batch, steps, units]);
                        layer.run_with_states(cx, x, states, to, to_h).map(drop)
                    } else {
                        layer.run_with_states(cx, x, states, view_mut(&mut y, state), to_h).map(drop)
                    }
                })
                .unwrap();
                assert_close(&y, expected, 1e-5, &context);
                assert_close(&h, &last, 1e-5, &context);
                let refused = |layer: Gru<'_>, state: [usize; 2]| {
                    let mut y = vec![0.0; state.iter().product()];
                    on(isa, |cx| layer.run(cx, x, view_mut(&mut y, state)).is_err())
                };
                let layer = Gru { return_sequences: false, ..layer };
                assert!(!refused(layer, state));
                assert!(refused(layer, [batch + 1, units]));
                assert!(refused(Gru { units: units + 1, ..layer }, [batch, units + 1]));
            }
        }
    }
}

#[test]
fn recurrences_check_their_arguments() {
    let tanh = [[Activation::Tanh; 3]];
    for cell in
        [DynamicCell::Rnn, DynamicCell::Gru { reset_after: true }, DynamicCell::Lstm { coupled: false }]
    {
        let gates = match cell {
            DynamicCell::Rnn => 1,
            DynamicCell::Gru { .. } => 3,
            DynamicCell::Lstm { .. } => 4,
        };
        let layer = DynamicRecurrence { cell, reverse: [false], activations: tanh, clip: f32::NAN };
        let ones = [1.0; 8];
        let good = DynamicWeights {
            kernel: view(&ones[..gates], [1, gates, 1]),
            recurrent: view(&ones[..gates], [1, gates, 1]),
            bias: None,
            lengths: None,
            initial: [None, None],
            peepholes: None,
        };
        for isa in isas() {
            let run = |layer: DynamicRecurrence<1>, weights: DynamicWeights<'_>| {
                let (x, mut y) = (view(&[1.0, 2.0], [2, 1, 1]), [f32::NAN; 2]);
                let to = Some(view_mut(&mut y, [2, 1, 1, 1]));
                on(isa, |cx| layer.run(cx, x, weights, to, None, None).map(drop)).map(|()| y)
            };
            assert!(run(layer, good).unwrap().iter().all(|y| y.is_finite()));
            // Steps after the end of a sample are zeros.
            assert_eq!(
                run(layer, DynamicWeights { lengths: Some(view(&[1], [1])), ..good }).unwrap()[1],
                0.0
            );
            for bad in [
                DynamicWeights { kernel: view(&[], [1, gates, 0]), ..good },
                DynamicWeights { kernel: view(&ones[..2 * gates], [2, gates, 1]), ..good },
                DynamicWeights { recurrent: view(&ones, [1, 8, 1]), ..good },
                DynamicWeights { bias: Some(view(&ones[..1], [1, 1])), ..good },
                DynamicWeights { lengths: Some(view(&[3], [1])), ..good },
                DynamicWeights { lengths: Some(view(&[-1], [1])), ..good },
                DynamicWeights { lengths: Some(view(&[1, 1], [2])), ..good },
                DynamicWeights { initial: [Some(view(&ones[..2], [1, 2, 1])), None], ..good },
                DynamicWeights { peepholes: Some(view(&ones[..2], [1, 2])), ..good },
            ] {
                assert!(run(layer, bad).is_err(), "{bad:?}");
            }
            let (reverse, activations) = ([true, false], [tanh[0]; 2]);
            let both = DynamicRecurrence { cell, reverse, activations, clip: f32::INFINITY };
            let x = view(&[], [0, 1, 1]);
            assert!(on(isa, |cx| both.run(cx, x, good, None, None, None).is_err()));
            // The largest possible batch of samples without steps.
            let weights = DynamicWeights { kernel: view(&[], [1, gates, 0]), ..good };
            let (x, dims) = (view(&[], [0, usize::MAX, 0]), [0, 1, usize::MAX, 1]);
            on(isa, |cx| layer.run(cx, x, weights, Some(view_mut(&mut [], dims)), None, None).map(drop))
                .unwrap();
        }
    }
}
