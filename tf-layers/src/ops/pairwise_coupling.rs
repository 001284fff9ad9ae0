//! Probabilities of classes from those of their pairs.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, check_dims};

const MOST_STEPS: usize = 100;

/// From the probabilities x `[n, pairs]` of the first class of each pair (0, 1), (0, 2), …, (1, 2), … against the second
/// to the probabilities y `[n, classes]` of all classes.
///
/// With rᵢⱼ as the probability of i against j, the result p minimizes ∑ᵢ ∑ⱼ (rⱼᵢ pᵢ − rᵢⱼ pⱼ)² over all pairs i ≠ j
/// (algorithm 2 of Wu, Lin and Weng, "Probability Estimates for Multi-class Classification by Pairwise Coupling", 2004).
/// The iteration ends as in LIBSVM: when no gradient differs from the mean by 0.005 / classes, or after 100 steps or as
/// many as classes.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0.75], [1, 1])?;
/// let mut y = [0.0; 2];
/// let y = ops::pairwise_coupling(cx, x, ViewMut::new(&mut y, [1, 2])?)?;
/// assert!((y.as_slice()?[0] - 0.75).abs() < 0.01);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If dims do not fit, or there is not enough memory.
pub fn pairwise_coupling<'y>(
    cx: &mut Context<'_>,
    x: View<'_, f32, 2>,
    mut y: ViewMut<'y, f32, 2>,
) -> Result<View<'y, f32, 2>> {
    let [count, pairs] = x.dims();
    let classes = y.dims()[1];
    check_dims(&[count, classes], &y.dims())?;
    require(
        classes >= 2 && pairs == classes * (classes - 1) / 2,
        "x",
        "have one column for each pair of classes",
    )?;
    let gradients = cx.scratch.write(classes)?;
    for (x, p) in x.as_slice()?.chunks_exact(pairs).zip(y.as_mut_slice()?.chunks_exact_mut(classes)) {
        couple(x, gradients, p);
    }
    Ok(y.into_view())
}

/// The probabilities p of the classes of one sample, from those of its pairs.
///
/// Q is the matrix of the quadratic form. `gradients` holds Q p during the iteration.
fn couple(pairs: &[f32], gradients: &mut [f32], p: &mut [f32]) {
    let classes = p.len();
    let against = |i: usize, j: usize| {
        let (first, second) = (i.min(j), i.max(j));
        let own = pairs[first * (2 * classes - first - 1) / 2 + second - first - 1];
        if i < j { own } else { 1.0 - own }
    };
    let q = |i: usize, j: usize| {
        if i != j {
            return -against(j, i) * against(i, j);
        }
        let others = (0..classes).filter(|&other| other != i).map(|other| against(other, i));
        others.map(|other| other * other).sum()
    };
    p.fill(1.0 / classes as f32);
    for _ in 0..MOST_STEPS.max(classes) {
        for (i, gradient) in gradients.iter_mut().enumerate() {
            *gradient = (0..classes).map(|j| q(i, j) * p[j]).sum();
        }
        let mut mean: f32 = gradients.iter().zip(&*p).map(|(gradient, p)| gradient * p).sum();
        let furthest = gradients.iter().map(|gradient| (gradient - mean).abs()).fold(0.0, f32::max);
        if furthest < 0.005 / classes as f32 {
            break;
        }
        for i in 0..classes {
            // The step along pᵢ to the least value, after which p is divided by its new sum.
            let own = q(i, i);
            let step = (mean - gradients[i]) / own;
            let sum = 1.0 + step;
            p[i] += step;
            mean = (mean + step * (step * own + 2.0 * gradients[i])) / sum / sum;
            for j in 0..classes {
                gradients[j] = (gradients[j] + step * q(i, j)) / sum;
                p[j] /= sum;
            }
        }
    }
}
