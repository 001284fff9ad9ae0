//! Additive attention on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::nn::{AdditiveAttention, Mask};

struct Sizes {
    batch: usize,
    queries: usize,
    keys: usize,
    depth: usize,
    value_depth: usize,
}

/// The mask of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Masked {
    Not,
    Lowered,
    Biased,
    Zeroed,
}

#[test]
fn additive_attention() {
    let mut rng = Rng::new(61);
    for (queries, keys, depth, value_depth) in [(3, 5, 4, 18), (70, 33, 7, 3), (1, 1, 1, 1), (2, 4, 0, 2)] {
        let size = Sizes { batch: 2, queries, keys, depth, value_depth };
        let [q, k] = [queries, keys].map(|rows| rng.vec(size.batch * rows * depth));
        let (v, scale) = (rng.vec(size.batch * keys * value_depth), rng.vec(depth));
        let drop: Vec<bool> = (0..size.batch * keys).map(|_| rng.next().is_multiple_of(3)).collect();
        let bias = rng.vec(queries * keys);
        for masked in [Masked::Not, Masked::Lowered, Masked::Biased, Masked::Zeroed] {
            for scale in [None, Some(scale.as_slice())] {
                let (y, weights) = expected(&size, [&q, &k, &v], scale, |score, [sample, query, key]| {
                    let dropped = drop[sample * keys + key];
                    match masked {
                        Masked::Lowered if dropped => (score - 2.0, 1.0),
                        Masked::Biased => (score + f64::from(bias[query * keys + key]), 1.0),
                        Masked::Zeroed if !dropped => (-1.0, 0.0),
                        _ => (score, 1.0),
                    }
                });
                let of_keys = view(&drop, [size.batch, 1, 1, keys]);
                let mask = match masked {
                    Masked::Not => Mask::None,
                    Masked::Lowered => Mask::Lower { drop: of_keys, penalty: 2.0 },
                    Masked::Biased => Mask::Add(view(&bias, [1, 1, queries, keys])),
                    Masked::Zeroed => Mask::KeepOrZero { keep: of_keys, fill: -1.0 },
                };
                let [qs, ks] =
                    [(&q, queries), (&k, keys)].map(|(x, rows)| view(x, [size.batch, rows, depth]));
                let vs = view(&v, [size.batch, keys, value_depth]);
                let layer = AdditiveAttention { scale };
                for isa in isas() {
                    let context = format!("{isa:?} {queries} {keys} {masked:?} {}", scale.is_some());
                    let (mut found, mut scores) = (vec![f32::NAN; y.len()], vec![f32::NAN; weights.len()]);
                    let to = view_mut(&mut found, [size.batch, queries, value_depth]);
                    on(isa, |cx| layer.run(cx, qs, ks, vs, mask, to).map(std::mem::drop)).unwrap();
                    assert_close(&found, &y, 1e-6, &context);
                    found.fill(f32::NAN);
                    let to = view_mut(&mut found, [size.batch, queries, value_depth]);
                    let and = view_mut(&mut scores, [size.batch, queries, keys]);
                    on(isa, |cx| layer.run_with_scores(cx, qs, ks, vs, mask, to, and).map(std::mem::drop))
                        .unwrap();
                    assert_close(&found, &y, 1e-6, &context);
                    assert_close(&scores, &weights, 1e-6, &context);
                }
            }
        }
    }
}

/// The result and the weights; `mask` gives a score's masked value and the factor of its weight.
fn expected(
    size: &Sizes,
    [q, k, v]: [&[f32]; 3],
    scale: Option<&[f32]>,
    mask: impl Fn(f64, [usize; 3]) -> (f64, f64),
) -> (Vec<f64>, Vec<f64>) {
    let &Sizes { batch, queries, keys, depth, value_depth } = size;
    let (mut y, mut all_weights) = (vec![0.0; batch * queries * value_depth], Vec::new());
    for row in 0..batch * queries {
        let (sample, query) = (row / queries, row % queries);
        let masked: Vec<(f64, f64)> = (0..keys)
            .map(|key| {
                let k = &k[(sample * keys + key) * depth..][..depth];
                let terms = q[row * depth..][..depth].iter().zip(k).enumerate();
                let term = |(d, (&q, &k))| {
                    f64::from(scale.map_or(1.0, |scale| scale[d])) * (f64::from(q) + f64::from(k)).tanh()
                };
                mask(terms.map(term).sum(), [sample, query, key])
            })
            .collect();
        let highest = masked.iter().fold(f64::NEG_INFINITY, |highest, m| highest.max(m.0));
        let total: f64 = masked.iter().map(|m| (m.0 - highest).exp()).sum();
        let weights = masked.iter().map(|m| (m.0 - highest).exp() / total * m.1);
        all_weights.extend(weights);
        for key in 0..keys {
            for d in 0..value_depth {
                y[row * value_depth + d] +=
                    all_weights[row * keys + key] * f64::from(v[(sample * keys + key) * value_depth + d]);
            }
        }
    }
    (y, all_weights)
}

#[test]
fn mismatched_dims_are_errors() {
    let x = [0.5; 12];
    let layer = AdditiveAttention { scale: None };
    let run = |layer: AdditiveAttention<'_>, dims: [[usize; 3]; 4], mask: Mask<'_>| {
        let [q, k, v] = [0, 1, 2].map(|i| view(&x[..dims[i].iter().product()], dims[i]));
        let mut y = vec![f32::NAN; dims[3].iter().product()];
        on(isas()[0], |cx| layer.run(cx, q, k, v, mask, view_mut(&mut y, dims[3])).map(drop)).map(|()| y)
    };
    let good = [[1, 2, 3], [1, 4, 3], [1, 4, 2], [1, 2, 2]];
    assert_eq!(run(layer, good, Mask::None), Ok(vec![0.5; 4]));
    for (i, dims) in
        [(0, [1, 2, 2]), (1, [1, 3, 3]), (1, [1, 4, 1]), (2, [1, 3, 2]), (3, [1, 2, 1]), (3, [2, 2, 2])]
    {
        let mut wrong = good;
        wrong[i] = dims;
        assert!(run(layer, wrong, Mask::None).is_err(), "{wrong:?}");
    }
    assert!(run(AdditiveAttention { scale: Some(&[1.0; 2]) }, good, Mask::None).is_err());
    assert!(run(layer, good, Mask::Add(view(&x[..3], [1, 1, 1, 3]))).is_err());
    let none = [[1, 2, 3], [1, 0, 3], [1, 0, 2], [1, 2, 2]];
    assert_eq!(run(layer, none, Mask::None), Ok(vec![0.0; 4]));
    let (mut y, mut scores) = ([0.0; 4], [0.0; 8]);
    let [q, k, v] = [0, 1, 2].map(|i| view(&x[..good[i].iter().product()], good[i]));
    let to = (view_mut(&mut y, good[3]), view_mut(&mut scores, [1, 4, 2]));
    assert!(on(isas()[0], |cx| layer.run_with_scores(cx, q, k, v, Mask::None, to.0, to.1).is_err()));
}
