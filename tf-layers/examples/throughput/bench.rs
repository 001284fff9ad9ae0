//! Timing and test data.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use tf_layers::Isa;
use tf_layers::tensor::Buffer;

use crate::peak::{bytes, floats};

/// The shortest time of one call, over batches of calls for about a fifth of a second.
pub fn time(mut f: impl FnMut()) -> f64 {
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

pub struct Bench {
    pub isa: Isa,
    pub filter: String,
}

impl Bench {
    /// Measures a kernel of floats. `flop` is the number of its operations, or 0 if they do not limit it.
    pub fn measure(&self, name: &str, flop: usize, f: impl FnMut()) {
        compare(name, flop, f, || (flop > 0).then(|| floats(self.isa)));
    }

    /// Measures a kernel of bytes.
    pub fn measure_bytes(&self, name: &str, operations: usize, f: impl FnMut()) {
        compare(name, operations, f, || bytes(self.isa));
    }

    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }
}

/// Prints the time of a kernel, and its rate if there is a peak rate.
fn compare(name: &str, operations: usize, f: impl FnMut(), peak: impl Fn() -> Option<f64>) {
    let seconds = time(f);
    let rate = operations as f64 / seconds / 1e9;
    // Measured for every kernel, because the clock rate of a shared machine varies.
    let share = peak().map(|peak| format!("{rate:9.1} GOP/s of {peak:6.1}: {:5.1} %", rate / peak * 100.0));
    println!("{name:40} {:12.1} ns {}", seconds * 1e9, share.unwrap_or_default());
}

/// Numbers aligned to 64 bytes, like weights and the buffers of a workspace.
#[derive(Default)]
pub struct Numbers {
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

pub fn numbers(len: usize) -> Numbers {
    let mut numbers = Numbers { buffer: Buffer::default(), len };
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = (i * 7919 % 1000) as f32 / 500.0 - 1.0;
    }
    numbers
}
