//! Convolutions with fewer multiplications, after Winograd ("Arithmetic Complexity of Computations", 1980).
//!
//! Along the width, `t + 1 − r` neighbouring outputs of an r-tap kernel are a product of polynomials, which is known from
//! its values at t − 1 points and its leading coefficient: t products. With a tile of six, that is six where the plain sum
//! takes 4 · 3 of three taps; with a tile of eight, eight where it takes 5 · 4 of four and 4 · 5 of five. Along the height
//! the taps are summed up as they are, so that each of the t is one matrix product of depth kernel height · channels.
//!
//! The points keep all constants of the transforms exact in binary. The result is off by about 4 times as much as a
//! plain sum is, 1e-6 of the largest number in it, with a tile of eight by 7 times as much; what is infinite or NaN spreads
//! to all outputs of its tile.

mod layer;
mod part;
mod transform;

pub use layer::WinogradConv2d;

/// Widths of kernels for which there are transforms, and which gain from them.
pub(crate) const WIDTHS: core::ops::RangeInclusive<usize> = 2..=5;

/// Where the polynomials of a tile of six are evaluated; the sixth value is the leading coefficient.
const SIX: [f64; 5] = [0.0, 1.0, -1.0, 0.5, -2.0];
/// Of a tile of eight.
const EIGHT: [f64; 7] = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0];

/// Where the polynomials are evaluated for kernels of `taps`.
const fn points(taps: usize) -> &'static [f64] {
    if taps > 3 { &EIGHT } else { &SIX }
}

/// Inputs of a tile for kernels of `taps`, and values by which its product of polynomials is known.
pub(crate) const fn tile(taps: usize) -> usize {
    points(taps).len() + 1
}

/// The factor of tap `tap`, of `taps`, in value `value` of the kernel: p^tap / Π (p − q) over the other points q.
pub(crate) fn kernel_factor(value: usize, tap: usize, taps: usize) -> f64 {
    let points = points(taps);
    let Some(&point) = points.get(value) else {
        return if tap + 1 == taps { 1.0 } else { 0.0 };
    };
    let power = (0..tap).fold(1.0, |power, _| power * point);
    let others = points.iter().filter(|&&other| other != point);
    others.fold(power, |factor, other| factor / (point - other))
}
