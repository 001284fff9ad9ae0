//! Layers based on matrix products.

use std::hint::black_box;

use tf_layers::gemm::Matrix;
use tf_layers::nn::{Activation, Conv1d, Conv2d, Dense, DepthwiseConv2d, Direction, Lstm, WinogradConv2d};
use tf_layers::tensor::{Buffer, View, ViewMut};
use tf_layers::{Context, Result};

use crate::bench::{Bench, numbers};

/// Bytes of weights: more than the caches hold.
const COLD: usize = 256 << 20;

impl Bench {
    /// Measures a layer from tensors with the dims `from` to tensors with the dims `to`.
    fn layer<const R: usize, const Q: usize>(
        &self,
        name: &str,
        flop: usize,
        (from, to): ([usize; R], [usize; Q]),
        mut run: impl for<'y> FnMut(
            &mut Context<'_>,
            View<'_, f32, R>,
            ViewMut<'y, f32, Q>,
        ) -> Result<View<'y, f32, Q>>,
    ) {
        let (x, mut y) = (numbers(from.iter().product()), numbers(to.iter().product()));
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(self.isa, &mut scratch);
        self.measure(name, flop, || {
            let x = View::new(black_box(&x[..]), from).unwrap();
            run(cx, x, ViewMut::new(&mut y, to).unwrap()).unwrap();
        });
    }

    pub fn dense(&self, rows: usize, k: usize, n: usize, activation: Activation) {
        let name = format!("dense {rows}x{k}x{n} {activation:?}");
        if !self.wants(&name) {
            return;
        }
        let data = numbers(n.div_ceil(16) * 16 * k);
        let bias = numbers(n);
        let layer = Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&bias), activation };
        self.layer(&name, 2 * rows * k * n, ([rows, k], [rows, n]), |cx, x, y| layer.run(cx, x, y));
    }

    /// A product whose weights are read from memory every time, as in a network whose weights exceed the caches.
    pub fn cold(&self, rows: usize, k: usize, n: usize) {
        let name = format!("cold {rows}x{k}x{n}");
        if !self.wants(&name) {
            return;
        }
        let len = n.div_ceil(16) * 16 * k;
        let data: Vec<_> = (0..(COLD / 4).div_ceil(len)).map(|_| numbers(len)).collect();
        let bias = numbers(n);
        let mut all = data.iter().cycle();
        self.layer(&name, 2 * rows * k * n, ([rows, k], [rows, n]), |cx, x, y| {
            let kernel = Matrix::new(all.next().unwrap(), 1, k, n).unwrap();
            let layer = Dense { kernel, bias: Some(&bias), activation: Activation::Relu };
            layer.run(cx, x, y)
        });
    }

    pub fn mlp(&self, rows: usize) {
        let name = format!("mlp 6-64-8-4 batch {rows}");
        if !self.wants(&name) {
            return;
        }
        let sizes = [6usize, 64, 8, 4];
        let data: Vec<_> = (0..3).map(|i| numbers(sizes[i + 1].div_ceil(16) * 16 * sizes[i])).collect();
        let bias = numbers(64);
        let layers: Vec<_> = (0..3)
            .map(|i| Dense {
                kernel: Matrix::new(&data[i], 1, sizes[i], sizes[i + 1]).unwrap(),
                bias: Some(&bias[..sizes[i + 1]]),
                activation: Activation::Relu,
            })
            .collect();
        let (mut a, mut b) = (numbers(rows * 64), numbers(rows * 8));
        let flop = 2 * rows * (6 * 64 + 64 * 8 + 8 * 4);
        self.layer(&name, flop, ([rows, 6], [rows, 4]), |cx, x, y| {
            let a = layers[0].run(cx, x, ViewMut::new(&mut a, [rows, 64])?)?;
            let b = layers[1].run(cx, a, ViewMut::new(&mut b, [rows, 8])?)?;
            layers[2].run(cx, b, y)
        });
    }

    pub fn conv(&self, size: usize, channels: [usize; 2], kernel: usize, stride: usize, groups: usize) {
        let [cin, cout] = channels;
        let name = format!("conv {size}x{size} {cin}->{cout} {kernel}x{kernel}/{stride} groups {groups}");
        if !self.wants(&name) {
            return;
        }
        let (k, n) = (kernel * kernel * cin / groups, cout / groups);
        let data = numbers(n.div_ceil(16) * 16 * k * groups);
        let layer = Conv2d {
            kernel: Matrix::new(&data, groups, k, n).unwrap(),
            bias: None,
            activation: Activation::Relu,
            kernel_size: [kernel; 2],
            stride: [stride; 2],
            dilation: [1, 1],
            groups,
            in_channels: cin,
            padding: [[kernel / 2; 2]; 2],
        };
        let [h, w] = layer.output_size([size; 2]).unwrap();
        let dims = ([1, size, size, cin], [1, h, w, cout]);
        self.layer(&name, 2 * h * w * k * cout, dims, |cx, x, y| layer.run(cx, x, y));
    }

    pub fn conv1d(&self, width: usize, cin: usize, cout: usize, kernel: usize) {
        let name = format!("conv1d {width} {cin}->{cout} {kernel}");
        if !self.wants(&name) {
            return;
        }
        let data = numbers(cout.div_ceil(16) * 16 * kernel * cin);
        let layer = Conv1d {
            kernel: Matrix::new(&data, 1, kernel * cin, cout).unwrap(),
            bias: None,
            activation: Activation::Relu,
            kernel_size: kernel,
            stride: 1,
            dilation: 1,
            groups: 1,
            in_channels: cin,
            padding: [(kernel - 1) / 2, kernel / 2],
        };
        let (flop, dims) = (2 * width * kernel * cin * cout, ([1, width, cin], [1, width, cout]));
        self.layer(&name, flop, dims, |cx, x, y| layer.run(cx, x, y));
    }

    /// A convolution by Winograd's algorithm. The rate counts the operations of a direct convolution, so it may exceed the
    /// peak.
    pub fn winograd(&self, size: [usize; 2], channels: [usize; 2], kernel: [usize; 2]) {
        let ([h, w], [cin, cout], [kh, kw]) = (size, channels, kernel);
        let name = format!("winograd {h}x{w} {cin}->{cout} {kh}x{kw}");
        if !self.wants(&name) {
            return;
        }
        let tile = if kw > 3 { 8 } else { 6 };
        let data = numbers(tile * cout.div_ceil(16) * 16 * kh * cin);
        let layer = WinogradConv2d {
            kernel: Matrix::new(&data, tile, kh * cin, cout).unwrap(),
            bias: None,
            activation: Activation::Relu,
            kernel_size: kernel,
            in_channels: cin,
            padding: [[(kh - 1) / 2, kh / 2], [(kw - 1) / 2, kw / 2]],
        };
        let (flop, dims) = (2 * h * w * kh * kw * cin * cout, ([1, h, w, cin], [1, h, w, cout]));
        self.layer(&name, flop, dims, |cx, x, y| layer.run(cx, x, y));
    }

    pub fn depthwise(&self, size: usize, channels: usize, stride: usize, multiplier: usize) {
        let name = format!("depthwise {size}x{size} {channels}*{multiplier} 3x3/{stride}");
        if !self.wants(&name) {
            return;
        }
        let outputs = channels * multiplier;
        let (kernel, bias) = (numbers(9 * outputs), numbers(outputs));
        let layer = DepthwiseConv2d {
            kernel: &kernel,
            bias: Some(&bias),
            activation: Activation::Relu,
            kernel_size: [3, 3],
            stride: [stride; 2],
            dilation: [1, 1],
            channels,
            multiplier,
            padding: [[1, 1], [1, 1]],
        };
        let [h, w] = layer.output_size([size; 2]).unwrap();
        let dims = ([1, size, size, channels], [1, h, w, outputs]);
        self.layer(&name, 2 * h * w * 9 * outputs, dims, |cx, x, y| layer.run(cx, x, y));
    }

    pub fn lstm(&self, batch: usize, steps: usize, input: usize, units: usize) {
        let name = format!("lstm batch {batch} steps {steps} {input}->{units}");
        if !self.wants(&name) {
            return;
        }
        let n = 4 * units;
        let (w, u, bias) = (numbers(input * n), numbers(units * n), numbers(n));
        let layer = Lstm {
            kernel: Matrix::new(&w, 1, input, n).unwrap(),
            recurrent: Matrix::new(&u, 1, units, n).unwrap(),
            bias: Some(&bias),
            units,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            return_sequences: false,
            direction: Direction::Forward,
        };
        let (flop, dims) = (2 * batch * steps * (input + units) * n, ([batch, steps, input], [batch, units]));
        self.layer(&name, flop, dims, |cx, x, y| layer.run(cx, x, y));
    }
}
