//! Arithmetic on any type of number, for the operators that are not vectorized.

/// The types that scalar operators such as [`ScalarBinary`](crate::ops::ScalarBinary) and
/// [`ScalarReduce`](crate::ops::ScalarReduce) compute with: integers, `f32`, `f64` and `bool`.
///
/// Integers wrap on overflow, as in NumPy. The sum of `bool`s is their disjunction, the product their conjunction.
pub trait Number: Copy + PartialOrd + Default + sealed::Arithmetic {}

pub(crate) mod sealed {
    /// The arithmetic of [`Number`](super::Number). The trait is sealed.
    pub trait Arithmetic: Sized {
        const ZERO: Self;
        const ONE: Self;
        const LOWEST: Self;
        const HIGHEST: Self;
        /// Whether division by zero is undefined.
        const EXACT: bool;
        fn add(self, other: Self) -> Self;
        fn sub(self, other: Self) -> Self;
        fn mul(self, other: Self) -> Self;
        /// Integers round toward zero; their divisor must not be zero.
        fn div(self, other: Self) -> Self;
        /// The remainder with the sign of the dividend; the divisor of integers must not be zero.
        fn rem(self, other: Self) -> Self;
        fn pow(self, exponent: Self) -> Self;
        /// The maximum; NaN if either operand is.
        fn greater(self, other: Self) -> Self;
        /// The minimum; NaN if either operand is.
        fn lesser(self, other: Self) -> Self;
    }
}

macro_rules! comparisons {
    () => {
        #[inline(always)]
        fn greater(self, other: Self) -> Self {
            if self > other || self != self { self } else { other }
        }
        #[inline(always)]
        fn lesser(self, other: Self) -> Self {
            if self < other || self != self { self } else { other }
        }
    };
}

macro_rules! integers {
    ($($t:ty),+) => {$(
        impl Number for $t {}

        #[allow(clippy::eq_op, irrefutable_let_patterns)]
        impl sealed::Arithmetic for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;
            const EXACT: bool = true;

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }
            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }
            /// Rounds toward zero if the exponent is negative; a negative power of 0 is 0.
            fn pow(self, exponent: Self) -> Self {
                let Ok(exponent) = u64::try_from(exponent) else {
                    let is_minus_one = self.wrapping_add(1) == 0;
                    return match self {
                        1 => 1,
                        _ if is_minus_one && exponent % 2 == 0 => 1,
                        _ if is_minus_one => self,
                        _ => 0,
                    };
                };
                let (mut power, mut base, mut left) = (1 as $t, self, exponent);
                while left > 0 {
                    if left & 1 == 1 {
                        power = power.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                power
            }
            comparisons!();
        }
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($t:ty, $pow:expr;)+) => {$(
        impl Number for $t {}

        #[allow(clippy::eq_op)]
        impl sealed::Arithmetic for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;
            const EXACT: bool = false;

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                self % other
            }
            fn pow(self, exponent: Self) -> Self {
                $pow(self, exponent)
            }
            comparisons!();
        }
    )+};
}
floats! {
    f32, crate::math::pow;
    f64, crate::math::pow_f64;
}

impl Number for bool {}

impl sealed::Arithmetic for bool {
    const ZERO: Self = false;
    const ONE: Self = true;
    const LOWEST: Self = false;
    const HIGHEST: Self = true;
    const EXACT: bool = true;

    fn add(self, other: Self) -> Self {
        self | other
    }
    fn sub(self, other: Self) -> Self {
        self ^ other
    }
    fn mul(self, other: Self) -> Self {
        self & other
    }
    fn div(self, other: Self) -> Self {
        self & other
    }
    fn rem(self, other: Self) -> Self {
        self && !other
    }
    fn pow(self, exponent: Self) -> Self {
        self || !exponent
    }
    fn greater(self, other: Self) -> Self {
        self | other
    }
    fn lesser(self, other: Self) -> Self {
        self & other
    }
}
