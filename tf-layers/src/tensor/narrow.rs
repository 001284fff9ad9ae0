//! Floating-point numbers of 16, 8 and 4 bits, for which stable Rust has no types.

use core::cmp::Ordering;
use core::fmt;

/// A floating-point type that stores numbers. Layers compute in `f32` and round each result once.
pub trait NarrowFloat: Copy + Default + Into<f32> {
    /// Rounds to nearest, ties to even. What overflows becomes infinity, NaN in a format without infinities, or the
    /// largest finite number in a format with neither.
    fn from_f64(x: f64) -> Self;

    /// Rounds like [`NarrowFloat::from_f64`], but infinities and what overflows become the largest finite number.
    fn from_f64_saturating(x: f64) -> Self;
}

/// The numbers that a format has besides the finite ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    /// Infinities and NaNs, in the highest exponent, as in IEEE 754.
    InfinityAndNan,
    /// Two NaNs, in which all bits except the sign are set.
    Nan,
    /// One NaN, in the place of −0.
    NanForNegativeZero,
    /// None.
    Nothing,
}

/// A binary floating-point format: a sign, `EXPONENT` bits and `FRACTION` bits.
#[derive(Clone, Copy)]
struct Format {
    exponent: u32,
    fraction: u32,
    bias: u32,
    special: Special,
}

impl Format {
    /// The bit of the sign.
    const fn sign(self) -> u64 {
        1 << (self.exponent + self.fraction)
    }

    /// The bits of positive infinity in formats that have it.
    const fn infinity(self) -> u64 {
        self.sign() - (1 << self.fraction)
    }

    /// The bits of the largest finite number.
    const fn largest(self) -> u64 {
        match self.special {
            Special::InfinityAndNan => self.infinity() - 1,
            Special::Nan => self.sign() - 2,
            Special::NanForNegativeZero | Special::Nothing => self.sign() - 1,
        }
    }

    /// The bits of a positive NaN; zero in formats without NaN.
    const fn nan(self) -> u64 {
        match self.special {
            Special::InfinityAndNan => self.infinity() | 1 << (self.fraction - 1),
            Special::Nan => self.sign() - 1,
            Special::NanForNegativeZero => self.sign(),
            Special::Nothing => 0,
        }
    }

    /// Rounds `x` to nearest, ties to even.
    #[inline(always)]
    fn encode(self, x: f64, saturate: bool) -> u64 {
        /// The exponent bias of f64 and the bits of its fraction.
        const BIAS: u32 = 1023;
        const FRACTION: u32 = 52;
        /// 2⁵²; an f64 of this magnitude or more is an integer.
        const WHOLE: f64 = 4_503_599_627_370_496.0;
        let size = x.abs();
        let smallest_normal = f64::from_bits(u64::from(BIAS + 1 - self.bias) << FRACTION);
        let bits = if x.is_nan() {
            self.nan()
        } else if size < smallest_normal {
            // Subnormal numbers are multiples of 2^(1 − bias − fraction). Adding 2⁵² rounds to an integer; the carry of
            // the largest one makes the smallest normal number.
            let scale = f64::from_bits(u64::from(BIAS + self.bias + self.fraction - 1) << FRACTION);
            ((size * scale + WHOLE) - WHOLE) as u64
        } else {
            // Adds half a unit in the last place, minus one bit if the truncated result is even. A carry raises the
            // exponent.
            let (bits, shift) = (size.to_bits(), FRACTION - self.fraction);
            let rounded = (bits + (1 << (shift - 1)) - 1 + (bits >> shift & 1)) >> shift;
            let bits = rounded - (u64::from(BIAS - self.bias) << self.fraction);
            if bits <= self.largest() {
                bits
            } else if saturate || self.special == Special::Nothing {
                self.largest()
            } else if self.special == Special::InfinityAndNan {
                self.infinity()
            } else {
                self.nan()
            }
        };
        let unsigned = self.special == Special::NanForNegativeZero && bits == 0;
        if x.is_sign_negative() && !unsigned { bits | self.sign() } else { bits }
    }

