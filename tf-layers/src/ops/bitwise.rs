//! Bitwise operations on integers, and reinterpreting bits as another type.

use crate::Context;
use crate::error::Result;
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut, check_dims};

/// The integer types that [`Bitwise`] operates on.
pub trait Bits: Copy + sealed::Bits {}

mod sealed {
    /// The operations of [`Bits`](super::Bits). The trait is sealed.
    pub trait Bits: Sized {
        fn and(self, other: Self) -> Self;
        fn or(self, other: Self) -> Self;
        fn xor(self, other: Self) -> Self;
        fn not(self) -> Self;
        /// 0 if `by` is negative or not less than the number of bits.
        fn shift_left(self, by: Self) -> Self;
        /// As [`shift_left`](Self::shift_left), but −1 for a negative number.
        fn shift_right(self, by: Self) -> Self;
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
            fn shift_left(self, by: Self) -> Self {
                u32::try_from(by).ok().and_then(|by| self.checked_shl(by)).unwrap_or(0)
            }
            #[inline(always)]
            fn shift_right(self, by: Self) -> Self {
                let by = u32::try_from(by).ok().filter(|&by| by < Self::BITS);
                // Every bit is shifted out; in two steps, the sign of a negative number fills the result.
                by.map_or_else(|| self >> (Self::BITS - 1) >> 1, |by| self >> by)
            }
        }
    )+};
}
bits!(i8, i16, i32, i64, u8, u16, u32, u64);

/// A bitwise operation on two integer tensors, with NumPy's broadcasting.
///
/// ```
/// use tf_layers::ops::Bitwise;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (a, b) = (View::new(&[0b1100u8, 0b1010], [2])?, View::new(&[0b0110], [])?);
/// let mut y = [0; 2];
/// let y = Bitwise::And.run(cx, a, b, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [0b0100, 0b0010]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bitwise {
    /// a & b
    And,
    /// a | b
    Or,
    /// a ^ b
    Xor,
    /// a << b; 0 if b is negative or not less than the number of bits
    ShiftLeft,
    /// a >> b; 0, or −1 if a is negative, if b is negative or not less than the number of bits
    ShiftRight,
}

impl Bitwise {
    /// Computes y = a ∘ b.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that a and b broadcast to, or has more than 8.
    pub fn run<'y, T: Bits, const A: usize, const B: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        a: View<'_, T, A>,
        b: View<'_, T, B>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
        let f = match self {
            Self::And => T::and,
            Self::Or => T::or,
            Self::Xor => T::xor,
            Self::ShiftLeft => T::shift_left,
            Self::ShiftRight => T::shift_right,
        };
        plan.zip(a.as_slice()?, b.as_slice()?, y.as_mut_slice()?, f);
        Ok(y.into_view())
    }
}

/// Computes y = !x: every bit is inverted.
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn bitwise_not<'y, T: Bits, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (x, y) in x.as_slice()?.iter().zip(y.as_mut_slice()?) {
        *y = x.not();
    }
    Ok(y.into_view())
}

/// A number whose bits can be reinterpreted as a `B` of the same size.
pub trait SameBits<B>: Copy {
    /// The `B` with the same bits.
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

/// `BitCast`: reinterprets the bits of every element as another type of the same size.
///
/// ```
/// use tf_layers::ops::bit_cast;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0_u32; 1];
/// let y = bit_cast(cx, View::new(&[1.0_f32], [1])?, ViewMut::new(&mut y, [1])?)?;
/// assert_eq!(y.as_slice()?, [0x3f80_0000]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn bit_cast<'y, T: SameBits<U>, U, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, U, R>,
) -> Result<View<'y, U, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (x, y) in x.as_slice()?.iter().zip(y.as_mut_slice()?) {
        *y = x.same_bits();
    }
    Ok(y.into_view())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn bits_are_combined_and_shifted() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let a = View::new(&[0b1100u8, 0b1010, 255, 1], [4]).unwrap();
        let b = View::new(&[0b1010u8, 1, 8, 200], [4]).unwrap();
        for (function, expected) in [
            (Bitwise::And, [0b1000, 0, 8, 0]),
            (Bitwise::Or, [0b1110, 0b1011, 255, 201]),
            (Bitwise::Xor, [0b0110, 0b1011, 247, 201]),
            (Bitwise::ShiftLeft, [0, 0b10100, 0, 0]),
            (Bitwise::ShiftRight, [0, 0b101, 0, 0]),
        ] {
            let mut y = [9; 4];
            let y = function.run(cx, a, b, ViewMut::new(&mut y, [4]).unwrap()).unwrap();
            assert_eq!(y.as_slice().unwrap(), expected, "{function:?}");
        }
        let (a, b) = (View::new(&[1, 2], [2, 1]).unwrap(), View::new(&[4, 8], [2]).unwrap());
        let mut y = [0i64; 4];
        let y = Bitwise::Or.run(cx, a, b, ViewMut::new(&mut y, [2, 2]).unwrap()).unwrap();
        assert_eq!(y.as_slice().unwrap(), [5, 9, 6, 10]);
        let c = View::new(&[4, 8, 1], [3]).unwrap();
        assert!(Bitwise::Or.run(cx, b, c, ViewMut::new(&mut [0; 3], [3]).unwrap()).is_err());
        let (a, b) = (View::new(&[-8i8, -8], [2]).unwrap(), View::new(&[1, 9], [2]).unwrap());
        let mut y = [0; 2];
        let y = Bitwise::ShiftRight.run(cx, a, b, ViewMut::new(&mut y, [2]).unwrap()).unwrap();
        assert_eq!(y.as_slice().unwrap(), [-4, -1]);
        let mut y = [0i8; 2];
        let x = View::new(&[0, 5], [2]).unwrap();
        let y = bitwise_not(cx, x, ViewMut::new(&mut y, [2]).unwrap()).unwrap();
        assert_eq!(y.as_slice().unwrap(), [-1, -6]);
    }

    #[test]
    fn bits_are_reinterpreted() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let (mut y, mut z) = ([0i32; 2], [0f32; 2]);
        let x = View::new(&[1.0f32, -0.0], [2]).unwrap();
        let y = bit_cast(cx, x, ViewMut::new(&mut y, [2]).unwrap()).unwrap();
        assert_eq!(y.as_slice().unwrap(), [0x3f80_0000, i32::MIN]);
        bit_cast(cx, y, ViewMut::new(&mut z, [2]).unwrap()).unwrap();
        assert_eq!(z.map(f32::to_bits), [1f32.to_bits(), (-0f32).to_bits()]);
        let mut z = [0u8; 1];
        bit_cast(cx, View::new(&[-1i8], [1]).unwrap(), ViewMut::new(&mut z, [1]).unwrap()).unwrap();
        assert_eq!(z, [255]);
        let two = View::new(&[1i8, 2], [2]).unwrap();
        assert!(bit_cast(cx, two, ViewMut::new(&mut z, [1]).unwrap()).is_err());
    }
}
