//! The mapping from positions in a resized axis to positions in the input.

use super::Interpolation;

/// The mapping from index i in the result to a position in the input (ONNX's `coordinate_transformation_mode`). s is the
/// scale.
///
/// Nearest-neighbor modes compute positions exactly, in integers, so that ties are detected. Other modes compute them in
/// `f32`. The variants named `Tf…` repeat every rounding of TensorFlow, which selects other elements for some sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coordinates {
    /// (i + ½)/s − ½
    HalfPixel,
    /// (i + ½)/s − ½, or 0 if the result has one element
    PytorchHalfPixel,
    /// (i + ½)/s − ½, centered on the result before its size was rounded
    HalfPixelSymmetric,
    /// i·(input − 1)/(output − 1)
    AlignCorners,
    /// i/s
    Asymmetric,
    /// (i + ½)/s
    HalfPixelNearest,
    /// i·f with f = input/output, in `f32`
    TfLegacy,
    /// i·f with f = (input − 1)/(output − 1), in `f32`
    TfAlignCorners,
    /// (i + ½)·f − ½ with f = input/output, in `f32`
    TfHalfPixel,
    /// (i + ½)·f with f = input/output, in `f32`
    TfHalfPixelNearest,
    /// The part of the input from `start` to `end`, as fractions of its length (ONNX's `tf_crop_and_resize`)
    Crop {
        /// The position of the first element of the result.
        start: f32,
        /// The position of the last element of the result.
        end: f32,
        /// The value of elements outside the input (ONNX's `extrapolation_value`).
        outside: f32,
    },
}

/// The maximum size of an axis. Products of two sizes or terms of a scale fit `i64`.
pub(super) const MAX_SIZE: usize = 1 << 30;

/// The sizes of an axis in input and output, and its mapping; the scale is `scale[0] / scale[1]`, both positive.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub scale: [u32; 2],
    pub coordinates: Coordinates,
}

impl Axis {
    /// The ratio of output to input.
    pub(super) fn scale(self) -> f32 {
        self.scale[0] as f32 / self.scale[1] as f32
    }

    /// The position in the input of an element of the result.
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

    /// The position as a fraction `[numerator, denominator]` with a positive denominator; `None` for mappings that are
    /// defined in `f32`.
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

    /// Whether an element of the result is outside the input, which only cropping allows.
    pub(super) fn is_outside(self, at: usize) -> bool {
        matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=self.input as f32 - 1.0).contains(&self.position(at))
    }

    /// The input element nearest to the position of a result element; may be outside the axis.
    pub(super) fn nearest(self, interpolation: Interpolation, at: usize) -> i64 {
        // The floor of the position, whether it has a fractional part, and how that compares with ½.
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

/// ⌊x⌋, which `core` lacks for floats; saturates with room for adding a few elements without overflow.
pub(super) fn floor(x: f32) -> i64 {
    const FAR: f32 = (1u64 << 62) as f32;
    let whole = x.clamp(-FAR, FAR) as i64;
    if whole as f32 > x { whole - 1 } else { whole }
}