    #[inline(always)]
    const fn is_nan(self, bits: u64) -> bool {
        let size = bits & (self.sign() - 1);
        match self.special {
            Special::InfinityAndNan => size > self.infinity(),
            Special::Nan => size == self.nan(),
            Special::NanForNegativeZero => bits == self.nan(),
            Special::Nothing => false,
        }
    }

    /// The number with these bits; every format is a part of f32.
    #[inline(always)]
    fn decode(self, bits: u64) -> f32 {
        let size = bits & (self.sign() - 1);
        let fraction = (size as u32 & ((1 << self.fraction) - 1)) << (23 - self.fraction);
        let magnitude = if self.is_nan(bits) {
            0xff << 23 | 1 << 22 | fraction
        } else if self.special == Special::InfinityAndNan && size == self.infinity() {
            0xff << 23
        } else if size >> self.fraction == 0 {
            let last = f64::from_bits(u64::from(1024 - self.bias - self.fraction) << 52);
            ((size as f64 * last) as f32).to_bits()
        } else {
            (((size >> self.fraction) as u32) + 127 - self.bias) << 23 | fraction
        };
        f32::from_bits(magnitude | u32::from(bits & self.sign() != 0) << 31)
    }
}

/// What all types with a lossless conversion to `f32` have in common.
macro_rules! float_traits {
    ($($name:ident: $bits:ty),+) => {$(
        impl $name {
            /// The number with these bits.
            #[must_use]
            pub const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// The bits of the number.
            #[must_use]
            pub const fn to_bits(self) -> $bits {
                self.0
            }

            /// Rounds like the conversion from `f64`.
            #[must_use]
            pub fn from_f32(x: f32) -> Self {
                Self::from_f64(x.into())
            }
        }

        impl NarrowFloat for $name {
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                Self::from_f64(x)
            }
            #[inline(always)]
            fn from_f64_saturating(x: f64) -> Self {
                Self::from_f64_saturating(x)
            }
        }

        impl From<$name> for f64 {
            fn from(x: $name) -> Self {
                f32::from(x).into()
            }
        }

        /// Compares values, not bits: NaN equals nothing, 0 equals −0.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                f32::from(*self) == f32::from(*other)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                f32::from(*self).partial_cmp(&f32::from(*other))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&f32::from(*self), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&f32::from(*self), f)
            }
        }
    )+};
}

