//! Integers as rows of bits.

use crate::error::{Result, check_len};
use crate::tensor::broadcast::pair;

/// Integers that [`Bitwise`] works on.
pub trait Bits: Copy + sealed::Bits {}

mod sealed {
    /// What primitive integers have in common; a trait of ours, so that nobody else can add to them.
    pub trait Bits: Sized {
        fn and(self, other: Self) -> Self;
        fn or(self, other: Self) -> Self;
        fn xor(self, other: Self) -> Self;
        fn not(self) -> Self;
        /// 0 where all bits leave, which is also what a negative number of places means.
        fn left(self, by: Self) -> Self;
        /// The same, but −1 for a negative number.
        fn right(self, by: Self) -> Self;
    }
}

macro_rules! bits {
    ($($t:ty),+) => {$(
        impl Bits for $t {}

        impl sealed::Bits for $t {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
            #[inline(always)]
            fn left(self, by: Self) -> Self {
                u32::try_from(by).ok().and_then(|by| self.checked_shl(by)).unwrap_or(0)
            }
            #[inline(always)]
            fn right(self, by: Self) -> Self {
                let by = u32::try_from(by).ok().filter(|&by| by < Self::BITS);
                // All bits leave; a negative number's sign moves in, until there is nothing else.
                by.map_or_else(|| self >> (Self::BITS - 1) >> 1, |by| self >> by)
            }
        }
    )+};
}
bits!(i8, i16, i32, i64, u8, u16, u32, u64);

/// A function of the bits of two integers, with NumPy's broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bitwise {
    /// The bits that both have
    And,
    /// The bits that either has
    Or,
    /// The bits that one of them has
    Xor,
    /// The bits of a moved up by b places
    ShiftLeft,
    /// The bits of a moved down by b places
    ShiftRight,
}

impl Bitwise {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run<T: Bits>(
        self,
        a: &[T],
        a_shape: &[usize],
        b: &[T],
        b_shape: &[usize],
        out: &mut [T],
    ) -> Result<()> {
        let plan = pair(a, a_shape, b, b_shape, out.len())?;
        let f = match self {
            Self::And => T::and,
            Self::Or => T::or,
            Self::Xor => T::xor,
            Self::ShiftLeft => T::left,
            Self::ShiftRight => T::right,
        };
        plan.zip(a, b, out, f);
        Ok(())
    }
}

/// y = x with every bit turned over.
pub fn bitwise_not<T: Bits>(x: &[T], y: &mut [T]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    for (x, y) in x.iter().zip(y) {
        *y = x.not();
    }
    Ok(())
}

/// A number whose bits can be read as a `B`.
pub trait SameBits<B>: Copy {
    /// The number that has these bits.
    fn same_bits(self) -> B;
}

macro_rules! same_bits {
    ($($float:ty, $signed:ty, $unsigned:ty;)+) => {$(
        same_bits!(@ $float => $signed, |x| x.to_bits().cast_signed());
        same_bits!(@ $signed => $float, |x| <$float>::from_bits(x.cast_unsigned()));
        same_bits!(@ $float => $unsigned, |x| x.to_bits());
        same_bits!(@ $unsigned => $float, |x| <$float>::from_bits(x));
    )+};
    (@ $a:ty => $b:ty, |$x:ident| $e:expr) => {
        impl SameBits<$b> for $a {
            #[inline(always)]
            fn same_bits(self) -> $b {
                let $x = self;
                $e
            }
        }
    };
}
same_bits! {
    f32, i32, u32;
    f64, i64, u64;
}
macro_rules! same_signs {
    ($($signed:ty, $unsigned:ty;)+) => {$(
        same_bits!(@ $signed => $unsigned, |x| x.cast_unsigned());
        same_bits!(@ $unsigned => $signed, |x| x.cast_signed());
    )+};
}
same_signs! {
    i8, u8;
    i16, u16;
    i32, u32;
    i64, u64;
}
same_bits!(@ bool => u8, |x| u8::from(x));
same_bits!(@ bool => i8, |x| i8::from(x));

/// Reads the bits of every element as another type of the same size.
pub fn bit_cast<A: SameBits<B>, B>(x: &[A], y: &mut [B]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    for (x, y) in x.iter().zip(y) {
        *y = x.same_bits();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_combined_and_moved() {
        let (a, b) = ([0b1100u8, 0b1010, 255, 1], [0b1010u8, 1, 8, 200]);
        for (function, expected) in [
            (Bitwise::And, [0b1000, 0, 8, 0]),
            (Bitwise::Or, [0b1110, 0b1011, 255, 201]),
            (Bitwise::Xor, [0b0110, 0b1011, 247, 201]),
            (Bitwise::ShiftLeft, [0, 0b10100, 0, 0]),
            (Bitwise::ShiftRight, [0, 0b101, 0, 0]),
        ] {
            let mut out = [9; 4];
            function.run(&a, &[4], &b, &[4], &mut out).unwrap();
            assert_eq!(out, expected, "{function:?}");
        }
        let mut out = [0i64; 4];
        Bitwise::Or.run(&[1, 2], &[2, 1], &[4, 8], &[2], &mut out).unwrap();
        assert_eq!(out, [5, 9, 6, 10]);
        assert!(Bitwise::Or.run(&[1, 2], &[2], &[4, 8, 1], &[3], &mut out).is_err());
        let mut y = [0i8; 2];
        Bitwise::ShiftRight.run(&[-8i8, -8], &[2], &[1, 9], &[2], &mut y).unwrap();
        assert_eq!(y, [-4, -1]);
        bitwise_not(&[0, 5], &mut y).unwrap();
        assert_eq!(y, [-1, -6]);
    }

    #[test]
    fn bits_are_read_as_another_type() {
        let mut y = [0i32; 2];
        bit_cast(&[1.0f32, -0.0], &mut y).unwrap();
        assert_eq!(y, [0x3f80_0000, i32::MIN]);
        let mut x = [0f32; 2];
        bit_cast(&y, &mut x).unwrap();
        assert_eq!(x.map(f32::to_bits), [1f32.to_bits(), (-0f32).to_bits()]);
        let mut z = [0u8; 1];
        bit_cast(&[-1i8], &mut z).unwrap();
        assert_eq!(z, [255]);
        assert!(bit_cast(&[1i8, 2], &mut z).is_err());
    }
}
