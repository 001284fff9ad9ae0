//! Convolutions over volumes, and transposed convolutions on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas, packed};
use tf_layers::{Activation, Buffer, Conv3d, ConvTranspose, Matrix, Pool, Pool3d};

#[test]
fn convolution_over_volumes() {
    let mut rng = Rng::new(21);
    for (groups, stride, dilation, padding) in
        [(1, [1, 1, 1], [1, 1, 1], [[1, 1]; 3]), (2, [2, 1, 2], [1, 2, 1], [[0, 1], [2, 0], [1, 1]])]
    {
        let (size, kernel_size, cin, cout, batch) = ([4, 5, 6], [3, 2, 3], 4, 22, 2);
        let (gin, gout) = (cin / groups, cout / groups);
        let x = rng.vec(batch * 4 * 5 * 6 * cin);
        let (w, b) = (rng.vec(3 * 2 * 3 * gin * cout), rng.vec(cout));
        // A matrix for each tap along the depth.
        let slice = 2 * 3 * gin * cout;
        let data: Vec<f32> = w.chunks(slice).flat_map(|w| packed(w, groups, 2 * 3 * gin, gout)).collect();
        let layer = Conv3d {
            kernel: Matrix::new(&data, 3 * groups, 2 * 3 * gin, gout).unwrap(),
            bias: Some(&b),
            activation: Activation::Relu,
            kernel_size,
            stride,
            dilation,
            groups,
            in_channels: cin,
            padding,
        };
        let out = layer.output_size(size).unwrap();
        let mut expected = Vec::new();
        for sample in 0..batch {
            for at in 0..out.iter().product() {
                let at = [at / (out[1] * out[2]), at / out[2] % out[1], at % out[2]];
                for o in 0..cout {
                    let mut sum = f64::from(b[o]);
                    for tap in 0..18 {
                        let taps = [tap / 6, tap / 3 % 2, tap % 3];
                        let mut from = Some(sample);
                        for axis in 0..3 {
                            let place = (at[axis] * stride[axis] + taps[axis] * dilation[axis])
                                .wrapping_sub(padding[axis][0]);
                            from = from.filter(|_| place < size[axis]).map(|i| i * size[axis] + place);
                        }
                        for c in 0..gin {
                            let x = from.map_or(0.0, |from| x[from * cin + o / gout * gin + c]);
                            sum += f64::from(x) * f64::from(w[(tap * gin + c) * cout + o]);
                        }
                    }
                    expected.push(sum.max(0.0));
                }
            }
        }
        for isa in isas() {
            let mut y = vec![f32::NAN; expected.len()];
            layer.run(isa, batch, size, &x, &mut y).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {groups}"));
            assert!(layer.run(isa, batch + 1, size, &x, &mut y).is_err());
            assert!(layer.run(isa, usize::MAX, size, &x, &mut y).is_err());
            assert!(Conv3d { groups: 3, ..layer }.run(isa, batch, size, &x, &mut y).is_err());
            assert!(Conv3d { stride: [0; 3], ..layer }.run(isa, batch, size, &x, &mut y).is_err());
            let inverted = Activation::Clip(1.0, -1.0);
            assert!(Conv3d { activation: inverted, ..layer }.run(isa, batch, size, &x, &mut y).is_ok());
        }
    }
}

