//! Measures the speed of the kernels: `cargo run --release --example throughput -- [part of a name]`.
//!
//! Matrix products and convolutions are compared with the peak rate of multiply-adds of one core, or of the dot products of
//! VNNI for bytes, measured in the same run; for other kernels, only the time per call is printed. Set `TF_LAYERS_ISA` to select an instruction set. The name `limits`
//! measures only the limits of the core.

mod bandwidth;
mod bench;
mod elementwise;
mod peak;
mod products;
mod quantized;

use bandwidth::bandwidth;
use bench::Bench;
use peak::floats;
use tf_layers::Isa;
use tf_layers::nn::Activation;

fn main() {
    // Inside the pool, as generated crates call large layers.
    #[cfg(feature = "rayon")]
    rayon_core::scope(|_| measure());
    #[cfg(not(feature = "rayon"))]
    measure();
}

fn measure() {
    let isa = Isa::detect();
    println!("{}", isa.name());
    let bench = Bench { isa, filter: std::env::args().nth(1).unwrap_or_default() };
    if bench.wants("limits") {
        println!("limits: {:.1} GFLOP/s in registers, {:.1} GB/s from memory", floats(isa), bandwidth());
    }
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
    for (rows, k, n) in
        [(1, 1024, 1024), (49, 512, 2048), (196, 256, 1024), (196, 1024, 256), (784, 128, 512)]
    {
        bench.dense(rows, k, n, Activation::Relu);
        bench.cold(rows, k, n);
    }
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
    for (size, channels, kernel) in [
        ([56, 56], [64, 64], [3, 3]),
        ([28, 28], [128, 128], [3, 3]),
        ([14, 14], [256, 256], [3, 3]),
        ([7, 7], [512, 512], [3, 3]),
        ([26, 26], [32, 64], [3, 3]),
        ([1, 82], [128, 128], [1, 3]),
        ([1, 256], [32, 64], [1, 3]),
        ([1, 256], [32, 64], [1, 4]),
        ([1, 256], [32, 64], [1, 5]),
        ([1, 508], [256, 512], [1, 5]),
    ] {
        bench.winograd(size, channels, kernel);
    }
    for (width, channels, kernel) in [
        (82, [128, 128], 3),
        (256, [32, 64], 3),
        (256, [32, 64], 4),
        (256, [32, 64], 5),
        (508, [256, 512], 5),
    ] {
        bench.conv1d(width, channels[0], channels[1], kernel);
    }
    bench.conv1d(256, 64, 64, 3);
    bench.conv1d(1000, 32, 16, 5);
    for (size, channels, stride, multiplier) in
        [(56, 128, 1, 1), (28, 256, 1, 1), (56, 64, 2, 1), (28, 64, 1, 2)]
    {
        bench.depthwise(size, channels, stride, multiplier);
    }
    for (rows, k, n) in [(512, 512, 512), (196, 256, 1024), (49, 512, 2048), (1, 1024, 1024)] {
        bench.quantized_dense(rows, k, n);
    }
    for (size, channels) in [(56, 64), (28, 128), (14, 256), (7, 512)] {
        bench.quantized_conv(size, channels);
    }
    for (batch, steps, input, units) in [(1, 50, 32, 64), (32, 50, 32, 64), (1, 20, 128, 256)] {
        bench.lstm(batch, steps, input, units);
    }
    if bench.filter.is_empty() || bench.filter == "elementwise" {
        bench.elementwise();
    }
}