macro_rules! narrow_floats {
    ($($(#[$about:meta])* $name:ident($bits:ty): $exponent:literal, $fraction:literal, $bias:literal, $special:ident;)+) => {$(
        $(#[$about])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Default)]
        pub struct $name($bits);

        impl $name {
            const FORMAT: Format =
                Format { exponent: $exponent, fraction: $fraction, bias: $bias, special: Special::$special };

            /// Rounds to nearest, ties to even; see [`NarrowFloat::from_f64`] for numbers that overflow.
            #[must_use]
            #[inline(always)]
            pub fn from_f64(x: f64) -> Self {
                Self(Self::FORMAT.encode(x, false) as $bits)
            }

            /// Rounds to nearest, ties to even. Infinities and what overflows become the largest finite number.
            #[must_use]
            #[inline(always)]
            pub fn from_f64_saturating(x: f64) -> Self {
                Self(Self::FORMAT.encode(x, true) as $bits)
            }

            /// Whether it is not a number.
            #[must_use]
            pub const fn is_nan(self) -> bool {
                Self::FORMAT.is_nan(self.0 as u64)
            }
        }

        /// Exact: every number of the format is an `f32`.
        impl From<$name> for f32 {
            #[inline(always)]
            fn from(x: $name) -> Self {
                $name::FORMAT.decode(x.0.into())
            }
        }

        float_traits!($name: $bits);
    )+};
}

narrow_floats! {
    /// A half-precision number: the IEEE 754 format binary16, called float16 in NumPy and ONNX.
    ///
    /// It has 11 significant bits and a largest finite value of 65504. The type is for storage only: layers compute in
    /// `f32` and round each result once, to nearest with ties to even.
    ///
    /// ```
    /// use tf_layers::prelude::*;
    ///
    /// assert_eq!(f32::from(F16::from_f32(0.1)), 0.099975586);
    /// assert_eq!(F16::from_f32(1.0).to_bits(), 0x3c00);
    /// ```
    F16(u16): 5, 10, 15, InfinityAndNan;

    /// The upper half of an `f32`, called bfloat16: 8 significant bits and the exponents of `f32`. For storage only.
    ///
    /// ```
    /// use tf_layers::tensor::BF16;
    ///
    /// assert_eq!(f32::from(BF16::from_f32(0.1)), 0.100097656);
    /// assert_eq!(BF16::from_f32(1.0).to_bits(), 0x3f80);
    /// ```
    BF16(u16): 8, 7, 127, InfinityAndNan;

    /// ONNX' `FLOAT8E4M3FN`: 4 significant bits, a largest value of 448, and NaN but no infinities. For storage only.
    ///
    /// ```
    /// use tf_layers::tensor::F8E4M3FN;
    ///
    /// assert!(F8E4M3FN::from_f64(1000.0).is_nan());
    /// assert_eq!(f32::from(F8E4M3FN::from_f64_saturating(1000.0)), 448.0);
    /// ```
    F8E4M3FN(u8): 4, 3, 7, Nan;

    /// ONNX' `FLOAT8E4M3FNUZ`: 4 significant bits, a largest value of 240, one NaN, no infinities and no −0. For
    /// storage only.
    F8E4M3FNUZ(u8): 4, 3, 8, NanForNegativeZero;

    /// ONNX' `FLOAT8E5M2`: 3 significant bits, a largest finite value of 57344, infinities and NaN. For storage only.
    F8E5M2(u8): 5, 2, 15, InfinityAndNan;

    /// ONNX' `FLOAT8E5M2FNUZ`: 3 significant bits, a largest value of 57344, one NaN, no infinities and no −0. For
    /// storage only.
    F8E5M2FNUZ(u8): 5, 2, 16, NanForNegativeZero;

    /// ONNX' `FLOAT4E2M1`: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, in the lower 4 bits of a byte. For storage
    /// only.
    ///
    /// There are no infinities, which become ±6, and no NaN, which becomes ±0.
    F4E2M1(u8): 2, 1, 1, Nothing;
}

/// ONNX' `FLOAT8E8M0`: the powers of two from 2⁻¹²⁷ to 2¹²⁷, and NaN. For storage only.
///
/// It has no sign and no zero. Conversions round up, as for the scales of OCP Microscaling formats.
///
/// ```
/// use tf_layers::tensor::F8E8M0;
///
/// assert_eq!(f32::from(F8E8M0::from_f32(1.1)), 2.0);
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub struct F8E8M0(u8);

impl F8E8M0 {
    /// The bits of NaN.
    const NAN: u8 = 0xff;

    /// Rounds up. Zero becomes 2⁻¹²⁷; negative numbers and what overflows become NaN.
    #[must_use]
    pub fn from_f64(x: f64) -> Self {
        if x > f64::from(Self(Self::NAN - 1)) { Self(Self::NAN) } else { Self::from_f64_saturating(x) }
    }

    /// Rounds up. Zero becomes 2⁻¹²⁷, and infinity and what overflows become 2¹²⁷; negative numbers become NaN.
    #[must_use]
    pub fn from_f64_saturating(x: f64) -> Self {
        /// The difference between the exponent biases of f64 and of this format.
        const REBIAS: u64 = 1023 - 127;
        if x.is_nan() || x < 0.0 {
            return Self(Self::NAN);
        }
        // A fraction other than zero carries into the exponent.
        let exponent = (x.abs().to_bits() + ((1 << 52) - 1)) >> 52;
        Self(exponent.saturating_sub(REBIAS).min(u64::from(Self::NAN - 1)) as u8)
    }

    /// Whether it is not a number.
    #[must_use]
    pub const fn is_nan(self) -> bool {
        self.0 == Self::NAN
    }
}

/// Exact: every number of the format is an `f32`.
impl From<F8E8M0> for f32 {
    fn from(x: F8E8M0) -> Self {
        match x.0 {
            F8E8M0::NAN => Self::NAN,
            // 2⁻¹²⁷ is subnormal.
            0 => Self::from_bits(1 << 22),
            exponent => Self::from_bits(u32::from(exponent) << 23),
        }
    }
}

float_traits!(F8E8M0: u8);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The positive finite numbers of a format with this many bits of exponent and fraction, by the definition of
    /// floating-point formats; the index is the bits. `count` excludes infinities and NaNs.
    fn numbers(fraction: u32, bias: i32, count: usize) -> Vec<f64> {
        (0..count)
            .map(|bits| {
                let [exponent, fraction_bits] =
                    [bits >> fraction, bits & ((1 << fraction) - 1)].map(|x| x as i32);
                let part = f64::from(fraction_bits) / f64::from(1 << fraction);
                if exponent == 0 {
                    part * 2f64.powi(1 - bias)
                } else {
                    (1.0 + part) * 2f64.powi(exponent - bias)
                }
            })
            .collect()
    }

    /// All bit patterns are converted to the number that they are, and back. Between neighbours, the nearer one wins,
    /// and the even one if both are equally near.
    macro_rules! every_value {
        ($test:ident: $t:ident($bits:ty), $fraction:literal, $bias:literal, $count:literal, $sign:literal, $largest:literal) => {
            #[test]
            fn $test() {
                let numbers = numbers($fraction, $bias, $count);
                assert_eq!(*numbers.last().unwrap(), $largest);
                for bits in 0..=2 * ($sign - 1) + 1 {
                    let x = $t::from_bits(bits as $bits);
                    let (size, is_negative) = (bits & ($sign - 1), bits & $sign != 0);
                    let Some(&number) = numbers.get(size as usize) else {
                        assert!(x.is_nan() != (f64::from(x).abs() == f64::INFINITY), "{bits:#x}");
                        continue;
                    };
                    if x.is_nan() {
                        assert!($t::from_f64(-0.0).to_bits() == 0 && bits == $sign, "NaN in the place of -0");
                        continue;
                    }
                    let number = if is_negative { -number } else { number };
                    assert_eq!((f64::from(x), f32::from(x)), (number, number as f32), "{bits:#x}");
                    assert_eq!(f64::from(x).is_sign_negative(), is_negative);
                    let both =
                        [$t::from_f64(number), $t::from_f64_saturating(number), $t::from_f32(number as f32)];
                    assert_eq!(both.map(|x| u32::from(x.to_bits())), [bits; 3]);
                }
                for (low, pair) in numbers.windows(2).enumerate() {
                    let middle = (pair[0] + pair[1]) / 2.0;
                    let of = |x: f64| $t::from_f64(x).to_bits() as usize;
                    assert_eq!(of(middle), low + (low & 1), "{middle}");
                    assert_eq!(of(f64::from_bits(middle.to_bits() - 1)), low);
                    assert_eq!(of(f64::from_bits(middle.to_bits() + 1)), low + 1);
                    let negative = $t::from_f64(-f64::from_bits(middle.to_bits() + 1)).to_bits() as usize;
                    assert_eq!(negative, $sign + low + 1);
                }
            }
        };
    }
    every_value!(all_of_f16: F16(u16), 10, 15, 0x7c00, 0x8000, 65_504.0);
    every_value!(all_of_bf16: BF16(u16), 7, 127, 0x7f80, 0x8000, 3.389_531_389_251_535_5e38);
    every_value!(all_of_f8e4m3fn: F8E4M3FN(u8), 3, 7, 0x7f, 0x80, 448.0);
    every_value!(all_of_f8e4m3fnuz: F8E4M3FNUZ(u8), 3, 8, 0x80, 0x80, 240.0);
    every_value!(all_of_f8e5m2: F8E5M2(u8), 2, 15, 0x7c, 0x80, 57_344.0);
    every_value!(all_of_f8e5m2fnuz: F8E5M2FNUZ(u8), 2, 16, 0x80, 0x80, 57_344.0);
    every_value!(all_of_f4e2m1: F4E2M1(u8), 1, 1, 8, 8, 6.0);

    /// The rows of the tables in ONNX' definition of Cast: −0, NaN, ±infinity, and ±1e9 or more than the type holds.
    #[test]
    fn special_values() {
        const X: [f64; 6] = [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39, -1e39];
        macro_rules! check {
            ($t:ident: $rounded:expr, $saturated:expr) => {
                assert_eq!(X.map(|x| $t::from_f64(x).to_bits()), $rounded);
                assert_eq!(X.map(|x| $t::from_f64_saturating(x).to_bits()), $saturated);
            };
        }
        check!(F16: [0x8000, 0x7e00, 0x7c00, 0xfc00, 0x7c00, 0xfc00], [0x8000, 0x7e00, 0x7bff, 0xfbff, 0x7bff, 0xfbff]);
        check!(BF16: [0x8000, 0x7fc0, 0x7f80, 0xff80, 0x7f80, 0xff80], [0x8000, 0x7fc0, 0x7f7f, 0xff7f, 0x7f7f, 0xff7f]);
        check!(F8E4M3FN: [0x80, 0x7f, 0x7f, 0xff, 0x7f, 0xff], [0x80, 0x7f, 0x7e, 0xfe, 0x7e, 0xfe]);
        check!(F8E4M3FNUZ: [0, 0x80, 0x80, 0x80, 0x80, 0x80], [0, 0x80, 0x7f, 0xff, 0x7f, 0xff]);
        check!(F8E5M2: [0x80, 0x7e, 0x7c, 0xfc, 0x7c, 0xfc], [0x80, 0x7e, 0x7b, 0xfb, 0x7b, 0xfb]);
        check!(F8E5M2FNUZ: [0, 0x80, 0x80, 0x80, 0x80, 0x80], [0, 0x80, 0x7f, 0xff, 0x7f, 0xff]);
        check!(F4E2M1: [8, 0, 7, 15, 7, 15], [8, 0, 7, 15, 7, 15]);
        check!(F8E8M0: [0, 0xff, 0xff, 0xff, 0xff, 0xff], [0, 0xff, 0xfe, 0xff, 0xfe, 0xff]);
        assert_eq!([464.0, 464.1].map(|x| F8E4M3FN::from_f64(x).to_bits()), [0x7e, 0x7f]);
        assert_eq!([65_519.99, 65_520.0].map(|x| F16::from_f64(x).to_bits()), [0x7bff, 0x7c00]);
    }

    #[test]
    fn powers_of_two_round_up() {
        for bits in 0..0xff_u8 {
            let x = F8E8M0::from_bits(bits);
            let number = 2f64.powi(i32::from(bits) - 127);
            assert_eq!((f64::from(x), f32::from(x)), (number, number as f32));
            assert_eq!(F8E8M0::from_f64(number).to_bits(), bits);
            assert_eq!(F8E8M0::from_f64(f64::from_bits(number.to_bits() - 1)).to_bits(), bits);
            assert_eq!(F8E8M0::from_f64_saturating(number * 1.01).to_bits(), (bits + 1).min(0xfe));
        }
        assert!(f32::from(F8E8M0::from_bits(0xff)).is_nan() && F8E8M0::from_f64(1e39).is_nan());
        assert!([0.0, 1e-300].iter().all(|&x| F8E8M0::from_f64(x).to_bits() == 0));
    }

    #[test]
    fn values_are_compared_and_printed() {
        assert_eq!(alloc::format!("{} {:?}", F16::from_f32(0.5), BF16::from_f32(-2.0)), "0.5 -2.0");
        assert!(F16::from_f32(1.0) < F16::from_f32(1.5) && F16::from_f32(0.0) == F16::from_f32(-0.0));
        assert_ne!(F8E5M2::from_f32(f32::NAN), F8E5M2::from_f32(f32::NAN));
    }
}
