//! Resizing by interpolation, one axis at a time.

use crate::error::{check_len, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Result, len};

/// How a position in the result becomes one in the input; s is the scale.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// The result shows the part of the input from `start` to `end`, as shares of its length.
    Crop {
        /// Where the first element of the result lies.
        start: f32,
        /// Where the last one lies.
        end: f32,
        /// What the elements are that lie outside of the input.
        outside: f32,
    },
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
    /// A mean of so many neighbours that each has a weight somewhere in the result, by a filter that is stretched as
    /// far as the result is smaller.
    Antialias {
        /// Keys' parameter; the filter is a triangle without.
        a: Option<f32>,
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
        let scale = self.scale.unwrap_or(output as f32 / axis as f32);
        let stretched = matches!(self.interpolation, Interpolation::Antialias { .. });
        require(!stretched || scale * axis as f32 > 0.5, "scale", "leave an element of the axis")?;
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(output * inner)) {
            for (at, y) in y.chunks_exact_mut(inner).enumerate() {
                let position = self.coordinates.position(at as f32, axis as f32, output as f32, scale);
                if let Coordinates::Crop { outside, .. } = self.coordinates
                    && !(0.0..=axis as f32 - 1.0).contains(&position)
                {
                    y.fill(outside);
                    continue;
                }
                if let Interpolation::Antialias { a, exclude_outside } = self.interpolation {
                    Filter { a, scale: scale.min(1.0), exclude_outside }.run(position, axis, x, y);
                    continue;
                }
                let (first, weights) = self.taps(position, axis);
                let row = |tap: usize| {
                    let place = first.saturating_add(tap as i64).clamp(0, axis as i64 - 1) as usize;
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

    /// The first of the elements that make up what lies at a position, and their weights.
    fn taps(&self, position: f32, input: usize) -> (i64, Taps) {
        match self.interpolation {
            Interpolation::RoundPreferFloor => (floor(0.5 - position).saturating_neg(), Taps::One),
            Interpolation::RoundPreferCeil => (floor(position + 0.5), Taps::One),
            Interpolation::Floor | Interpolation::Antialias { .. } => (floor(position), Taps::One),
            Interpolation::Ceil => (floor(-position).saturating_neg(), Taps::One),
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
                    for (weight, tap) in weights.iter_mut().zip(-1..) {
                        if !(0..input as i64).contains(&first.saturating_add(tap)) {
                            *weight = 0.0;
                        }
                    }
                    let sum: f32 = weights.iter().sum();
                    weights = weights.map(|weight| weight / sum);
                }
                (first.saturating_sub(1), Taps::Four(weights))
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
            Self::Crop { start, end, .. } => {
                let share = if output > 1.0 { at / (output - 1.0) } else { 0.5 };
                (start + share * (end - start)) * (input - 1.0)
            }
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

/// The weights of the elements at −1, 0, 1 and 2 for the position t in 0…1.
fn cubic(t: f32, a: f32) -> [f32; 4] {
    [t + 1.0, t, 1.0 - t, 2.0 - t].map(|distance| keys(distance, a))
}

/// The weight of an element at a distance of 0…2, by Keys' cubic convolution.
fn keys(d: f32, a: f32) -> f32 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    }
}

/// A filter that is stretched to as many elements as have a part in one of the result.
struct Filter {
    a: Option<f32>,
    scale: f32,
    exclude_outside: bool,
}

impl Filter {
    /// From x `[axis, inner]` to one element of the result, `[inner]`.
    fn run(&self, position: f32, axis: usize, x: &[f32], y: &mut [f32]) {
        let reach = self.a.map_or(1.0, |_| 2.0) / self.scale;
        let first = floor(position - reach).saturating_add(1);
        let last = floor(position + reach).min(first.saturating_add(2 * (reach as i64 + 1)));
        let inside = |place: i64| (0..axis as i64).contains(&place);
        let taps = (first..=last).filter(|&place| inside(place) || !self.exclude_outside);
        let total: f32 = taps.clone().map(|place| self.weight(place as f32 - position)).sum();
        y.fill(0.0);
        for place in taps {
            let weight = self.weight(place as f32 - position) / total;
            let row = place.clamp(0, axis as i64 - 1) as usize * y.len();
            for (y, x) in y.iter_mut().zip(&x[row..]) {
                *y += weight * x;
            }
        }
    }

    /// The weight of an element that lies so far from the position.
    fn weight(&self, distance: f32) -> f32 {
        let distance = (distance * self.scale).abs();
        match self.a {
            None => (1.0 - distance).max(0.0),
            Some(a) if distance < 2.0 => keys(distance, a),
            Some(_) => 0.0,
        }
    }
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
