//! The peak rates of multiply-adds and of dot products of bytes of one core.

use std::hint::black_box;

use tf_layers::Isa;

use crate::bench::time;

/// Independent chains of multiply-adds: enough to hide the latency of two units.
const CHAINS: usize = 12;

/// Declares a function that runs rounds of one multiply-add per chain on an instruction set.
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

/// Declares a function that runs rounds of one dot product of four bytes per lane and chain.
macro_rules! dot_products {
    ($name:ident, $feature:literal, $splat:ident, $dot:ident, $sum:expr) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) -> i32 {
            use std::arch::x86_64::*;
            let x = $splat(black_box(0x0102_0304));
            let mut sums = [x; CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $dot(*sum, x, x);
                }
            }
            sums.into_iter().map($sum).fold(0, i32::wrapping_add)
        }
    };
}
dot_products!(dot_products_avx512, "avx512f,avx512vnni", _mm512_set1_epi32, _mm512_dpbusd_epi32, |x| {
    _mm512_cvtsi512_si32(x)
});
dot_products!(dot_products_avx2, "avx2,avxvnni", _mm256_set1_epi32, _mm256_dpbusd_avx_epi32, |x| {
    _mm256_cvtsi256_si32(x)
});

/// The result, and the number of lanes in a vector. `None` if the instruction set has no such vectors, or wider registers.
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

const ROUNDS: usize = 20_000;

/// GFLOP/s of multiply-adds in registers; each counts as two operations.
pub fn floats(isa: Isa) -> f64 {
    let lanes = multiply_adds(isa, 1).1;
    let seconds = time(|| {
        black_box(multiply_adds(isa, ROUNDS));
    });
    (2 * ROUNDS * CHAINS * lanes) as f64 / seconds / 1e9
}

/// GOP/s of dot products of bytes in vector registers; each lane counts as eight operations.
pub fn bytes(isa: Isa) -> Option<f64> {
    let lanes = dot_products(isa, 1)?.1;
    let seconds = time(|| {
        black_box(dot_products(isa, ROUNDS));
    });
    Some((8 * ROUNDS * CHAINS * lanes) as f64 / seconds / 1e9)
}
