//! Resizing by interpolation, one axis at a time.

use crate::error::{check_len, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Result, len};

/// How a position in the result becomes one in the input; s is the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// (i + ½)/s − ½
    HalfPixel,
    /// The same, and 0 where the result has one element.
    PytorchHalfPixel,
    /// The same, around the middle of what the result would be without rounding its size.
    HalfPixelSymmetric,
    /// i·(input − 1)/(output − 1)
    AlignCorners,
    /// i/s
    Asymmetric,
    /// (i + ½)/s
    TfHalfPixel,
}

/// What is taken at a position between elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interpolation {
    /// The nearest element, of two the one in front.
    RoundPreferFloor,
    /// The nearest element, of two the one behind.
    RoundPreferCeil,
    /// The element in front.
    Floor,
    /// The element behind.
    Ceil,
    /// A mean of the two neighbours.
    Linear,
    /// A mean of four neighbours by Keys' cubic convolution.
    Cubic {
        /// Keys' parameter, −¾ or −½.
        a: f32,
        /// Whether neighbours beyond the border have no weight; else the border stands for them.
        exclude_outside: bool,
    },
}

/// Resizes one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// Where a position in the result lies in the input.
    pub coordinates: Coordinates,
    /// What is taken there.
    pub interpolation: Interpolation,
    /// Output to input; their quotient without.
    pub scale: Option<f32>,
}

impl Resize {
    /// From x `[outer, axis, inner]` to y `[outer, output, inner]`.
    pub fn run(&self, isa: Isa, dims: [usize; 3], output: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        let [outer, axis, inner] = dims;
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", len(&[outer, output, inner])?, y.len())?;
        if y.is_empty() {
            return Ok(());
        }
        require(axis > 0, "axis", "have an element")?;
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(output * inner)) {
            for (at, y) in y.chunks_exact_mut(inner).enumerate() {
                let (first, weights) = self.taps(at, axis, output);
                let row = |tap: usize| {
                    let place = (first + tap as i64).clamp(0, axis as i64 - 1) as usize;
                    &x[place * inner..][..inner]
                };
                match weights {
                    Taps::One => y.copy_from_slice(row(0)),
                    Taps::Two(weights) => isa.run(Mean { rows: [row(0), row(1)], weights, y }),
                    Taps::Four(weights) => {
                        isa.run(Mean { rows: [row(0), row(1), row(2), row(3)], weights, y });
                    }
                }
            }
        }
        Ok(())
    }

    /// The first of the elements that make up an element of the result, and their weights.
    fn taps(&self, at: usize, input: usize, output: usize) -> (i64, Taps) {
        let scale = self.scale.unwrap_or(output as f32 / input as f32);
        let position = self.coordinates.position(at as f32, input as f32, output as f32, scale);
        match self.interpolation {
            Interpolation::RoundPreferFloor => (-floor(0.5 - position), Taps::One),
            Interpolation::RoundPreferCeil => (floor(position + 0.5), Taps::One),
            Interpolation::Floor => (floor(position), Taps::One),
            Interpolation::Ceil => (-floor(-position), Taps::One),
            Interpolation::Linear => {
                let position = position.max(0.0).min(input as f32 - 1.0);
                let first = floor(position);
                let rest = position - first as f32;
                (first, Taps::Two([1.0 - rest, rest]))
            }
            Interpolation::Cubic { a, exclude_outside } => {
                let first = floor(position);
                let mut weights = cubic(position - first as f32, a);
                if exclude_outside {
                    for (weight, place) in weights.iter_mut().zip(first - 1..) {
                        if place < 0 || place >= input as i64 {
                            *weight = 0.0;
                        }
                    }
                    let sum: f32 = weights.iter().sum();
                    weights = weights.map(|weight| weight / sum);
                }
                (first - 1, Taps::Four(weights))
            }
        }
    }
}

impl Coordinates {
    fn position(self, at: f32, input: f32, output: f32, scale: f32) -> f32 {
        match self {
            Self::HalfPixel => (at + 0.5) / scale - 0.5,
            Self::PytorchHalfPixel if output > 1.0 => (at + 0.5) / scale - 0.5,
            Self::AlignCorners if output > 1.0 => at * (input - 1.0) / (output - 1.0),
            Self::PytorchHalfPixel | Self::AlignCorners => 0.0,
            Self::HalfPixelSymmetric => {
                let adjustment = output / (scale * input);
                input / 2.0 * (1.0 - adjustment) + (at + 0.5) / scale - 0.5
            }
            Self::Asymmetric => at / scale,
            Self::TfHalfPixel => (at + 0.5) / scale,
        }
    }
}

/// The weights of one, two or four neighbours.
enum Taps {
    One,
    Two([f32; 2]),
    Four([f32; 4]),
}

/// The greatest integer that is not greater, as far as one can go from there by a few elements without an overflow;
/// `core` has no floor.
fn floor(x: f32) -> i64 {
    const FAR: f32 = (1u64 << 62) as f32;
    let whole = x.clamp(-FAR, FAR) as i64;
    if whole as f32 > x { whole - 1 } else { whole }
}

/// The weights of the elements at −1, 0, 1 and 2 for the position t in 0…1, by Keys' cubic convolution.
fn cubic(t: f32, a: f32) -> [f32; 4] {
    let near = |d: f32| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let far = |d: f32| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// y = Σ weight · row
struct Mean<'a, const N: usize> {
    rows: [&'a [f32]; N],
    weights: [f32; N],
    y: &'a mut [f32],
}

impl<const N: usize> Kernel for Mean<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.y.len();
        for at in (0..width).step_by(S::LANES) {
            let to = width.min(at + S::LANES);
            let mut sum = s.splat(0.0);
            for i in 0..N {
                let x = if to - at == S::LANES {
                    s.load(&self.rows[i][at..])
                } else {
                    s.load_partial(&self.rows[i][at..to], 0.0)
                };
                sum = s.fma(x, s.splat(self.weights[i]), sum);
            }
            if to - at == S::LANES {
                s.store(sum, &mut self.y[at..]);
            } else {
                s.store_partial(sum, &mut self.y[at..to]);
            }
        }
    }
}
