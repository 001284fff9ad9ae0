//! The element types of quantized tensors.

use super::product::Product;
use crate::error::{Result, require};
use crate::gemm::{Dequantize, Requantize};
use crate::simd::{Bits8, I8I8, U8I8};

/// The element types of quantized tensors: `u8` and `i8`.
pub trait Byte: Copy + Default + sealed::Bits {}

impl Byte for u8 {}
impl Byte for i8 {}

pub(crate) mod sealed {
    use super::{Bits8, Dequantize, Product, Requantize, Result, require};

    /// What layers need to know of a [`Byte`](super::Byte). The trait is sealed.
    #[allow(private_bounds, private_interfaces)]
    pub trait Bits: Bits8 {
        const MIN: i32;
        const MAX: i32;
        /// The bit that makes an unsigned byte of the bits: 0x80 for `i8`, which adds 128.
        const FLIP: u8;

        /// The bits of a zero point of x. Fails if it is out of range.
        fn zero_point(zero_point: i32) -> Result<u8> {
            let fits = (Self::MIN..=Self::MAX).contains(&zero_point);
            require(fits, "x_zero_point", "be in the range of the type of x")?;
            Ok(zero_point as u8)
        }

        // These functions are not generic, so that a program has one copy of the kernels.
        fn requantize(product: Product<'_, Requantize<'_>>);
        fn dequantize(product: Product<'_, Dequantize<'_>>);
    }
}

#[allow(private_interfaces)]
impl sealed::Bits for u8 {
    const MIN: i32 = 0;
    const MAX: i32 = 255;
    const FLIP: u8 = 0;

    fn requantize(product: Product<'_, Requantize<'_>>) {
        product.run::<U8I8>();
    }
    fn dequantize(product: Product<'_, Dequantize<'_>>) {
        product.run::<U8I8>();
    }
}

#[allow(private_interfaces)]
impl sealed::Bits for i8 {
    const MIN: i32 = -128;
    const MAX: i32 = 127;
    const FLIP: u8 = 0x80;

    fn requantize(product: Product<'_, Requantize<'_>>) {
        product.run::<I8I8>();
    }
    fn dequantize(product: Product<'_, Dequantize<'_>>) {
        product.run::<I8I8>();
    }
}
