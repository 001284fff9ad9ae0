//! Scale and shift per channel, against `f64`.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::Context;
use tf_layers::nn::{Activation, ScaleShift};

#[test]
fn scale_shift() {
    let mut rng = Rng::new(3);
    // Rows shorter and longer than a joined row, complete and partial vectors, one and several blocks.
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
                    let dims = [pixels, channels];
                    on(isa, |cx| layer.run(cx, view(&x, dims), view_mut(&mut y, dims))).unwrap();
                    assert_close(&y, &expected, 1e-6, &name);
                    y.copy_from_slice(&x);
                    on(isa, |cx| layer.run_in_place(cx, view_mut(&mut y, dims))).unwrap();
                    assert_close(&y, &expected, 1e-6, &name);
                }
            }
        }
    }
}

#[test]
fn a_large_mean_does_not_cancel() {
    let layer =
        ScaleShift { mean: Some(&[1e6]), scale: &[0.1], shift: &[0.5], activation: Activation::Linear };
    for isa in isas() {
        let mut y = [1e6 + 0.25, 1e6 - 3.0];
        on(isa, |cx| layer.run_in_place(cx, view_mut(&mut y, [2, 1]))).unwrap();
        assert_close(&y, &[0.525, 0.2], 1e-7, isa.name());
    }
}

#[test]
fn dims_that_do_not_match_are_errors() {
    let good = ScaleShift { mean: None, scale: &[1.0; 3], shift: &[0.0; 3], activation: Activation::Relu };
    for isa in isas() {
        let mut y = [0.0; 6];
        let x = view(&[0.0; 6], [2, 3]);
        assert!(on(isa, |cx| good.run(cx, x, view_mut(&mut y, [2, 3]))).is_ok());
        assert!(on(isa, |cx| good.run(cx, x, view_mut(&mut y, [3, 2]))).is_err());
        assert!(on(isa, |cx| good.run(cx, view(&[0.0; 3], [1, 3]), view_mut(&mut y, [2, 3]))).is_err());
        assert!(on(isa, |cx| good.run_in_place(cx, view_mut(&mut y, [3, 2]))).is_err());
        assert!(on(isa, |cx| good.run_in_place(cx, view_mut(&mut y, [2, 3]).accumulate())).is_err());
        let none =
            |cx: &mut Context<'_>| good.run_in_place(cx, view_mut(&mut [], [usize::MAX / 4, 0])).is_err();
        assert!(on(isa, none));
        for bad in [
            ScaleShift { mean: Some(&[0.0; 2]), ..good },
            ScaleShift { shift: &[0.0; 2], ..good },
            ScaleShift { scale: &[], shift: &[], ..good },
        ] {
            assert!(on(isa, |cx| bad.run_in_place(cx, view_mut(&mut y, [2, 3]))).is_err(), "{bad:?}");
        }
    }
}
