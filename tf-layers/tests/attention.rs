//! Attention, normalization and masks of recurrent layers on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::nn::{
    Activation, Attention, Direction, GroupNorm, Mask, RmsNorm, SimpleRnn, States, UnitNorm,
};

#[test]
fn attention() {
    let mut rng = Rng::new(31);
    let plain = [0, 1, 2, 3];
    // [batch, rows, heads, depth] as in Keras, and keys whose depth comes before the rows.
    for axes in [[[0, 2, 1, 3]; 4], [plain, [0, 1, 3, 2], plain, plain]] {
        for (queries, keys) in [(3, 5), (101, 33), (1, 1)] {
            let (batch, heads, depth, value_depth) = (2, 2, 5, 18);
            let layer = Attention { scale: 0.5, axes };
            let (q, k) = (rng.vec(batch * heads * queries * depth), rng.vec(batch * heads * keys * depth));
            let v = rng.vec(batch * heads * keys * value_depth);
            let keep: Vec<bool> = (0..batch * keys).map(|_| !rng.next().is_multiple_of(4)).collect();
            let bias = rng.vec(heads * queries * keys);
            let at = |axes: [usize; 4], sizes: [usize; 4], place: [usize; 4]| {
                let mut order = [0, 1, 2, 3];
                order.sort_by_key(|&i| axes[i]);
                order.iter().fold(0, |index, &i| index * sizes[i] + place[i])
            };
            for which in 0..5 {
                let mask = match which {
                    0 => Mask::None,
                    1 => Mask::Keep { keep: view(&keep, [batch, 1, 1, keys]), fill: -1e9 },
                    2 => Mask::KeepOrZero { keep: view(&keep, [batch, 1, 1, keys]), fill: -1.0 },
                    3 => Mask::Lower { drop: view(&keep, [batch, 1, 1, keys]), penalty: 2.0 },
                    _ => Mask::Add(view(&bias, [1, heads, queries, keys])),
                };
                let mut weights = vec![0.0; batch * heads * queries * keys];
                let mut expected = vec![0.0; batch * heads * queries * value_depth];
                for place in 0..batch * heads * queries {
                    let (b, n, t) = (place / (heads * queries), place / queries % heads, place % queries);
                    let scores: Vec<f64> = (0..keys)
                        .map(|s| {
                            let mut score = 0.0;
                            for h in 0..depth {
                                let q = q[at(axes[0], [batch, heads, queries, depth], [b, n, t, h])];
                                let k = k[at(axes[1], [batch, heads, keys, depth], [b, n, s, h])];
                                score += f64::from(q) * f64::from(k);
                            }
                            match which {
                                1 if !keep[b * keys + s] => -1e9,
                                2 if !keep[b * keys + s] => -1.0,
                                3 if keep[b * keys + s] => score * 0.5 - 2.0,
                                4 => score * 0.5 + f64::from(bias[(n * queries + t) * keys + s]),
                                _ => score * 0.5,
                            }
                        })
                        .collect();
                    let weights = &mut weights[place * keys..][..keys];
                    for (s, weight) in softmax(&scores).into_iter().enumerate() {
                        weights[s] = if which == 2 && !keep[b * keys + s] { 0.0 } else { weight };
                    }
                    for d in 0..value_depth {
                        let to = at(axes[3], [batch, heads, queries, value_depth], [b, n, t, d]);
                        for (s, weight) in weights.iter().enumerate() {
                            let v = v[at(axes[2], [batch, heads, keys, value_depth], [b, n, s, d])];
                            expected[to] += weight * f64::from(v);
                        }
                    }
                }
                let dims = |i: usize, sizes: [usize; 4]| {
                    let mut dims = [0; 4];
                    for (axis, size) in axes[i].into_iter().zip(sizes) {
                        dims[axis] = size;
                    }
                    dims
                };
                let of_y = dims(3, [batch, heads, queries, value_depth]);
                let qs = view(&q, dims(0, [batch, heads, queries, depth]));
                let ks = view(&k, dims(1, [batch, heads, keys, depth]));
                let vs = view(&v, dims(2, [batch, heads, keys, value_depth]));
                for isa in isas() {
                    let mut y = vec![f32::NAN; expected.len()];
                    let run = |layer: Attention, k, v, mask, y: &mut [f32]| {
                        on(isa, |cx| layer.run(cx, qs, k, v, mask, view_mut(y, of_y)).map(drop))
                    };
                    run(layer, ks, vs, mask, &mut y).unwrap();
                    let context = format!("{isa:?} {queries} {keys} {which}");
                    assert_close(&y, &expected, 1e-5, &context);
                    let mut scores = vec![f32::NAN; weights.len()];
                    let to = (view_mut(&mut y, of_y), view_mut(&mut scores, [batch, heads, queries, keys]));
                    on(isa, |cx| layer.run_with_scores(cx, qs, ks, vs, mask, to.0, to.1).map(drop)).unwrap();
                    assert_close(&y, &expected, 1e-5, &context);
                    assert_close(&scores, &weights, 1e-6, &context);
                    let wrong = Attention { axes: [[0, 0, 1, 3]; 4], ..layer };
                    assert!(run(wrong, ks, vs, mask, &mut y).is_err());
                    let wrong = Attention { axes: [[0, 1, 2, 4]; 4], ..layer };
                    assert!(run(wrong, ks, vs, mask, &mut y).is_err());
                    let short = dims(1, [batch, heads, 0, depth]);
                    assert!(run(layer, view(&[], short), vs, mask, &mut y).is_err());
                    let narrow = view(&v[..batch * heads * keys], dims(2, [batch, heads, keys, 1]));
                    assert!(run(layer, ks, narrow, mask, &mut y).is_err());
                    let keep = view(&keep[..keys], [1, 1, keys, 1]);
                    let result = run(layer, ks, vs, Mask::Keep { keep, fill: 0.0 }, &mut y);
                    assert_eq!(result.is_ok(), keys == 1 || keys == queries);
                    let none = view(&[], dims(2, [batch, heads, 0, value_depth]));
                    run(layer, view(&[], short), none, Mask::None, &mut y).unwrap();
                    assert!(y.iter().all(|&y| y == 0.0));
                }
            }
        }
    }
}

