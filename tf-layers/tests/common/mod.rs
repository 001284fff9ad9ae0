//! Helpers for the tests: random numbers, packing, comparison.
#![allow(dead_code)]

pub mod exact;
pub mod window;

use tf_layers::nn::Activation;
use tf_layers::tensor::{Buffer, View, ViewMut};
use tf_layers::{Context, Isa, Result};

/// A seeded random generator (xorshift64*), so that failures are reproducible.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Numbers in [−1, 1).
    pub fn vec(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }
}

/// The instruction sets whose kernels for floats differ. VNNI only adds products of bytes.
pub fn isas() -> Vec<Isa> {
    Isa::available().filter(|isa| !isa.name().ends_with("vnni")).collect()
}

/// Packs a row-major `[k, groups · n]` matrix, one element at a time.
pub fn packed(w: &[f32], groups: usize, k: usize, n: usize) -> Vec<f32> {
    let mut out = Vec::new();
    for group in 0..groups {
        for panel in 0..n.div_ceil(16) {
            for row in 0..k {
                for column in panel * 16..panel * 16 + 16 {
                    out.push(if column < n { w[row * groups * n + group * n + column] } else { 0.0 });
                }
            }
        }
    }
    out
}

pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        a if a == Activation::Linear => x,
        a if a == Activation::Relu => x.max(0.0),
        a if a == Activation::Tanh => x.tanh(),
        a if a == Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        other => panic!("no reference for {other:?}"),
    }
}

/// The result of a layer that computes `sums` and accumulates onto `onto` before the activation.
pub fn activate_onto(activation: Activation, sums: &[f64], onto: &[f32]) -> Vec<f64> {
    sums.iter().zip(onto).map(|(sum, &onto)| activate(activation, sum + f64::from(onto))).collect()
}

/// Asserts |found − expected| ≤ tolerance · max(1, max |expected|) for every element.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, context: &str) {
    assert_eq!(found.len(), expected.len(), "{context}");
    let largest = expected.iter().filter(|e| e.is_finite()).fold(1.0, |m: f64, e| m.max(e.abs()));
    for (i, (&f, &e)) in found.iter().zip(expected).enumerate() {
        let f = f64::from(f);
        assert!(
            (f - e).abs() <= tolerance * largest || f == e,
            "{context}: element {i} is {f}, expected {e}"
        );
    }
}

/// Calls `run` with a new context.
pub fn on<T>(isa: Isa, run: impl FnOnce(&mut Context<'_>) -> T) -> T {
    run(&mut Context::new(isa, &mut Buffer::default()))
}

/// Views `x` as a tensor of these dims.
#[track_caller]
pub fn view<T, const R: usize>(x: &[T], dims: [usize; R]) -> View<'_, T, R> {
    View::new(x, dims).unwrap()
}

/// Views `y` as a mutable tensor of these dims.
#[track_caller]
pub fn view_mut<T, const R: usize>(y: &mut [T], dims: [usize; R]) -> ViewMut<'_, T, R> {
    ViewMut::new(y, dims).unwrap()
}

/// What `run` writes to a tensor of these dims that is columns of a wider one. Asserts that the other columns are unchanged.
pub fn beside<const R: usize>(
    dims: [usize; R],
    run: impl for<'y> FnOnce(ViewMut<'y, f32, R>) -> Result<View<'y, f32, R>>,
) -> Vec<f32> {
    const UNTOUCHED: f32 = 9.5;
    let (first, n) = (2, dims[R - 1]);
    let mut wide = dims;
    wide[R - 1] = n + 5;
    let mut y = vec![UNTOUCHED; wide.iter().product()];
    run(view_mut(&mut y, wide).slice_columns(first..first + n).unwrap()).unwrap();
    let mut found = Vec::new();
    for row in y.chunks_exact(n + 5) {
        assert!(row[..first].iter().chain(&row[first + n..]).all(|&x| x == UNTOUCHED));
        found.extend_from_slice(&row[first..first + n]);
    }
    found
}