#[test]
fn transposed_convolution() {
    let mut rng = Rng::new(22);
    for (groups, stride, dilation, cut, cout) in
        [(1, [1, 2, 3], [1, 1, 1], [0, 1, 0], 17), (2, [2, 1, 2], [1, 2, 1], [1, 0, 2], 6)]
    {
        let (size, kernel_size, output, cin, batch) = ([2, 3, 4], [2, 3, 2], [3, 6, 7], 4, 2);
        let (gin, gout) = (cin / groups, cout / groups);
        let x = rng.vec(batch * 2 * 3 * 4 * cin);
        let (w, b) = (rng.vec(gin * groups * 12 * gout), rng.vec(cout));
        let data = packed(&w, groups, gin, 12 * gout);
        let layer = ConvTranspose {
            kernel: Matrix::new(&data, groups, gin, 12 * gout).unwrap(),
            bias: Some(&b),
            activation: Activation::Tanh,
            kernel_size,
            stride,
            dilation,
            groups,
            in_channels: cin,
            padding: cut,
        };
        let pixels: usize = output.iter().product();
        let mut expected: Vec<f64> = (0..batch * pixels * cout).map(|i| f64::from(b[i % cout])).collect();
        for sample in 0..batch {
            for from in 0..24 {
                let at = [from / 12, from / 4 % 3, from % 4];
                for tap in 0..12 {
                    let taps = [tap / 6, tap / 2 % 3, tap % 2];
                    let mut to = Some(sample);
                    for axis in 0..3 {
                        let place =
                            (at[axis] * stride[axis] + taps[axis] * dilation[axis]).wrapping_sub(cut[axis]);
                        to = to.filter(|_| place < output[axis]).map(|i| i * output[axis] + place);
                    }
                    let Some(to) = to else { continue };
                    for o in 0..cout {
                        for c in 0..gin {
                            let x = x[(sample * 24 + from) * cin + o / gout * gin + c];
                            let column = (o / gout * 12 + tap) * gout + o % gout;
                            expected[to * cout + o] +=
                                f64::from(x) * f64::from(w[c * groups * 12 * gout + column]);
                        }
                    }
                }
            }
        }
        for e in &mut expected {
            *e = e.tanh();
        }
        for isa in isas() {
            let (mut y, mut scratch) = (vec![f32::NAN; expected.len()], Buffer::default());
            layer.run(isa, batch, size, output, &x, &mut y, &mut scratch).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {groups}"));
            assert!(layer.run(isa, batch, size, [3, 6, 8], &x, &mut y, &mut scratch).is_err());
            assert!(layer.run(isa, usize::MAX, size, output, &x, &mut y, &mut scratch).is_err());
            let far = ConvTranspose { stride: [usize::MAX; 3], ..layer };
            assert!(far.run(isa, batch, size, output, &x, &mut y, &mut scratch).is_err());
            assert!(
                ConvTranspose { groups: 0, ..layer }
                    .run(isa, batch, size, output, &x, &mut y, &mut scratch)
                    .is_err()
            );
            assert!(layer.run(isa, 0, size, output, &[], &mut [], &mut scratch).is_ok());
        }
    }
}

#[test]
fn pooling_over_volumes() {
    let mut rng = Rng::new(23);
    let (size, channels) = ([3, 4, 5], 19);
    let x = rng.vec(60 * channels);
    for kind in [Pool::Max, Pool::Sum, Pool::Average { count_include_pad: false }] {
        let layer = Pool3d {
            kind,
            size: [2; 3],
            stride: [1, 2, 1],
            dilation: [1; 3],
            padding: [[1, 0], [0, 1], [0, 0]],
        };
        let out = layer.output_size(size).unwrap();
        let mut expected = Vec::new();
        for at in 0..out.iter().product() {
            let at = [at / (out[1] * out[2]), at / out[2] % out[1], at % out[2]];
            for channel in 0..channels {
                let mut taken = Vec::new();
                for tap in 0..8 {
                    let place =
                        [(at[0] + (tap / 4)).wrapping_sub(1), at[1] * 2 + (tap / 2 % 2), at[2] + tap % 2];
                    if (0..3).all(|axis| place[axis] < size[axis]) {
                        let pixel = (place[0] * 4 + place[1]) * 5 + place[2];
                        taken.push(f64::from(x[pixel * channels + channel]));
                    }
                }
                expected.push(match kind {
                    Pool::Max | Pool::MaxOverPadding => {
                        taken.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                    }
                    Pool::Sum => taken.iter().sum(),
                    Pool::Average { .. } => taken.iter().sum::<f64>() / taken.len() as f64,
                });
            }
        }
        for isa in isas() {
            let mut y = vec![f32::NAN; expected.len()];
            layer.run(isa, 1, size, channels, &x, &mut y).unwrap();
            assert_close(&y, &expected, 1e-6, &format!("{isa:?} {kind:?}"));
            assert!(layer.run(isa, 1, [3, 4, 6], channels, &x, &mut y).is_err());
        }
    }
}
