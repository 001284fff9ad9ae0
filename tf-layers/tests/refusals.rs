//! Invalid attributes and arguments are errors.

mod common;

use common::{isas, on, packed, view, view_mut};
use tf_layers::gemm::Matrix;
use tf_layers::nn::{Activation, Conv2d, Dense, DepthwiseConv2d, Pool2d, PoolKind};
use tf_layers::tensor::View;

#[test]
fn wrong_arguments_are_errors() {
    let data = packed(&[1.0; 6], 1, 2, 3);
    let kernel = Matrix::new(&data, 1, 2, 3).unwrap();
    let good = Dense { kernel, bias: Some(&[0.0; 3]), activation: Activation::Linear };
    for isa in isas() {
        let ones = [1.0; 4];
        let run = |layer: Dense<'_>, x: [usize; 2], y: [usize; 2]| {
            let (x, mut to) = (view(&ones[..x[0] * x[1]], x), vec![0.0; y[0] * y[1]]);
            on(isa, |cx| layer.run(cx, x, view_mut(&mut to, y)).is_ok())
        };
        assert!(run(good, [1, 2], [1, 3]));
        assert!(!run(good, [1, 3], [1, 3]));
        assert!(!run(good, [2, 1], [2, 3]));
        assert!(!run(good, [1, 2], [1, 2]));
        assert!(!run(good, [1, 2], [2, 3]));
        assert!(!run(Dense { bias: Some(&[0.0; 2]), ..good }, [1, 2], [1, 3]));
        for (columns, fits) in [(1..4, true), (0..4, false), (2..4, false)] {
            let mut wide = [0.0; 4];
            let mut wide = view_mut(&mut wide, [1, 4]);
            let y = wide.slice_columns(columns.clone()).unwrap();
            assert_eq!(on(isa, |cx| good.run(cx, view(&ones[..2], [1, 2]), y).is_ok()), fits, "{columns:?}");
        }
        let conv = Conv2d {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size: [1, 2],
            stride: [1, 1],
            dilation: [1, 1],
            groups: 1,
            in_channels: 1,
            padding: [[0, 0], [0, 0]],
        };
        let run = |layer: Conv2d<'_>, x: [usize; 4]| {
            let (x, mut y) = (view(&ones[..x.iter().product()], x), [0.0; 3]);
            on(isa, |cx| layer.run(cx, x, view_mut(&mut y, [1, 1, 1, 3])).is_ok())
        };
        assert!(run(conv, [1, 1, 2, 1]));
        assert!(!run(conv, [1, 2, 1, 1]));
        assert!(!run(conv, [2, 1, 1, 1]));
        assert!(!run(conv, [1, 1, 1, 2]));
        for bad in [
            Conv2d { stride: [0, 1], ..conv },
            Conv2d { dilation: [1, 0], ..conv },
            Conv2d { kernel_size: [0, 2], ..conv },
            Conv2d { kernel_size: [usize::MAX, usize::MAX], ..conv },
            Conv2d { dilation: [1, usize::MAX], ..conv },
            Conv2d { padding: [[usize::MAX, 1], [0, 0]], ..conv },
            Conv2d { padding: [[usize::MAX / 2, 5], [0, 0]], ..conv },
            Conv2d { groups: 0, ..conv },
            Conv2d { groups: 2, ..conv },
            Conv2d { in_channels: 2, ..conv },
            Conv2d { bias: Some(&[1.0; 2]), ..conv },
        ] {
            assert!(!run(bad, [1, 1, 2, 1]), "{bad:?}");
        }
        let run = |x: [usize; 4], y: [usize; 4]| {
            let x = View::new(&[], x)?;
            on(isa, |cx| conv.run(cx, x, view_mut(&mut [], y)).map(|_| ()))
        };
        assert!(run([0, usize::MAX, 2, 1], [0, 3, 1, 3]).is_err());
        assert!(run([0, usize::MAX, 1, 1], [0, 3, 1, 3]).is_err());
        assert!(run([0, 3, 2, 1], [0, 3, 1, 3]).is_ok());
    }
}

/// Strides, dilations and paddings up to `usize::MAX` are valid if no window uses them, otherwise errors.
#[test]
fn extreme_windows() {
    let sizes = [0, 1, 2, 3, usize::MAX / 4, usize::MAX / 2, usize::MAX];
    let data = packed(&[1.0; 12], 1, 12, 1);
    let x = [1.0; 27];
    let mut fine = 0;
    for isa in isas() {
        for (i, &stride) in sizes.iter().enumerate() {
            for &dilation in &sizes {
                for &padding in &sizes {
                    let (stride, dilation) = ([stride, sizes[i / 2]], [dilation, 1]);
                    let padding = [[padding, 1], [1, padding]];
                    for kernel_size in [[1, 1], [2, 2]] {
                        let taps = kernel_size[0] * kernel_size[1];
                        let conv = Conv2d {
                            kernel: Matrix::new(&data[..taps * 3 * 16], 1, taps * 3, 1).unwrap(),
                            bias: None,
                            activation: Activation::Linear,
                            kernel_size,
                            stride,
                            dilation,
                            groups: 1,
                            in_channels: 3,
                            padding,
                        };
                        let Ok([h, w]) = conv.output_size([3, 3]) else { continue };
                        let Some(pixels) = h.checked_mul(w).filter(|&pixels| pixels < 1000) else { continue };
                        let (x, to) = (view(&x, [1, 3, 3, 3]), [1, h, w, 3]);
                        let mut y = vec![0.0; pixels * 3];
                        let one = view_mut(&mut y[..pixels], [1, h, w, 1]);
                        on(isa, |cx| conv.run(cx, x, one).map(|_| ())).unwrap();
                        let kernel = vec![1.0; taps * 3];
                        let depthwise = DepthwiseConv2d {
                            kernel: &kernel,
                            bias: None,
                            activation: Activation::Linear,
                            kernel_size,
                            stride,
                            dilation,
                            channels: 3,
                            multiplier: 1,
                            padding,
                        };
                        on(isa, |cx| depthwise.run(cx, x, view_mut(&mut y, to)).map(|_| ())).unwrap();
                        let kind = PoolKind::Average { count_include_pad: true };
                        let pool = Pool2d { kind, size: kernel_size, stride, dilation, padding };
                        on(isa, |cx| pool.run(cx, x, view_mut(&mut y, to)).map(|_| ())).unwrap();
                        fine += 1;
                    }
                }
            }
        }
    }
    assert!(fine > 100, "{fine}");
}
