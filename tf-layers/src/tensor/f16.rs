//! Half-precision numbers, for which stable Rust has no type.

use core::cmp::Ordering;
use core::fmt;

/// A half-precision number: the IEEE 754 format binary16, called float16 in NumPy and ONNX.
///
/// It has 11 significant bits and a largest finite value of 65504. The type is for storage only: layers compute in `f32`
/// and round each result once, to nearest with ties to even.
///
/// ```
/// use tf_layers::prelude::*;
///
/// assert_eq!(f32::from(F16::from_f32(0.1)), 0.099975586);
/// assert_eq!(F16::from_f32(1.0).to_bits(), 0x3c00);
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub struct F16(u16);

/// The difference between the exponent biases of f64 and binary16.
const REBIAS_64: u64 = 1023 - 15;
/// The difference between the exponent biases of f32 and binary16.
const REBIAS_32: u32 = 127 - 15;

impl F16 {
    /// The number with these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits: one for the sign, five for the exponent, ten for the fraction.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// Rounds to nearest, ties to even. Magnitudes of 65520 and more become infinity.
    #[must_use]
    pub fn from_f64(x: f64) -> Self {
        /// 2⁻¹⁴, the smallest normal number. Subnormal numbers are multiples of 2⁻²⁴.
        const NORMAL: f64 = 1.0 / 16_384.0;
        /// 2⁵²; an f64 of this magnitude or more is an integer.
        const WHOLE: f64 = 4_503_599_627_370_496.0;
        let sign = (x.to_bits() >> 48) as u16 & 0x8000;
        let size = x.abs();
        let bits = if size.is_nan() {
            0x7e00
        } else if size >= 65_520.0 {
            0x7c00
        } else if size < NORMAL {
            // Adding 2⁵² rounds to an integer; the bits 2¹⁰ are those of the smallest normal number.
            ((size * 16_777_216.0 + WHOLE) - WHOLE) as u16
        } else {
            // Adds half a unit in the last place, minus one bit if the truncated result is even. A carry raises the
            // exponent.
            let bits = size.to_bits();
            let rounded = (bits + 0x1ff_ffff_ffff + (bits >> 42 & 1)) >> 42;
            (rounded - (REBIAS_64 << 10)) as u16
        };
        Self(sign | bits)
    }

    /// Rounds like [`F16::from_f64`].
    #[must_use]
    pub fn from_f32(x: f32) -> Self {
        Self::from_f64(x.into())
    }

    /// Whether it is not a number.
    #[must_use]
    pub const fn is_nan(self) -> bool {
        self.0 & 0x7fff > 0x7c00
    }
}

/// Exact: every [`F16`] is an `f32`.
impl From<F16> for f32 {
    fn from(x: F16) -> Self {
        /// 2⁻²⁴
        const LAST: f32 = 1.0 / 16_777_216.0;
        let (sign, exponent, fraction) =
            (u32::from(x.0 & 0x8000) << 16, u32::from(x.0 >> 10 & 0x1f), u32::from(x.0 & 0x3ff));
        let size = match exponent {
            0 => (fraction as Self * LAST).to_bits(),
            0x1f => 0xff << 23 | fraction << 13,
            _ => (exponent + REBIAS_32) << 23 | fraction << 13,
        };
        Self::from_bits(sign | size)
    }
}

impl From<F16> for f64 {
    fn from(x: F16) -> Self {
        f32::from(x).into()
    }
}

/// Compares values, not bits: NaN equals nothing, 0 equals −0.
impl PartialEq for F16 {
    fn eq(&self, other: &Self) -> bool {
        f32::from(*self) == f32::from(*other)
    }
}

impl PartialOrd for F16 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        f32::from(*self).partial_cmp(&f32::from(*other))
    }
}

impl fmt::Debug for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&f32::from(*self), f)
    }
}

impl fmt::Display for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f32::from(*self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_a_round_trip() {
        for bits in 0..=u16::MAX {
            let x = F16::from_bits(bits);
            let (narrow, wide) = (F16::from_f32(x.into()), F16::from_f64(x.into()));
            if x.is_nan() {
                assert!(narrow.is_nan() && wide.is_nan() && f32::from(x).is_nan());
            } else {
                assert_eq!((narrow.to_bits(), wide.to_bits()), (bits, bits));
            }
        }
    }

    #[test]
    fn ties_round_to_even() {
        for bits in 0..0x7bff_u16 {
            let [low, high] = [bits, bits + 1].map(|bits| f64::from(F16::from_bits(bits)));
            let middle = (low + high) / 2.0;
            assert_eq!(F16::from_f64(middle).to_bits(), bits + (bits & 1), "{middle}");
            assert_eq!(F16::from_f64(-middle).to_bits(), 0x8000 | (bits + (bits & 1)));
            assert_eq!(F16::from_f64(f64::from_bits(middle.to_bits() - 1)).to_bits(), bits);
            assert_eq!(F16::from_f64(f64::from_bits(middle.to_bits() + 1)).to_bits(), bits + 1);
        }
    }

    #[test]
    fn limits_and_special_values() {
        let of = |x: f64| F16::from_f64(x).to_bits();
        assert_eq!(
            [of(65_519.99), of(65_520.0), of(f64::MAX), of(f64::INFINITY)],
            [0x7bff, 0x7c00, 0x7c00, 0x7c00]
        );
        assert_eq!([of(-0.0), of(f64::NEG_INFINITY), of(f64::MIN_POSITIVE)], [0x8000, 0xfc00, 0]);
        assert_eq!([of(1.0), of(-2.0), of(65_504.0)], [0x3c00, 0xc000, 0x7bff]);
        assert_eq!(alloc::format!("{} {:?}", F16::from_f32(0.5), F16::from_f32(-2.0)), "0.5 -2.0");
        assert!(F16::from_f32(1.0) < F16::from_f32(1.5) && F16::from_f32(0.0) == F16::from_f32(-0.0));
        assert_ne!(F16::from_f32(f32::NAN), F16::from_f32(f32::NAN));
    }
}
