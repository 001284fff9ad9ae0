//! Layers that are matrix products, and those that nearly are.

use std::hint::black_box;

use tf_layers::{
    Activation, Buffer, Context, Conv1d, Conv2d, Dense, DepthwiseConv2d, Direction, Lstm, Matrix, View,
    ViewMut, WinogradConv2d,
};

use crate::bench::{Bench, numbers};

/// Bytes of weights that no cache holds.
const COLD: usize = 256 << 20;

impl Bench {
    pub fn dense(&self, rows: usize, k: usize, n: usize, activation: Activation) {
        let name = format!("dense {rows}x{k}x{n} {activation:?}");
        if !self.wants(&name) {
            return;
        }
        let data = numbers(n.div_ceil(16) * 16 * k);
        let (x, bias) = (numbers(rows * k), numbers(n));
        let mut y = numbers(rows * n);
        let layer = Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&bias), activation };
        self.measure(&name, 2 * rows * k * n, || {
            layer.run(self.isa, rows, black_box(&x[..]), &mut y).unwrap();
        });
    }

    /// A product whose weights come from memory each time, as in a net with more weights than the caches hold.
    pub fn cold(&self, rows: usize, k: usize, n: usize) {
        let name = format!("cold {rows}x{k}x{n}");
        if !self.wants(&name) {
            return;
        }
        let len = n.div_ceil(16) * 16 * k;
        let data: Vec<_> = (0..(COLD / 4).div_ceil(len)).map(|_| numbers(len)).collect();
        let (x, bias) = (numbers(rows * k), numbers(n));
        let mut y = numbers(rows * n);
        let mut all = data.iter().cycle();
        self.measure(&name, 2 * rows * k * n, || {
            let kernel = Matrix::new(all.next().unwrap(), 1, k, n).unwrap();
            let layer = Dense { kernel, bias: Some(&bias), activation: Activation::Relu };
            layer.run(self.isa, rows, black_box(&x[..]), &mut y).unwrap();
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
        let x = numbers(rows * 6);
        let (mut a, mut b, mut y) = (numbers(rows * 64), numbers(rows * 8), numbers(rows * 4));
        let flop = 2 * rows * (6 * 64 + 64 * 8 + 8 * 4);
        self.measure(&name, flop, || {
            layers[0].run(self.isa, rows, black_box(&x[..]), &mut a).unwrap();
            layers[1].run(self.isa, rows, &a, &mut b).unwrap();
            layers[2].run(self.isa, rows, &b, &mut y).unwrap();
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
        let x = numbers(size * size * cin);
        let mut y = numbers(h * w * cout);
        self.measure(&name, 2 * h * w * k * cout, || {
            layer.run(self.isa, 1, [size; 2], black_box(&x[..]), &mut y).unwrap();
        });
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
        let x = numbers(width * cin);
        let mut y = numbers(width * cout);
        self.measure(&name, 2 * width * kernel * cin * cout, || {
            layer.run(self.isa, 1, width, black_box(&x[..]), &mut y).unwrap();
        });
    }

    /// The same by fewer multiplications; the rate counts those of the plain sum, so it may be above the peak.
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
        let x = numbers(h * w * cin);
        let mut y = numbers(h * w * cout);
        let mut scratch = Buffer::default();
        self.measure(&name, 2 * h * w * kh * kw * cin * cout, || {
            layer.run(self.isa, 1, size, black_box(&x[..]), &mut y, &mut scratch).unwrap();
        });
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
        let x = numbers(size * size * channels);
        let mut y = numbers(h * w * outputs);
        self.measure(&name, 2 * h * w * 9 * outputs, || {
            layer.run(self.isa, 1, [size; 2], black_box(&x[..]), &mut y).unwrap();
        });
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
        let x = numbers(batch * steps * input);
        let mut y = numbers(batch * units);
        let mut scratch = Buffer::default();
        self.measure(&name, 2 * batch * steps * (input + units) * n, || {
            let x = View::new(black_box(&x[..]), [batch, steps, input]).unwrap();
            let y = ViewMut::new(&mut y, [batch, units]).unwrap();
            layer.run(&mut Context::new(self.isa, &mut scratch), x, y).unwrap();
        });
    }
}
