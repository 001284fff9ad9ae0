//! A factor and a summand for each channel, against `f64`.

mod common;

use common::{Rng, assert_close, isas};
use tf_layers::{Activation, ScaleShift};

#[test]
fn as_the_formula_says() {
    let mut rng = Rng::new(3);
    // Rows shorter and longer than those that are joined, whole and broken vectors, one and several blocks.
    for (pixels, channels) in [
        (1, 1),
        (5000, 1),
        (1, 3),
        (86, 3),
        (3001, 3),
        (7, 64),
        (90, 128),
        (50, 129),
        (9, 257),
        (3, 6000),
        (0, 4),
    ] {
        let x = rng.vec(pixels * channels);
        let [mean, scale, shift] = [(); 3].map(|()| rng.vec(channels));
        for (activation, f) in [
            (Activation::Linear, (|y| y) as fn(f64) -> f64),
            (Activation::Relu, |y| y.max(0.0)),
            (Activation::Clip(-0.5, 0.25), |y| y.clamp(-0.5, 0.25)),
            (Activation::Tanh, f64::tanh),
        ] {
            for mean in [None, Some(&mean[..])] {
                let layer = ScaleShift { mean, scale: &scale, shift: &shift, activation };
                let expected: Vec<f64> = (0..x.len())
                    .map(|i| {
                        let [mean, scale, shift] = [mean.unwrap_or(&[]), &scale, &shift]
                            .map(|w| w.get(i % channels).map_or(0.0, |&w| f64::from(w)));
                        f((f64::from(x[i]) - mean) * scale + shift)
                    })
                    .collect();
                for isa in isas() {
                    let name = format!("{pixels} × {channels}, {activation:?}, {}", isa.name());
                    let mut y = vec![f32::NAN; x.len()];
                    layer.run(isa, &x, &mut y).unwrap();
                    assert_close(&y, &expected, 1e-6, &name);
                    y.copy_from_slice(&x);
                    layer.run_in_place(isa, &mut y).unwrap();
                    assert_close(&y, &expected, 1e-6, &name);
                }
            }
        }
    }
}

#[test]
fn a_mean_that_is_near_leaves_no_rounding() {
    let layer =
        ScaleShift { mean: Some(&[1e6]), scale: &[0.1], shift: &[0.5], activation: Activation::Linear };
    for isa in isas() {
        let mut y = [1e6 + 0.25, 1e6 - 3.0];
        layer.run_in_place(isa, &mut y).unwrap();
        assert_close(&y, &[0.525, 0.2], 1e-7, isa.name());
    }
}

#[test]
fn what_contradicts_itself_is_an_error() {
    let good = ScaleShift { mean: None, scale: &[1.0; 3], shift: &[0.0; 3], activation: Activation::Relu };
    for isa in isas() {
        let mut y = [0.0; 6];
        assert!(good.run(isa, &[0.0; 6], &mut y).is_ok());
        assert!(good.run(isa, &[0.0; 5], &mut y).is_err());
        assert!(good.run(isa, &[0.0; 5], &mut y[..5]).is_err());
        for bad in [
            ScaleShift { mean: Some(&[0.0; 2]), ..good },
            ScaleShift { shift: &[0.0; 2], ..good },
            ScaleShift { scale: &[], shift: &[], ..good },
        ] {
            assert!(bad.run_in_place(isa, &mut y).is_err(), "{bad:?}");
        }
    }
}
