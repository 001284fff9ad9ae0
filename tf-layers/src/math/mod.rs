//! Elementary functions on vectors, generic over the instruction set.
//!
//! No function calls a system library, so that results are the same on every system. The polynomials are minimax fits
//! (Remez exchange); comments give the function that a polynomial approximates and its error. Where a step must be exact
//! although `fma` rounds twice on some instruction sets, a comment gives the reason.

mod bf16;
mod double;
mod erf;
mod exp;
mod inverse;
mod log;
mod scalar;
mod sigmoid;

pub(crate) use bf16::nearest_bf16;
pub(crate) use double::{exp_f64, ln_f64, pow, pow_f64, root};
pub(crate) use erf::{erf, gelu};
pub(crate) use exp::{exp, expm1};
pub(crate) use inverse::{acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan};
pub(crate) use log::{log, log1p, softplus};
pub(crate) use scalar::{cos, modulo, sin};
pub(crate) use sigmoid::{gate_denominator, gelu_tanh, mish, sigmoid, silu, tanh, tanh_fraction};

use crate::simd::Simd;

/// c₀ + c₁x + c₂x² + …, by Horner's rule.
#[inline(always)]
fn poly<S: Simd, const N: usize>(s: S, x: S::F32, coefficients: [f32; N]) -> S::F32 {
    let mut sum = s.splat(coefficients[N - 1]);
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = s.fma(sum, x, s.splat(coefficients[i]));
    }
    sum
}
