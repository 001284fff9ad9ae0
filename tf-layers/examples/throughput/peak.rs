//! The peak rates of multiply-adds and of dot products of bytes of one core.

use std::hint::black_box;

use tf_layers::Isa;

use crate::bench::time;

/// Independent chains of multiply-adds: enough to hide the latency of two units.
const CHAINS: usize = 12;

const ROUNDS: usize = 20_000;

/// Declares a function that runs rounds of one operation per chain on an instruction set: `$next` of a sum and two operands
/// that all lanes have.
macro_rules! chains {
    ($name:ident: $feature:literal, $splat:ident($x:expr), $next:ident, $first:ident -> $out:ty, $add:expr) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) -> $out {
            use std::arch::x86_64::*;
            let x = $splat(black_box($x));
            let mut sums = [x; CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $next(*sum, x, x);
                }
            }
            sums.into_iter().map(|sum| $first(sum)).fold(<$out>::default(), $add)
        }
    };
}
chains!(multiply_adds_avx512: "avx512f", _mm512_set1_ps(0.999), _mm512_fmadd_ps, _mm512_cvtss_f32 -> f32, |a, b| a + b);
chains!(multiply_adds_avx2: "avx2,fma", _mm256_set1_ps(0.999), _mm256_fmadd_ps, _mm256_cvtss_f32 -> f32, |a, b| a + b);
chains!(
    dot_products_avx512: "avx512f,avx512vnni",
    _mm512_set1_epi32(0x0102_0304), _mm512_dpbusd_epi32, _mm512_cvtsi512_si32 -> i32, i32::wrapping_add
);
chains!(
    dot_products_avx2: "avx2,avxvnni",
    _mm256_set1_epi32(0x0102_0304), _mm256_dpbusd_avx_epi32, _mm256_cvtsi256_si32 -> i32, i32::wrapping_add
);

/// The result, and the number of lanes in a vector.
fn multiply_adds(isa: Isa, rounds: usize) -> (f32, usize) {
    match isa.name() {
        // SAFETY: an `Isa` with this name exists only on processors that have these instructions.
        #[cfg(target_arch = "x86_64")]
        "avx512" | "avx512vnni" | "avx512bf16" | "amx" => (unsafe { multiply_adds_avx512(rounds) }, 16),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        "avx2" | "avxvnni" => (unsafe { multiply_adds_avx2(rounds) }, 8),
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

/// The result, and the number of lanes in a vector. `None` if the instruction set has no such vectors, or wider registers.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "others have no such vectors"))]
fn dot_products(isa: Isa, rounds: usize) -> Option<(i32, usize)> {
    match isa.name() {
        // SAFETY: an `Isa` with this name exists only on processors that have these instructions.
        #[cfg(target_arch = "x86_64")]
        "avx512vnni" | "avx512bf16" => Some((unsafe { dot_products_avx512(rounds) }, 16)),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        "avxvnni" => Some((unsafe { dot_products_avx2(rounds) }, 8)),
        _ => None,
    }
}

/// GFLOP/s of multiply-adds in registers; each counts as two operations.
pub fn floats(isa: Isa) -> f64 {
    rate(2 * multiply_adds(isa, 1).1, |rounds| multiply_adds(isa, rounds))
}

/// GOP/s of dot products of bytes in vector registers; each lane counts as eight operations.
pub fn bytes(isa: Isa) -> Option<f64> {
    let lanes = dot_products(isa, 1)?.1;
    Some(rate(8 * lanes, |rounds| dot_products(isa, rounds)))
}

/// 10⁹ operations per second of chains whose instruction has so many.
fn rate<T>(operations: usize, run: impl Fn(usize) -> T) -> f64 {
    let seconds = time(|| {
        black_box(run(ROUNDS));
    });
    (operations * ROUNDS * CHAINS) as f64 / seconds / 1e9
}
