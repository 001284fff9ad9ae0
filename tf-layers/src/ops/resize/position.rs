//! Where the elements of a resized axis lie in the axis they come from.

use super::Interpolation;

/// How a position in the result becomes one in the input; s is the scale.
///
/// The nearest element is found in integers, so that a position halfway between two is told from one beside it. Means
/// are weighed by positions in `f32`. The variants called `Tf` are TensorFlow's own arithmetic, rounding by rounding: for
/// some sizes it takes other elements than the exact positions would.
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
    HalfPixelNearest,
    /// i·f with f = input/output, all in `f32`.
    TfLegacy,
    /// i·f with f = (input − 1)/(output − 1), all in `f32`.
    TfAlignCorners,
    /// (i + ½)·f − ½ with f = input/output, all in `f32`.
    TfHalfPixel,
    /// (i + ½)·f with f = input/output, all in `f32`.
    TfHalfPixelNearest,
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

/// The most elements of an axis: products of two such sizes and a scale's terms fit `i64`.
pub(super) const LARGEST: usize = 1 << 30;

/// An axis before and after; the scale is `scale[0] / scale[1]`, both positive.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub scale: [u32; 2],
    pub coordinates: Coordinates,
}

impl Axis {
    /// Output to input.
    pub(super) fn scale(self) -> f32 {
        self.scale[0] as f32 / self.scale[1] as f32
    }

    /// The position of an element of the result.
    pub(super) fn position(self, at: usize) -> f32 {
        let [input, output, at] = [self.input, self.output, at].map(|size| size as f32);
        let scale = self.scale();
        let factor = input / output;
        match self.coordinates {
            Coordinates::HalfPixel => (at + 0.5) / scale - 0.5,
            Coordinates::PytorchHalfPixel if output > 1.0 => (at + 0.5) / scale - 0.5,
            Coordinates::AlignCorners if output > 1.0 => at * (input - 1.0) / (output - 1.0),
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => 0.0,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output / (scale * input);
                input / 2.0 * (1.0 - adjustment) + (at + 0.5) / scale - 0.5
            }
            Coordinates::Asymmetric => at / scale,
            Coordinates::HalfPixelNearest => (at + 0.5) / scale,
            Coordinates::TfAlignCorners if output > 1.0 => at * ((input - 1.0) / (output - 1.0)),
            Coordinates::TfLegacy | Coordinates::TfAlignCorners => at * factor,
            Coordinates::TfHalfPixel => (at + 0.5) * factor - 0.5,
            Coordinates::TfHalfPixelNearest => (at + 0.5) * factor,
            Coordinates::Crop { start, end, .. } if output > 1.0 => {
                start * (input - 1.0) + at * (end - start) * (input - 1.0) / (output - 1.0)
            }
            Coordinates::Crop { start, end, .. } => 0.5 * (start + end) * (input - 1.0),
        }
    }

    /// The same as a quotient of integers, the second positive; None where it is defined in `f32`.
    fn exact(self, at: usize) -> Option<[i64; 2]> {
        let [input, output, at] = [self.input, self.output, at].map(|size| size as i64);
        let [up, down] = self.scale.map(i64::from);
        let middle = (2 * at + 1) * down;
        Some(match self.coordinates {
            Coordinates::HalfPixel => [middle - up, 2 * up],
            Coordinates::PytorchHalfPixel if output > 1 => [middle - up, 2 * up],
            Coordinates::AlignCorners if output > 1 => [at * (input - 1), output - 1],
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => [0, 1],
            // input/2 · (1 − output/(s·input)) + (i + ½)/s − ½, with s = up/down.
            Coordinates::HalfPixelSymmetric => [(input - 1) * up + middle - output * down, 2 * up],
            Coordinates::Asymmetric => [at * down, up],
            Coordinates::HalfPixelNearest => [middle, 2 * up],
            _ => return None,
        })
    }

    /// Whether the position of an element of the result lies outside of the input where the result shows a part of it.
    pub(super) fn is_outside(self, at: usize) -> bool {
        matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=self.input as f32 - 1.0).contains(&self.position(at))
    }

    /// The element nearest to the position of one of the result, which may lie outside.
    pub(super) fn nearest(self, interpolation: Interpolation, at: usize) -> i64 {
        // Of the position: what is below it, and how its distance from there compares with 0 and with ½.
        let (below, rest, half) = if let Some([above, of]) = self.exact(at) {
            let rest = above.rem_euclid(of);
            (above.div_euclid(of), rest > 0, (2 * rest).cmp(&of))
        } else {
            let position = self.position(at);
            let below = floor(position);
            let rest = position - below as f32;
            (below, rest > 0.0, rest.total_cmp(&0.5))
        };
        let up = match interpolation {
            Interpolation::RoundPreferFloor => half.is_gt(),
            Interpolation::RoundPreferCeil => half.is_ge(),
            Interpolation::Ceil => rest,
            _ => false,
        };
        below.saturating_add(i64::from(up))
    }
}

/// The greatest integer that is not greater, as far as one can go from there by a few elements without an overflow;
/// `core` has no floor.
pub(super) fn floor(x: f32) -> i64 {
    const FAR: f32 = (1u64 << 62) as f32;
    let whole = x.clamp(-FAR, FAR) as i64;
    if whole as f32 > x { whole - 1 } else { whole }
}