#[test]
fn scores_of_other_dims_are_an_error() {
    let layer = Attention { scale: 1.0, axes: [[0, 1, 2, 3]; 4] };
    let (q, k, mut y, mut scores) = ([1.0; 2], [1.0; 6], [0.0; 2], [0.0; 3]);
    let (qs, ks, to) = (view(&q, [1, 1, 1, 2]), view(&k, [1, 1, 3, 2]), [1, 1, 1, 2]);
    for (dims, fits) in [([1, 1, 1, 3], true), ([1, 1, 3, 1], false)] {
        let to = (view_mut(&mut y, to), view_mut(&mut scores, dims));
        let ran = on(isas()[0], |cx| layer.run_with_scores(cx, qs, ks, ks, Mask::None, to.0, to.1).is_ok());
        assert_eq!(ran, fits, "{dims:?}");
    }
    // Values of depth 0 still have scores.
    scores.fill(0.0);
    let to = (view_mut(&mut [], [1, 1, 1, 0]), view_mut(&mut scores, [1, 1, 1, 3]));
    let none = view(&[], [1, 1, 3, 0]);
    on(isas()[0], |cx| layer.run_with_scores(cx, qs, ks, none, Mask::None, to.0, to.1).map(drop)).unwrap();
    assert!(scores.iter().all(|score| (score - 1.0 / 3.0).abs() < 1e-6));
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

#[test]
fn norms() {
    let mut rng = Rng::new(32);
    for [outer, axis, inner] in [[3, 21, 1], [2, 6, 19], [1, 1, 1]] {
        let x = rng.vec(outer * axis * inner);
        let gamma = rng.vec(axis);
        for isa in isas() {
            let mut y = vec![f32::NAN; x.len()];
            let dims = [outer, axis, inner];
            for p in [1, 2] {
                let layer = UnitNorm { axis: 1, span: 1, p, limit: 1e12 };
                on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                let size = |column: &[f64]| match p {
                    1 => column.iter().map(|x| x.abs()).sum::<f64>(),
                    _ => column.iter().map(|x| x * x).sum::<f64>().sqrt(),
                };
                assert_close(&y, &scaled(dims, &x, size, None), 1e-6, &format!("{isa:?} {p}"));
            }
            let rms = RmsNorm { axis: 1, span: 1, gamma: Some(&gamma), epsilon: 0.01 };
            on(isa, |cx| rms.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
            let size = |column: &[f64]| {
                (column.iter().map(|x| x * x).sum::<f64>() / column.len() as f64 + 0.01).sqrt()
            };
            assert_close(&y, &scaled(dims, &x, size, Some(&gamma)), 1e-6, &format!("{isa:?}"));
            for bad in [RmsNorm { gamma: Some(&[]), ..rms }, RmsNorm { axis: 2, span: 2, ..rms }] {
                assert!(
                    on(isa, |cx| bad.run(cx, view(&x, dims), view_mut(&mut y, dims))).is_err(),
                    "{bad:?}"
                );
            }
            let unit = UnitNorm { axis: 1, span: 1, p: 2, limit: 1.0 };
            for bad in [UnitNorm { p: 3, ..unit }, UnitNorm { axis: 3, ..unit }] {
                assert!(
                    on(isa, |cx| bad.run(cx, view(&x, dims), view_mut(&mut y, dims))).is_err(),
                    "{bad:?}"
                );
            }
        }
    }
}

/// Every vector along the axis, divided by its norm and multiplied by gamma.
fn scaled(
    [outer, axis, inner]: [usize; 3],
    x: &[f32],
    size: impl Fn(&[f64]) -> f64,
    gamma: Option<&[f32]>,
) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for o in 0..outer {
        for i in 0..inner {
            let at = |a: usize| (o * axis + a) * inner + i;
            let column: Vec<f64> = (0..axis).map(|a| f64::from(x[at(a)])).collect();
            let size = size(&column);
            for a in 0..axis {
                y[at(a)] = column[a] / size * gamma.map_or(1.0, |gamma| f64::from(gamma[a]));
            }
        }
    }
    y
}

#[test]
fn group_norm() {
    let mut rng = Rng::new(33);
    for (positions, channels, groups) in [(7, 24, 4), (300, 6, 6), (1, 5, 1)] {
        let x = rng.vec(2 * positions * channels);
        let (gamma, beta) = (rng.vec(channels), rng.vec(channels));
        let width = channels / groups;
        let mut expected = vec![0.0; x.len()];
        for sample in 0..2 {
            for group in 0..groups {
                let places: Vec<usize> = (0..positions * width)
                    .map(|i| (sample * positions + i / width) * channels + group * width + i % width)
                    .collect();
                let count = places.len() as f64;
                let mean = places.iter().map(|&i| f64::from(x[i])).sum::<f64>() / count;
                let variance = places.iter().map(|&i| (f64::from(x[i]) - mean).powi(2)).sum::<f64>() / count;
                for i in places {
                    let channel = i % channels;
                    expected[i] = (f64::from(x[i]) - mean) / (variance + 1e-3).sqrt()
                        * f64::from(gamma[channel])
                        + f64::from(beta[channel]);
                }
            }
        }
        let layer = GroupNorm { gamma: Some(&gamma), beta: Some(&beta), groups, epsilon: 1e-3 };
        for isa in isas() {
            let (mut y, dims) = (vec![f32::NAN; x.len()], [2, positions, channels]);
            on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {channels} {groups}"));
            let none = GroupNorm { groups: 0, ..layer };
            assert!(on(isa, |cx| none.run(cx, view(&x, dims), view_mut(&mut y, dims))).is_err());
            let flat = [x.len()];
            assert!(on(isa, |cx| layer.run(cx, view(&x, flat), view_mut(&mut y, flat))).is_err());
            let empty = [0, positions, channels];
            assert!(on(isa, |cx| layer.run(cx, view(&[], empty), view_mut(&mut [], empty)).is_ok()));
        }
    }
}

#[test]
fn masks_of_recurrent_layers() {
    let mut rng = Rng::new(34);
    let (batch, steps, units) = (2, 4, 3);
    let (kernel, recurrent) = (packed(&rng.vec(6), 1, 2, 3), packed(&rng.vec(9), 1, 3, 3));
    let x = rng.vec(batch * steps * 2);
    // Masking the second step gives the same result as leaving it out.
    let mask = [true, false, true, true, false, true, true, true];
    let layer = SimpleRnn {
        kernel: Matrix::new(&kernel, 1, 2, 3).unwrap(),
        recurrent: Matrix::new(&recurrent, 1, 3, 3).unwrap(),
        bias: None,
        units,
        activation: Activation::Tanh,
        return_sequences: true,
        direction: Direction::Forward,
    };
    for isa in isas() {
        let xs = view(&x, [batch, steps, 2]);
        for direction in [Direction::Forward, Direction::Reverse, Direction::GoBackwards] {
            let layer = SimpleRnn { direction, ..layer };
            for zero_masked in [false, true] {
                let mut y = vec![f32::NAN; batch * steps * units];
                let mut last = vec![f32::NAN; batch * units];
                let states =
                    States { mask: Some(view(&mask, [batch, steps])), zero_masked, ..States::default() };
                let (to, state) =
                    (view_mut(&mut y, [batch, steps, units]), view_mut(&mut last, [batch, units]));
                on(isa, |cx| layer.run_with_states(cx, xs, states, to, Some(state)).map(drop)).unwrap();
                for sample in 0..batch {
                    let kept: Vec<usize> = (0..steps).filter(|t| mask[sample * steps + t]).collect();
                    let inputs: Vec<f32> =
                        kept.iter().flat_map(|t| x[(sample * steps + t) * 2..][..2].to_vec()).collect();
                    let mut alone = vec![f32::NAN; kept.len() * units];
                    let inputs = view(&inputs, [1, kept.len(), 2]);
                    let to = view_mut(&mut alone, [1, kept.len(), units]);
                    on(isa, |cx| layer.run(cx, inputs, to)).unwrap();
                    let order = |t: usize| if direction == Direction::Forward { t } else { steps - 1 - t };
                    let mut before = vec![0.0; units];
                    let mut seen = 0;
                    for step in 0..steps {
                        let at = order(step);
                        let place = if direction == Direction::GoBackwards { step } else { at };
                        if mask[sample * steps + at] {
                            let own =
                                if direction == Direction::Reverse { kept.len() - 1 - seen } else { seen };
                            before = alone[own * units..][..units].to_vec();
                            seen += 1;
                        }
                        let zeros = vec![0.0; units];
                        let skipped = !mask[sample * steps + at] && zero_masked;
                        let expected: Vec<f64> =
                            if skipped { &zeros } else { &before }.iter().map(|&e| f64::from(e)).collect();
                        let found = &y[(sample * steps + place) * units..][..units];
                        assert_close(
                            found,
                            &expected,
                            1e-6,
                            &format!("{isa:?} {direction:?} {sample} {step}"),
                        );
                    }
                    let exact: Vec<f64> = before.iter().map(|&e| f64::from(e)).collect();
                    assert_close(&last[sample * units..][..units], &exact, 1e-6, &format!("{isa:?} last"));
                }
                let short = States { mask: Some(view(&mask[1..], [1, 7])), ..States::default() };
                let to = view_mut(&mut y, [batch, steps, units]);
                assert!(on(isa, |cx| layer.run_with_states(cx, xs, short, to, None).is_err()));
            }
        }
        let mut y = vec![f32::NAN; batch * units];
        let last = SimpleRnn { return_sequences: false, ..layer };
        let none = States { mask: Some(view(&[false; 8], [batch, steps])), ..States::default() };
        let to = view_mut(&mut y, [batch, units]);
        on(isa, |cx| last.run_with_states(cx, xs, none, to, None).map(drop)).unwrap();
        assert_eq!(y, vec![0.0; batch * units]);
    }
}
