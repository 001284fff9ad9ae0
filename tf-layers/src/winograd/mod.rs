//! Convolutions with fewer multiplications, after Winograd ("Arithmetic Complexity of Computations", 1980).
//!
//! Along the width, `TILE + 1 − r` neighbouring outputs of an r-tap kernel are a product of polynomials, which is
//! known from its values at [`POINTS`] and its leading coefficient: six products where the plain sum takes
//! 3 · 4 of three taps, 4 · 3 of four and 5 · 2 of five. Along the height the taps are summed up as they are, so that
//! each of the six is one matrix product of depth kernel height · channels.
//!
//! The points keep all constants of the transforms exact in binary. The result is off by about 4 times as much as a
//! plain sum is, 1e-6 of the largest number in it; what is infinite or NaN spreads to all outputs of its tile.

mod layer;
mod transform;

pub use layer::WinogradConv2d;

/// Inputs of a tile, and values by which its product of polynomials is known.
pub(crate) const TILE: usize = 6;

/// Where the polynomials are evaluated; the sixth value is the leading coefficient.
const POINTS: [f64; TILE - 1] = [0.0, 1.0, -1.0, 0.5, -2.0];

/// Widths of kernels for which there are transforms, and which gain from them.
pub(crate) const WIDTHS: core::ops::RangeInclusive<usize> = 2..=5;

/// The factor of tap `tap`, of `taps`, in value `value` of the kernel: p^tap / Π (p − q) over the other points q.
pub(crate) fn kernel_factor(value: usize, tap: usize, taps: usize) -> f64 {
    let Some(&point) = POINTS.get(value) else {
        return if tap + 1 == taps { 1.0 } else { 0.0 };
    };
    let power = (0..tap).fold(1.0, |power, _| power * point);
    let others = POINTS.iter().filter(|&&other| other != point);
    others.fold(power, |factor, other| factor / (point - other))
}
