//! Arguments that contradict each other are errors, whatever they are.

mod common;

use common::{isas, packed};
use tf_layers::{Activation, Columns, Conv2d, Dense, DepthwiseConv2d, Matrix, Pool, Pool2d};

#[test]
fn wrong_arguments_are_errors() {
    let data = packed(&[1.0; 6], 1, 2, 3);
    let kernel = Matrix::new(&data, 1, 2, 3).unwrap();
    let good = Dense { kernel, bias: Some(&[0.0; 3]), activation: Activation::Linear };
    for isa in isas() {
        let mut y = [0.0; 3];
        assert!(good.run(isa, 1, &[1.0; 2], &mut y).is_ok());
        assert!(good.run(isa, 1, &[1.0; 3], &mut y).is_err());
        assert!(good.run(isa, 2, &[1.0; 2], &mut y).is_err());
        assert!(good.run(isa, usize::MAX, &[1.0; 2], &mut y).is_err());
        assert!(good.run(isa, 1, &[1.0; 2], &mut y[..2]).is_err());
        assert!(Dense { bias: Some(&[0.0; 2]), ..good }.run(isa, 1, &[1.0; 2], &mut y).is_err());
        for (first, of, fits) in
            [(1, 4, true), (2, 4, false), (usize::MAX, 4, false), (0, 2, false), (0, usize::MAX, false)]
        {
            let columns = Columns { y: &mut [0.0; 4], first, of };
            assert_eq!(good.run_columns(isa, 1, &[1.0; 2], columns).is_ok(), fits, "{first} of {of}");
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
        assert!(conv.run(isa, 1, [1, 2], &[1.0; 2], &mut y).is_ok());
        assert!(conv.run(isa, 1, [2, 1], &[1.0; 2], &mut y).is_err());
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
            assert!(bad.run(isa, 1, [1, 2], &[1.0; 2], &mut y).is_err(), "{bad:?}");
        }
        assert!(conv.run(isa, usize::MAX, [1, 2], &[1.0; 2], &mut y).is_err());
        assert!(conv.run(isa, 0, [usize::MAX, 2], &[], &mut []).is_err());
        assert!(conv.run(isa, 0, [3, 2], &[], &mut []).is_ok());
    }
}

/// Strides, dilations and paddings up to the largest there are: fine where they reach nothing, else errors.
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
                        conv.run(isa, 1, [3, 3], &x, &mut vec![0.0; pixels]).unwrap();
                        let (kernel, mut y) = (vec![1.0; taps * 3], vec![0.0; pixels * 3]);
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
                        depthwise.run(isa, 1, [3, 3], &x, &mut y).unwrap();
                        let kind = Pool::Average { count_include_pad: true };
                        let pool = Pool2d { kind, size: kernel_size, stride, dilation, padding };
                        pool.run(isa, 1, [3, 3], 3, &x, &mut y).unwrap();
                        fine += 1;
                    }
                }
            }
        }
    }
    assert!(fine > 100, "{fine}");
}
