//! Integers of 4 and 2 bits.

use core::fmt;

/// An integer type that stores numbers in one byte each. Layers compute in wider integers.
pub trait NarrowInt: Copy + Default + Into<i64> {
    /// The smallest number of the type.
    const LOWEST: i64;
    /// The largest number of the type.
    const HIGHEST: i64;

    /// Keeps the lower bits of the number, like `as` between integers.
    fn from_i64(x: i64) -> Self;
}

macro_rules! narrow_ints {
    ($($(#[$about:meta])* $name:ident($byte:ty): $bits:literal;)+) => {$(
        $(#[$about])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Default)]
        pub struct $name($byte);

        impl $name {
            /// The bits of a byte that the number does not have.
            const UNUSED: u32 = 8 - $bits;

            /// The number in the lower bits of `byte`; the others have no effect.
            #[must_use]
            pub const fn new(byte: $byte) -> Self {
                Self(byte << Self::UNUSED >> Self::UNUSED)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $byte {
                // Weights are bytes of a file, whose upper bits are not known.
                self.0 << Self::UNUSED >> Self::UNUSED
            }
        }

        impl NarrowInt for $name {
            const LOWEST: i64 = (<$byte>::MIN >> Self::UNUSED) as i64;
            const HIGHEST: i64 = (<$byte>::MAX >> Self::UNUSED) as i64;

            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                Self::new(x as $byte)
            }
        }

        impl From<$name> for $byte {
            #[inline(always)]
            fn from(x: $name) -> Self {
                x.get()
            }
        }

        impl From<$name> for i64 {
            #[inline(always)]
            fn from(x: $name) -> Self {
                x.get().into()
            }
        }

        impl From<$name> for f64 {
            fn from(x: $name) -> Self {
                x.get().into()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.get() == other.get()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.get(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.get(), f)
            }
        }
    )+};
}

narrow_ints! {
    /// An integer from −8 to 7, one per byte.
    ///
    /// ```
    /// use tf_layers::tensor::I4;
    ///
    /// assert_eq!(I4::new(-8).get(), -8);
    /// assert_eq!(I4::new(8).get(), -8);
    /// ```
    I4(i8): 4;

    /// An integer from 0 to 15, one per byte.
    U4(u8): 4;

    /// An integer from −2 to 1, one per byte.
    I2(i8): 2;

    /// An integer from 0 to 3, one per byte.
    U2(u8): 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: NarrowInt + PartialEq + fmt::Debug>(low: i64, high: i64) {
        assert_eq!((T::LOWEST, T::HIGHEST), (low, high));
        let count = high - low + 1;
        for x in -300..300 {
            let wrapped = (x - low).rem_euclid(count) + low;
            assert_eq!(T::from_i64(x).into(), wrapped, "{x}");
            assert_eq!(T::from_i64(x), T::from_i64(wrapped));
        }
    }

    #[test]
    fn numbers_wrap_like_those_of_other_integer_types() {
        check::<I4>(-8, 7);
        check::<U4>(0, 15);
        check::<I2>(-2, 1);
        check::<U2>(0, 3);
    }

    #[test]
    fn unused_bits_of_a_stored_byte_have_no_effect() {
        assert_eq!((I4(0x78).get(), U4(0xf3).get(), I2(0x7d).get(), U2(0xff).get()), (-8, 3, 1, 3));
        assert_eq!(I4(0x78), I4::new(-8));
        assert_eq!(alloc::format!("{} {:?}", I4(0x1f), U2(7)), "-1 3");
    }
}
