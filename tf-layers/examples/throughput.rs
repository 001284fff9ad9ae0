//! How fast the kernels are: `cargo run --release --example throughput -- [part of a name]`.
//!
//! Products are compared with the rate at which one core multiplies and adds in registers, measured in the same
//! run; the other kernels with nothing, in nanoseconds per call. Set `TF_LAYERS_ISA` for another instruction set.

use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use tf_layers::{
    Activation, Binary, Buffer, Conv1d, Conv2d, Dense, DepthwiseConv2d, Isa, LayerNorm, Lstm, Matrix, Pool,
    Pool2d, Reduce, softmax, transpose,
};

/// Independent chains of multiply-adds: more than two units can have in flight.
const CHAINS: usize = 12;

/// Rounds of one multiply-add in each chain, as the instruction set at hand does it.
macro_rules! multiply_adds {
    ($name:ident, $feature:literal, $splat:ident, $fma:ident, $sum:expr) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) -> f32 {
            use std::arch::x86_64::*;
            let factor = $splat(black_box(0.999));
            let mut sums = [factor; CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $fma(*sum, factor, factor);
                }
            }
            sums.into_iter().map($sum).sum()
        }
    };
}
multiply_adds!(multiply_adds_avx512, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps, |x| _mm512_cvtss_f32(x));
multiply_adds!(multiply_adds_avx2, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps, |x| _mm256_cvtss_f32(x));

/// The result, and the lanes of a vector.
fn multiply_adds(isa: Isa, rounds: usize) -> (f32, usize) {
    match isa.name() {
        // SAFETY: an `Isa` of this name exists only where the instructions do.
        #[cfg(target_arch = "x86_64")]
        "avx512" => (unsafe { multiply_adds_avx512(rounds) }, 16),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        "avx2" => (unsafe { multiply_adds_avx2(rounds) }, 8),
        _ => {
            let factor = black_box([0.999f32; 4]);
            let mut sums = [factor; CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    for (sum, factor) in sum.iter_mut().zip(factor) {
                        *sum = *sum * factor + factor;
                    }
                }
            }
            (sums.iter().flatten().sum(), 4)
        }
    }
}

/// Billions of operations per second in registers, a multiply-add counting as two.
fn peak(isa: Isa) -> f64 {
    let rounds = 20_000;
    let lanes = multiply_adds(isa, 1).1;
    let seconds = time(|| {
        black_box(multiply_adds(isa, rounds));
    });
    (2 * rounds * CHAINS * lanes) as f64 / seconds / 1e9
}

