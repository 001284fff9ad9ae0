//! Layers based on products of bytes.

use std::hint::black_box;

use tf_layers::Context;
use tf_layers::gemm::Matrix;
use tf_layers::nn::{QuantizedConv2d, QuantizedDense, Requantization};
use tf_layers::tensor::{Buffer, View, ViewMut};

use crate::bench::Bench;

/// Bytes of all values, without a pattern that matters.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7919 % 251) as u8).collect()
}

/// Packed weights of `k` rows and `n` columns.
fn weights(k: usize, n: usize) -> Vec<i8> {
    bytes(n.div_ceil(16) * 16 * k.div_ceil(4) * 4).into_iter().map(u8::cast_signed).collect()
}

impl Bench {
    pub fn quantized_dense(&self, rows: usize, k: usize, n: usize) {
        let name = format!("dense of bytes {rows}x{k}x{n}");
        if !self.wants(&name) {
            return;
        }
        let (kernel, bias, multipliers) = (weights(k, n), vec![0; n], vec![1e-4; n]);
        let layer = QuantizedDense {
            kernel: Matrix::new(&kernel, 1, k, n).unwrap(),
            kernel_zero_points: None,
            bias: &bias,
            requantization: Requantization::new::<u8>(&multipliers, 128),
        };
        let (x, mut y) = (bytes(rows * k), bytes(rows * n));
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(self.isa, &mut scratch);
        self.measure_bytes(&name, 2 * rows * k * n, || {
            let x = View::new(black_box(&x[..]), [rows, k]).unwrap();
            layer.run(cx, x, ViewMut::new(&mut y, [rows, n]).unwrap()).unwrap();
        });
    }

    /// A 3×3 convolution of stride 1.
    pub fn quantized_conv(&self, size: usize, channels: usize) {
        let name = format!("conv of bytes {size}x{size} {channels}->{channels} 3x3");
        if !self.wants(&name) {
            return;
        }
        let k = 9 * channels;
        let (kernel, bias, multipliers) = (weights(k, channels), vec![0; channels], vec![1e-4; channels]);
        let layer = QuantizedConv2d {
            padding: [[1; 2]; 2],
            ..QuantizedConv2d::new(
                Matrix::new(&kernel, 1, k, channels).unwrap(),
                &bias,
                Requantization::new::<u8>(&multipliers, 128),
                [3, 3],
                channels,
            )
        };
        let dims = [1, size, size, channels];
        let (x, mut y) = (bytes(size * size * channels), bytes(size * size * channels));
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(self.isa, &mut scratch);
        self.measure_bytes(&name, 2 * size * size * k * channels, || {
            let x = View::new(black_box(&x[..]), dims).unwrap();
            layer.run(cx, x, ViewMut::new(&mut y, dims).unwrap()).unwrap();
        });
    }
}
