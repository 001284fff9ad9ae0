//! Pairwise coupling: probabilities that agree with each other are found again, and wrong dims are refused.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::{Result, ops};

fn coupled(pairs: &[f32], [samples, columns]: [usize; 2], classes: usize) -> Result<Vec<f32>> {
    let mut y = vec![f32::NAN; classes * samples];
    on(isas()[0], |cx| {
        ops::pairwise_coupling(cx, view(pairs, [samples, columns]), view_mut(&mut y, [samples, classes]))
            .map(|_| ())
    })?;
    Ok(y)
}

/// pᵢ / (pᵢ + pⱼ) for all pairs.
fn pairs_of(p: &[f32]) -> Vec<f32> {
    let pairs = (0..p.len()).flat_map(|i| (i + 1..p.len()).map(move |j| (i, j)));
    pairs.map(|(i, j)| p[i] / (p[i] + p[j])).collect()
}

#[test]
fn probabilities_that_agree_are_found_again() {
    let cases: [&[f32]; 6] = [
        &[0.5, 0.5],
        &[0.9, 0.1],
        &[0.2, 0.5, 0.3],
        &[0.97, 0.01, 0.01, 0.01],
        &[0.1, 0.2, 0.3, 0.25, 0.15],
        &[1.0 / 64.0; 64],
    ];
    for p in cases {
        // A second sample must not depend on the first.
        let pairs = [pairs_of(p), pairs_of(&vec![1.0 / p.len() as f32; p.len()])].concat();
        let found = coupled(&pairs, [2, pairs.len() / 2], p.len()).unwrap();
        // The iteration stops where the gradients differ by 0.005 / classes.
        for (found, expected) in found.iter().zip(p) {
            assert!((found - expected).abs() < 0.015, "{found} instead of {expected} in {p:?}");
        }
        for (sample, found) in found.chunks(p.len()).enumerate() {
            let sum: f32 = found.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "sample {sample} of {p:?}: the sum is {sum}");
        }
    }
}

#[test]
fn dims_that_do_not_fit_are_refused() {
    assert_eq!(coupled(&[], [0, 3], 3), Ok(vec![]));
    for (pairs, classes) in [(1, 3), (3, 2), (0, 0), (0, 1), (6, 3)] {
        assert!(
            coupled(&vec![0.5; pairs], [1, pairs], classes).is_err(),
            "{pairs} pairs of {classes} classes"
        );
    }
}
