//! The element types of quantized tensors.

use crate::error::{Result, require};
use crate::simd::Bits8;

/// The element types of quantized tensors: `u8` and `i8`.
pub trait Byte: Copy + Default + Ord + sealed::Bits {}

impl Byte for u8 {}
impl Byte for i8 {}

pub(crate) mod sealed {
    use super::{Bits8, Result, require};

    /// What layers need to know of a [`Byte`](super::Byte). The trait is sealed.
    #[allow(private_bounds)]
    pub trait Bits: Bits8 {
        const MIN: i32;
        const MAX: i32;
        /// The least element.
        const LEAST: Self;
        /// The bit that makes an unsigned byte of the bits: 0x80 for `i8`, which adds 128.
        const FLIP: u8;

        /// The bits of a zero point of x. Fails if it is out of range.
        fn zero_point(zero_point: i32) -> Result<u8> {
            let fits = (Self::MIN..=Self::MAX).contains(&zero_point);
            require(fits, "x_zero_point", "be in the range of the type of x")?;
            Ok(zero_point as u8)
        }
    }
}

impl sealed::Bits for u8 {
    const MIN: i32 = 0;
    const MAX: i32 = 255;
    const LEAST: Self = 0;
    const FLIP: u8 = 0;
}

impl sealed::Bits for i8 {
    const MIN: i32 = -128;
    const MAX: i32 = 127;
    const LEAST: Self = -128;
    const FLIP: u8 = 0x80;
}
