//! Convolutions with fewer multiplications (S. Winograd, "Arithmetic Complexity of Computations", 1980).
//!
//! Along the width, t + 1 − r neighbouring outputs of an r-tap kernel are a product of polynomials, which is determined
//! by its values at t − 1 points and its leading coefficient: t multiplications. A tile of six (t = 6) takes 6
//! multiplications where the plain sum takes 4 · 3 for three taps. A tile of eight takes 8 instead of 5 · 4 for four
//! taps or 4 · 5 for five. Along the height the taps are summed as usual, so each of the t multiplications becomes a
//! matrix product of depth `kernel_height` · channels.
//!
//! The points are chosen so that all constants of the transforms are exact in binary. The rounding error is about 4
//! times that of the plain sum with a tile of six (1e-6 of the largest term) and 7 times with a tile of eight. An
//! infinity or NaN spreads to all outputs of its tile.

mod layer;
mod part;
mod transform;

pub use layer::WinogradConv2d;

/// The kernel widths that have transforms and run faster with them.
pub(crate) const WIDTHS: core::ops::RangeInclusive<usize> = 2..=5;

/// The points of a tile of six. The sixth value is the leading coefficient.
const SIX: [f64; 5] = [0.0, 1.0, -1.0, 0.5, -2.0];
/// The points of a tile of eight.
const EIGHT: [f64; 7] = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0];

/// The points for a kernel of `taps`.
const fn points(taps: usize) -> &'static [f64] {
    if taps > 3 { &EIGHT } else { &SIX }
}

/// t, the inputs and the multiplications of a tile, for a kernel of `taps`.
pub(crate) const fn tile(taps: usize) -> usize {
    points(taps).len() + 1
}

/// The factor of tap `tap` of `taps` in value `value` of the transformed kernel: pᵗᵃᵖ / Π (p − q) over the other points
/// q.
#[cfg(feature = "alloc")]
pub(crate) fn kernel_factor(value: usize, tap: usize, taps: usize) -> f64 {
    let points = points(taps);
    let Some(&point) = points.get(value) else {
        return if tap + 1 == taps { 1.0 } else { 0.0 };
    };
    let power = (0..tap).fold(1.0, |power, _| power * point);
    let others = points.iter().filter(|&&other| other != point);
    others.fold(power, |factor, other| factor / (point - other))
}
