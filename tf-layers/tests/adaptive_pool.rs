//! Adaptive pooling on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::nn::AdaptivePool;

/// The inputs that an output pools, as the definition gives them.
fn window(at: usize, input: usize, output: usize) -> std::ops::Range<usize> {
    let step = input as f64 / output as f64;
    (at as f64 * step + 1e-9).floor() as usize..((at + 1) as f64 * step - 1e-9).ceil() as usize
}

#[test]
fn volumes() {
    let mut rng = Rng::new(51);
    for (input, output) in [
        ([5, 6, 7], [3, 3, 3]),
        ([4, 6, 8], [2, 3, 4]),
        ([3, 2, 2], [3, 5, 1]),
        ([1, 1, 9], [1, 1, 4]),
        ([2, 3, 1], [1, 1, 1]),
    ] {
        for channels in [1, 7, 70] {
            let batch = 2;
            let x = rng.vec(batch * input.iter().product::<usize>() * channels);
            let (mut means, mut maxima) = (Vec::new(), Vec::new());
            for place in 0..batch * output.iter().product::<usize>() {
                let [of_z, of_y, of_x] = output;
                let at = [place / of_x / of_y % of_z, place / of_x % of_y, place % of_x];
                let sample = place / (of_x * of_y * of_z);
                for channel in 0..channels {
                    let mut taps = Vec::new();
                    for i in window(at[0], input[0], of_z) {
                        for j in window(at[1], input[1], of_y) {
                            for k in window(at[2], input[2], of_x) {
                                let pixel = ((sample * input[0] + i) * input[1] + j) * input[2] + k;
                                taps.push(f64::from(x[pixel * channels + channel]));
                            }
                        }
                    }
                    means.push(taps.iter().sum::<f64>() / taps.len() as f64);
                    maxima.push(taps.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                }
            }
            let [from, to] = [input, output].map(|size| [batch, size[0], size[1], size[2], channels]);
            for isa in isas() {
                for (layer, expected) in [(AdaptivePool::Average, &means), (AdaptivePool::Max, &maxima)] {
                    let mut y = vec![f32::NAN; expected.len()];
                    on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(drop)).unwrap();
                    assert_close(&y, expected, 1e-6, &format!("{isa:?} {layer:?} {input:?} {output:?}"));
                }
            }
        }
    }
}

#[test]
fn a_nan_is_the_greatest() {
    let x = [1.0, f32::NAN, 3.0, 4.0];
    for isa in isas() {
        let mut y = [0.0; 2];
        let to = view_mut(&mut y, [1, 2, 1]);
        on(isa, |cx| AdaptivePool::Max.run(cx, view(&x, [1, 4, 1]), to).map(drop)).unwrap();
        assert!(y[0].is_nan() && y[1] == 4.0, "{isa:?}: {y:?}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let (layer, isa) = (AdaptivePool::Average, isas()[0]);
    let run = |x: &[f32], from: [usize; 3], to: [usize; 3]| {
        let mut y = vec![0.0; to.iter().product()];
        on(isa, |cx| layer.run(cx, view(x, from), view_mut(&mut y, to)).map(drop))
    };
    assert!(run(&[1.0; 6], [1, 3, 2], [1, 2, 2]).is_ok());
    assert!(run(&[1.0; 6], [1, 3, 2], [2, 1, 2]).is_err());
    assert!(run(&[1.0; 6], [1, 3, 2], [1, 2, 1]).is_err());
    assert!(run(&[], [1, 0, 2], [1, 2, 2]).is_err());
    assert!(run(&[], [0, 3, 2], [0, 2, 2]).is_ok());
    assert!(run(&[1.0; 6], [1, 3, 2], [1, 0, 2]).is_ok());
    let (flat, mut y) = ([1.0; 4], [0.0; 4]);
    assert!(on(isa, |cx| layer.run(cx, view(&flat, [2, 2]), view_mut(&mut y, [2, 2])).map(drop)).is_err());
}
