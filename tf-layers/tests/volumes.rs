//! Convolutions over volumes, and transposed convolutions on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::nn::{Activation, Conv3d, ConvTranspose, Pool3d, PoolKind};

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
        // One matrix per tap along the depth.
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
            let (from, to) = ([batch, 4, 5, 6, cin], [batch, out[0], out[1], out[2], cout]);
            let run = |layer: Conv3d<'_>, to, y: &mut [f32]| {
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(y, to)).map(|_| ()))
            };
            run(layer, to, &mut y).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {groups}"));
            assert!(run(layer, [1, out[0] * batch, out[1], out[2], cout], &mut y).is_err());
            assert!(run(Conv3d { groups: 3, ..layer }, to, &mut y).is_err());
            assert!(run(Conv3d { in_channels: 2, ..layer }, to, &mut y).is_err());
            assert!(run(Conv3d { stride: [0; 3], ..layer }, to, &mut y).is_err());
            let inverted = Activation::Clip(1.0, -1.0);
            assert!(run(Conv3d { activation: inverted, ..layer }, to, &mut y).is_ok());
        }
    }
}

#[test]
fn transposed_convolution() {
    let mut rng = Rng::new(22);
    // In the last ones, every output has one tap of one input.
    for (groups, kernel_size, stride, dilation, cut, output, cout) in [
        (1, [2, 3, 2], [1, 2, 3], [1, 1, 1], [0, 1, 0], [3, 6, 7], 17),
        (2, [2, 3, 2], [2, 1, 2], [1, 2, 1], [1, 0, 2], [3, 6, 7], 6),
        (1, [1, 3, 2], [1, 3, 2], [1, 1, 1], [0, 0, 0], [2, 9, 8], 8),
        (1, [1, 1, 4], [1, 1, 4], [1, 1, 1], [0, 0, 0], [2, 3, 16], 5),
    ] {
        let (size, cin, batch) = ([2, 3, 4], 4, 2);
        let taps: usize = kernel_size.iter().product();
        let (gin, gout) = (cin / groups, cout / groups);
        let x = rng.vec(batch * 2 * 3 * 4 * cin);
        let (w, b) = (rng.vec(gin * groups * taps * gout), rng.vec(cout));
        let data = packed(&w, groups, gin, taps * gout);
        let layer = ConvTranspose {
            kernel: Matrix::new(&data, groups, gin, taps * gout).unwrap(),
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
                for tap in 0..taps {
                    let [_, height, width] = kernel_size;
                    let tap_at = [tap / (height * width), tap / width % height, tap % width];
                    let mut to = Some(sample);
                    for axis in 0..3 {
                        let place =
                            (at[axis] * stride[axis] + tap_at[axis] * dilation[axis]).wrapping_sub(cut[axis]);
                        to = to.filter(|_| place < output[axis]).map(|i| i * output[axis] + place);
                    }
                    let Some(to) = to else { continue };
                    for o in 0..cout {
                        for c in 0..gin {
                            let x = x[(sample * 24 + from) * cin + o / gout * gin + c];
                            let column = (o / gout * taps + tap) * gout + o % gout;
                            expected[to * cout + o] +=
                                f64::from(x) * f64::from(w[c * groups * taps * gout + column]);
                        }
                    }
                }
            }
        }
        for e in &mut expected {
            *e = e.tanh();
        }
        for isa in isas() {
            let mut y = vec![f32::NAN; expected.len()];
            let [depth, height, width] = output;
            let (from, to) = ([batch, size[0], size[1], size[2], cin], [batch, depth, height, width, cout]);
            let run = |layer: ConvTranspose<'_>, to, y: &mut [f32]| {
                on(isa, |cx| layer.run(cx, view(&x, from), view_mut(y, to)).map(|_| ()))
            };
            run(layer, to, &mut y).unwrap();
            assert_close(&y, &expected, 1e-5, &format!("{isa:?} {groups}"));
            assert!(run(layer, [1, depth, batch * height, width, cout], &mut y).is_err());
            assert!(run(layer, [batch, depth, height, width * cout, 1], &mut y).is_err());
            assert!(run(ConvTranspose { stride: [usize::MAX; 3], ..layer }, to, &mut y).is_err());
            assert!(run(ConvTranspose { groups: 0, ..layer }, to, &mut y).is_err());
            let (none, to) =
                (view(&[], [0, 2, 3, 4, cin]), view_mut(&mut [], [0, depth, height, width, cout]));
            assert!(on(isa, |cx| layer.run(cx, none, to).is_ok()));
        }
    }
}

/// An image is a volume of depth 1, a sequence an image of height 1.
#[test]
fn transposed_convolution_of_fewer_axes() {
    let mut rng = Rng::new(24);
    let (x, w) = (rng.vec(5 * 3), rng.vec(3 * 2 * 4));
    let data = packed(&w, 1, 3, 2 * 4);
    let layer = ConvTranspose {
        kernel: Matrix::new(&data, 1, 3, 2 * 4).unwrap(),
        bias: None,
        activation: Activation::Linear,
        kernel_size: [1, 1, 2],
        stride: [1, 1, 2],
        dilation: [1, 1, 1],
        groups: 1,
        in_channels: 3,
        padding: [0, 0, 1],
    };
    for isa in isas() {
        let mut y = [[f32::NAN; 9 * 4]; 3];
        let [volume, image, line] = &mut y;
        on(isa, |cx| {
            layer.run(cx, view(&x, [1, 1, 1, 5, 3]), view_mut(volume, [1, 1, 1, 9, 4])).unwrap();
            layer.run(cx, view(&x, [1, 1, 5, 3]), view_mut(image, [1, 1, 9, 4])).unwrap();
            layer.run(cx, view(&x, [1, 5, 3]), view_mut(line, [1, 9, 4])).unwrap();
            assert!(layer.run(cx, view(&x, [5, 3]), view_mut(&mut [0.0; 36], [9, 4])).is_err());
        });
        assert!(y[0] == y[1] && y[1] == y[2] && y[0].iter().all(|y| y.is_finite()));
    }
}

#[test]
fn pooling_over_volumes() {
    let mut rng = Rng::new(23);
    let (size, channels) = ([3, 4, 5], 19);
    let x = rng.vec(60 * channels);
    for kind in [PoolKind::Max, PoolKind::Sum, PoolKind::Average { count_include_pad: false }] {
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
                    PoolKind::Max | PoolKind::MaxOverPadding => {
                        taken.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                    }
                    PoolKind::Sum => taken.iter().sum(),
                    PoolKind::Average { .. } => taken.iter().sum::<f64>() / taken.len() as f64,
                });
            }
        }
        for isa in isas() {
            let mut y = vec![f32::NAN; expected.len()];
            let (from, to) = ([1, 3, 4, 5, channels], [1, out[0], out[1], out[2], channels]);
            on(isa, |cx| layer.run(cx, view(&x, from), view_mut(&mut y, to)).map(|_| ())).unwrap();
            assert_close(&y, &expected, 1e-6, &format!("{isa:?} {kind:?}"));
            for wrong in [[1, 3, 5, 4, channels], [1, 3, 4, 5 * channels, 1], [3, 1, 4, 5, channels]] {
                let (x, y) = (view(&x, wrong), view_mut(&mut y, to));
                assert!(on(isa, |cx| layer.run(cx, x, y).is_err()), "{wrong:?}");
            }
        }
    }
}
