//! Numbers as integers of few bits: x ≈ scale·(q − zero).

use crate::error::{Result, check_len, require};
use crate::tensor::len;

/// Integers that numbers are quantised to.
pub trait Quantized: Copy + Into<i64> + sealed::Saturate {}

mod sealed {
    pub trait Saturate {
        /// The nearest value there is.
        fn saturate(x: i64) -> Self;
    }
}

macro_rules! quantized {
    ($($t:ty),+) => {$(
        impl Quantized for $t {}

        impl sealed::Saturate for $t {
            #[inline(always)]
            fn saturate(x: i64) -> Self {
                x.clamp(i64::from(Self::MIN), i64::from(Self::MAX)) as Self
            }
        }
    )+};
}
quantized!(i8, u8, i16, u16, i32);

/// How scales and zero points belong to the elements of a tensor.
///
/// The tensor is `[outer, axis, inner]`. There is one scale for all of it, or one for each place on the axis, or one
/// for each `block` elements along the axis, for each of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantization {
    /// The tensor's shape as \[outer, axis, inner\].
    pub dims: [usize; 3],
    /// How many elements along the axis share a scale; 0 if scales belong to places on the axis.
    pub block: usize,
}

impl Quantization {
    /// y = round(x/scale) + zero, saturated; halves are rounded to the even integer, NaN becomes the zero point.
    ///
    /// Without zero points, which are as many as the scales, they are 0.
    pub fn quantize<T: Quantized>(
        &self,
        x: &[f32],
        scales: &[f32],
        zeros: Option<&[T]>,
        y: &mut [T],
    ) -> Result<()> {
        self.check(x.len(), y.len(), scales.len(), zeros.map(<[T]>::len))?;
        for (i, (&x, y)) in x.iter().zip(y).enumerate() {
            let at = self.scale_of(i, scales.len());
            let zero = zeros.map_or(0, |zeros| zeros[at].into());
            // An i64 holds whatever of an f32 does not saturate.
            *y = T::saturate((round(x / scales[at]) as i64).saturating_add(zero));
        }
        Ok(())
    }

    /// y = scale·(x − zero). Without zero points, which are as many as the scales, they are 0.
    pub fn dequantize<T: Quantized>(
        &self,
        x: &[T],
        scales: &[f32],
        zeros: Option<&[T]>,
        y: &mut [f32],
    ) -> Result<()> {
        self.check(x.len(), y.len(), scales.len(), zeros.map(<[T]>::len))?;
        for (i, (&x, y)) in x.iter().zip(y).enumerate() {
            let at = self.scale_of(i, scales.len());
            let zero: i64 = zeros.map_or(0, |zeros| zeros[at].into());
            let x: i64 = x.into();
            *y = (x - zero) as f32 * scales[at];
        }
        Ok(())
    }

    fn check(&self, x: usize, y: usize, scales: usize, zeros: Option<usize>) -> Result<()> {
        let [outer, axis, inner] = self.dims;
        check_len("x", len(&self.dims)?, x)?;
        check_len("y", x, y)?;
        check_len("zero points", scales, zeros.unwrap_or(scales))?;
        if scales == 1 {
            return Ok(());
        }
        let expected = if self.block == 0 { axis } else { len(&[outer, axis.div_ceil(self.block), inner])? };
        require(
            scales == expected,
            "scales",
            "be one, or one for each place on the axis or each block along it",
        )
    }

    /// Which scale element `i` has.
    fn scale_of(&self, i: usize, scales: usize) -> usize {
        let [_, axis, inner] = self.dims;
        if scales == 1 {
            return 0;
        }
        let place = i / inner % axis;
        if self.block == 0 {
            return place;
        }
        (i / inner / axis * axis.div_ceil(self.block) + place / self.block) * inner + i % inner
    }
}

/// The nearest integer, halves to the even one.
fn round(x: f32) -> f32 {
    /// From 2²³ on every f32 is an integer.
    const WHOLE: f32 = 8_388_608.0;
    if x.abs() < WHOLE { ((x.abs() + WHOLE) - WHOLE).copysign(x) } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_saturation() {
        let all = Quantization { dims: [1, 1, 8], block: 0 };
        let x = [0.0, 1.0, 3.0, -3.0, 5.0, 1e9, f32::NEG_INFINITY, f32::NAN];
        let mut y = [0u8; 8];
        all.quantize(&x, &[2.0], Some(&[128]), &mut y).unwrap();
        assert_eq!(y, [128, 128, 130, 126, 130, 255, 0, 128]);
        let mut y = [0i8; 8];
        all.quantize(&x, &[2.0], None, &mut y).unwrap();
        assert_eq!(y, [0, 0, 2, -2, 2, 127, -128, 0]);
        let mut back = [0.0; 8];
        all.dequantize(&y, &[0.5], Some(&[1]), &mut back).unwrap();
        assert_eq!(back, [-0.5, -0.5, 0.5, -1.5, 0.5, 63.0, -64.5, -0.5]);
    }

    #[test]
    fn scales_belong_to_places_or_blocks() {
        let places = Quantization { dims: [2, 2, 1], block: 0 };
        let mut y = [0.0; 4];
        places.dequantize(&[1i32, 1, 2, 2], &[1.0, 10.0], Some(&[0, 1]), &mut y).unwrap();
        assert_eq!(y, [1.0, 0.0, 2.0, 10.0]);
        assert!(places.dequantize(&[1i32, 1, 2, 2], &[1.0, 10.0, 2.0], None, &mut y).is_err());
        assert!(places.dequantize(&[1i32, 1, 2, 2], &[1.0, 10.0], Some(&[1]), &mut y).is_err());
        let blocks = Quantization { dims: [1, 3, 2], block: 2 };
        let mut y = [0.0; 6];
        blocks.dequantize(&[1u8; 6], &[1.0, 2.0, 3.0, 4.0], None, &mut y).unwrap();
        assert_eq!(y, [1.0, 2.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
