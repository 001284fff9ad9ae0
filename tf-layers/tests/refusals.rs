//! Arguments that contradict each other are errors, whatever they are.

mod common;

use common::{isas, packed};
use tf_layers::{Activation, Conv2d, Dense, Matrix};

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