/// The shortest time of one call, over batches of calls for about a fifth of a second.
fn time(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    f();
    let calls =
        (Duration::from_millis(4).as_nanos() / start.elapsed().as_nanos().max(1)).clamp(1, 100_000) as u32;
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(200) {
        let start = Instant::now();
        for _ in 0..calls {
            f();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}

struct Bench {
    isa: Isa,
    filter: String,
}

impl Bench {
    fn measure(&self, name: &str, flop: usize, f: impl FnMut()) {
        let seconds = time(f);
        let rate = flop as f64 / seconds / 1e9;
        let share = if flop == 0 {
            String::new()
        } else {
            // Measured each time anew, as the clock of a shared machine goes up and down.
            let peak = peak(self.isa);
            format!("{rate:9.1} GFLOP/s of {peak:6.1}: {:5.1} %", rate / peak * 100.0)
        };
        println!("{name:40} {:12.1} ns {share}", seconds * 1e9);
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    fn dense(&self, rows: usize, k: usize, n: usize, activation: Activation) {
        let name = format!("dense {rows}x{k}x{n} {activation:?}");
        if !self.wants(&name) {
            return;
        }
        let data = numbers(n.div_ceil(16) * 16 * k);
        let (x, bias) = (numbers(rows * k), numbers(n));
        let mut y = numbers(rows * n);
        let layer = Dense { kernel: Matrix::new(&data, 1, k, n).unwrap(), bias: Some(&bias), activation };
        self.measure(&name, 2 * rows * k * n, || {
            layer.run(self.isa, rows, black_box(&x[..]), &mut y).unwrap()
        });
    }

    fn mlp(&self, rows: usize) {
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

    fn conv(&self, size: usize, channels: [usize; 2], kernel: usize, stride: usize, groups: usize) {
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

    fn conv1d(&self, width: usize, cin: usize, cout: usize, kernel: usize) {
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
            padding: [kernel / 2; 2],
        };
        let x = numbers(width * cin);
        let mut y = numbers(width * cout);
        self.measure(&name, 2 * width * kernel * cin * cout, || {
            layer.run(self.isa, 1, width, black_box(&x[..]), &mut y).unwrap();
        });
    }

    fn depthwise(&self, size: usize, channels: usize, stride: usize, multiplier: usize) {
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

    fn lstm(&self, batch: usize, steps: usize, input: usize, units: usize) {
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
            reverse: false,
        };
        let x = numbers(batch * steps * input);
        let mut y = numbers(batch * units);
        let mut scratch = Buffer::default();
        self.measure(&name, 2 * batch * steps * (input + units) * n, || {
            layer.run(self.isa, batch, steps, black_box(&x[..]), &mut y, &mut scratch).unwrap();
        });
    }

    fn elementwise(&self) {
        let mut x = numbers(16384);
        x.iter_mut().for_each(|x| *x *= 8.0);
        let mut y = numbers(x.len());
        for activation in [
            Activation::Relu,
            Activation::Exp,
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Silu,
            Activation::Gelu,
            Activation::Mish,
            Activation::Softplus,
        ] {
            self.measure(&format!("{activation:?} of 16384"), 0, || {
                activation.run(self.isa, black_box(&x[..]), &mut y).unwrap();
            });
        }
        self.measure("add 16384", 0, || {
            let (a, b) = (black_box(&x[..]), &[16384]);
            Binary::Add.run(self.isa, a, b, a, b, &mut y).unwrap();
        });
        self.measure("add 64x256 + 256", 0, || {
            let a = black_box(&x[..]);
            Binary::Add.run(self.isa, a, &[64, 256], &a[..256], &[256], &mut y).unwrap();
        });
        for dims in [[1024, 16, 1], [16, 1024, 1], [1638, 10, 1], [16, 16, 64]] {
            let len = dims.iter().product();
            self.measure(&format!("softmax {dims:?}"), 0, || {
                softmax(self.isa, dims, black_box(&x[..len]), &mut y[..len]).unwrap();
            });
            let norm = LayerNorm { gamma: None, beta: None, epsilon: 1e-3, activation: Activation::Linear };
            self.measure(&format!("layer norm {dims:?}"), 0, || {
                norm.run(self.isa, dims, black_box(&x[..len]), &mut y[..len]).unwrap();
            });
            self.measure(&format!("sum {dims:?}"), 0, || {
                let out = dims[0] * dims[2];
                Reduce::Sum.run(self.isa, dims, black_box(&x[..len]), &mut y[..out]).unwrap();
            });
        }
        for (dims, perm) in [([1, 128, 128], [0, 2, 1]), ([64, 4, 64], [1, 0, 2]), ([16, 3, 341], [0, 2, 1])]
        {
            let len = dims.iter().product();
            self.measure(&format!("transpose {dims:?} {perm:?}"), 0, || {
                transpose(black_box(&x[..len]), &mut y[..len], &dims, &perm).unwrap();
            });
        }
        for kind in [Pool::Max, Pool::Average { count_include_pad: false }] {
            let pool =
                Pool2d { kind, size: [2, 2], stride: [2, 2], dilation: [1, 1], padding: [[0, 0], [0, 0]] };
            self.measure(&format!("pool 2x2 16x16x64 {kind:?}"), 0, || {
                pool.run(self.isa, 1, [16, 16], 64, black_box(&x[..]), &mut y[..4096]).unwrap();
            });
        }
    }
}

/// Numbers on a 64-byte boundary, as weights and the buffers of a workspace lie.
#[derive(Default)]
struct Numbers {
    buffer: Buffer<f32>,
    len: usize,
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.buffer.read(self.len).unwrap()
    }
}

impl DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.buffer.write(self.len).unwrap()
    }
}

fn numbers(len: usize) -> Numbers {
    let mut numbers = Numbers { buffer: Buffer::default(), len };
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = (i * 7919 % 1000) as f32 / 500.0 - 1.0;
    }
    numbers
}

fn main() {
    let isa = Isa::detect();
    println!("{}", isa.name());
    let bench = Bench { isa, filter: std::env::args().nth(1).unwrap_or_default() };
    for rows in [1, 64, 4096] {
        bench.mlp(rows);
    }
    for (rows, k, n) in [
        (512, 512, 512),
        (128, 128, 128),
        (1024, 64, 64),
        (1024, 32, 10),
        (6, 512, 512),
        (1, 512, 512),
        (1, 1024, 1024),
        (1, 4096, 4096),
        (1, 64, 64),
        (1000, 784, 300),
        (64, 2048, 2048),
    ] {
        bench.dense(rows, k, n, Activation::Relu);
    }
    bench.dense(512, 512, 512, Activation::Tanh);
    bench.conv(28, [128, 128], 3, 1, 1);
    bench.conv(56, [64, 64], 3, 1, 1);
    bench.conv(14, [256, 256], 3, 1, 1);
    bench.conv(7, [512, 512], 3, 1, 1);
    bench.conv(56, [64, 256], 1, 1, 1);
    bench.conv(28, [128, 256], 3, 2, 1);
    bench.conv(112, [3, 32], 3, 2, 1);
    bench.conv(224, [3, 64], 7, 2, 1);
    bench.conv(28, [1, 32], 3, 1, 1);
    bench.conv(28, [128, 128], 3, 1, 4);
    bench.conv1d(256, 64, 64, 3);
    bench.conv1d(1000, 32, 16, 5);
    for (size, channels, stride, multiplier) in
        [(56, 128, 1, 1), (28, 256, 1, 1), (56, 64, 2, 1), (28, 64, 1, 2)]
    {
        bench.depthwise(size, channels, stride, multiplier);
    }
    for (batch, steps, input, units) in [(1, 50, 32, 64), (32, 50, 32, 64), (1, 20, 128, 256)] {
        bench.lstm(batch, steps, input, units);
    }
    if bench.filter.is_empty() || bench.filter == "elementwise" {
        bench.elementwise();
    }
}
