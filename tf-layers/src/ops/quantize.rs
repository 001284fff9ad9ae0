//! `QuantizeLinear` and `DequantizeLinear`: x ≈ scale·(q − zero point).

use crate::Context;
use crate::checked::element;
use crate::error::{Result, check_len, require};
use crate::simd::{Accumulator, Bits8, Isa, Kernel, PANEL, Simd};
use crate::tensor::{
    F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, I2, I4, NarrowInt, U2, U4, View, ViewMut, around,
    check_dims, len,
};

/// The types that numbers are quantized to: integers, and floats of 8 and 4 bits.
pub trait Quantized: Copy + Default + sealed::Arithmetic {}

mod sealed {
    use crate::simd::Isa;

    pub trait Arithmetic: Copy {
        /// `x` + `zero`, rounded and saturated.
        fn quantize(x: f32, zero: Self) -> Self;
        /// Quantizes x/scale.
        #[inline(always)]
        fn quantize_all(_: Isa, x: &[f32], scale: f32, zero: Self, y: &mut [Self]) {
            for (&x, y) in x.iter().zip(y) {
                *y = Self::quantize(x / scale, zero);
            }
        }
        /// `self` − `zero`.
        fn minus(self, zero: Self) -> f32;
    }
}

macro_rules! quantized_integers {
    ($($t:ty, $wide:ty: $low:expr, $high:expr, $convert:expr $(, $quantize_all:item)?;)+) => {$(
        impl Quantized for $t {}

        impl sealed::Arithmetic for $t {
            #[inline(always)]
            fn quantize(x: f32, zero: Self) -> Self {
                // The conversion to i64 saturates only values that saturate in the type too.
                let sum = (round(x) as i64).saturating_add(zero.into());
                $convert(sum.clamp($low.into(), $high.into()))
            }
            #[inline(always)]
            fn minus(self, zero: Self) -> f32 {
                (<$wide>::from(self) - <$wide>::from(zero)) as f32
            }
            $($quantize_all)?
        }
    )+};
}

macro_rules! bytes {
    ($($t:ty)+) => {
        quantized_integers!($(
            $t, i32: <$t>::MIN, <$t>::MAX, |x: i64| x as $t,
            fn quantize_all(isa: Isa, x: &[f32], scale: f32, zero: Self, y: &mut [Self]) {
                let bounds = [<$t>::MIN.into(), <$t>::MAX.into()];
                quantize_bytes(isa, x, scale, zero.into(), bounds, <$t>::bits_mut(y));
            };
        )+);
    };
}

macro_rules! primitive_integers {
    ($($t:ty)+) => {
        quantized_integers!($($t, i64: <$t>::MIN, <$t>::MAX, |x: i64| x as $t;)+);
    };
}

macro_rules! narrow_integers {
    ($($t:ty)+) => {
        quantized_integers!($($t, i64: <$t>::LOWEST, <$t>::HIGHEST, <$t>::from_i64;)+);
    };
}

macro_rules! quantized_floats {
    ($($t:ty)+) => {$(
        impl Quantized for $t {}

        impl sealed::Arithmetic for $t {
            #[inline(always)]
            fn quantize(x: f32, zero: Self) -> Self {
                Self::from_f64_saturating((x + f32::from(zero)).into())
            }
            #[inline(always)]
            fn minus(self, zero: Self) -> f32 {
                f32::from(self) - f32::from(zero)
            }
        }
    )+};
}

bytes!(i8 u8);
primitive_integers!(i16 u16 i32);
narrow_integers!(I4 U4 I2 U2);
quantized_floats!(F8E4M3FN F8E4M3FNUZ F8E5M2 F8E5M2FNUZ F4E2M1);

/// A quantization with one constant scale and zero point.
///
/// ```
/// use tf_layers::ops::PerTensorQuantization;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = PerTensorQuantization { scale: 0.5, zero_point: 10_u8 };
/// let mut y = [0; 3];
/// let y = layer.quantize(cx, View::new(&[0.0, 1.0, -9.0], [3])?, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [10, 12, 0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerTensorQuantization<T> {
    /// The difference between two numbers whose integers are neighbours.
    pub scale: f32,
    /// The integer of 0.
    pub zero_point: T,
}

impl<T: Quantized> PerTensorQuantization<T> {
    /// Computes y = round(x/scale) + zero point, saturated. Ties round to even. NaN becomes the zero point.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x.
    pub fn quantize<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        check_dims(&x.dims(), &y.dims())?;
        T::quantize_all(cx.isa, x.as_slice()?, self.scale, self.zero_point, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// Computes y = scale·(x − zero point).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x.
    pub fn dequantize<'y, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        for (&x, y) in x.as_slice()?.iter().zip(y.as_mut_slice()?) {
            *y = x.minus(self.zero_point) * self.scale;
        }
        Ok(y.into_view())
    }
}

/// The granularity of a quantization: which elements share a scale and zero point.
///
/// A tensor has one scale, one per index along `axis`, or one per block of `block` elements along the axis. The zero
/// points have the dims of the scales; they default to 0.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0.0, 1.0, 3.0, -1.0], [2, 2])?;
/// let scales = View::new(&[0.5, 2.0], [2])?;
/// let zeros = View::new(&[0_i8, 10], [2])?;
/// let mut y = [0; 4];
/// let y = ops::Quantization::default().quantize(cx, x, scales, Some(zeros), ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [0, 10, 6, 10]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantization {
    /// The axis of the scales; ignored if there is one scale.
    pub axis: usize,
    /// The number of elements along the axis that share a scale (ONNX's `block_size`); 0 for one scale per index.
    pub block: usize,
}

/// One scale per index along axis 1: the defaults of ONNX.
impl Default for Quantization {
    fn default() -> Self {
        Self { axis: 1, block: 0 }
    }
}

impl Quantization {
    /// Computes y = round(x/scale) + zero point, saturated. Ties round to even. NaN becomes the zero point of integers
    /// and NaN of floats that have it.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, or the number of scales or zero points does not match.
    pub fn quantize<'y, T: Quantized, const R: usize, const Q: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        scales: View<'_, f32, Q>,
        zeros: Option<View<'_, T, Q>>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        check_dims(&x.dims(), &y.dims())?;
        let scales = Scales::new(self, &x.dims(), scales.as_slice()?, zeros)?;
        let (x, to) = (x.as_slice()?, y.as_mut_slice()?);
        if let Some((scale, zero)) = scales.single() {
            T::quantize_all(cx.isa, x, scale, zero, to);
        } else {
            for (i, (&x, y)) in x.iter().zip(to).enumerate() {
                let (scale, zero) = scales.of(i);
                *y = T::quantize(x / scale, zero);
            }
        }
        Ok(y.into_view())
    }

    /// Computes y = scale·(x − zero point).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, or the number of scales or zero points does not match.
    pub fn dequantize<'y, T: Quantized, const R: usize, const Q: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        scales: View<'_, f32, Q>,
        zeros: Option<View<'_, T, Q>>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        let scales = Scales::new(self, &x.dims(), scales.as_slice()?, zeros)?;
        for (i, (&x, y)) in x.as_slice()?.iter().zip(y.as_mut_slice()?).enumerate() {
            let (scale, zero) = scales.of(i);
            *y = x.minus(zero) * scale;
        }
        Ok(y.into_view())
    }
}

/// The scales and zero points of a tensor `[outer, axis, inner]`.
struct Scales<'a, T> {
    axis: usize,
    inner: usize,
    block: usize,
    values: &'a [f32],
    zeros: Option<&'a [T]>,
}

impl<'a, T: Quantized> Scales<'a, T> {
    fn new<const Q: usize>(
        of: &Quantization,
        dims: &[usize],
        scales: &'a [f32],
        zeros: Option<View<'a, T, Q>>,
    ) -> Result<Self> {
        let zeros = zeros.map(|zeros| zeros.as_slice()).transpose()?;
        check_len("zero points", scales.len(), zeros.map_or(scales.len(), <[T]>::len))?;
        if scales.len() == 1 {
            return Ok(Self { axis: 1, inner: 1, block: 0, values: scales, zeros });
        }
        let [outer, axis, inner] = around(dims, of.axis, 1)?;
        let expected = if of.block == 0 { axis } else { len(&[outer, axis.div_ceil(of.block), inner])? };
        require(
            scales.len() == expected,
            "scales",
            "have one element, or one for each index or block along the axis",
        )?;
        Ok(Self { axis, inner, block: of.block, values: scales, zeros })
    }

    /// The scale and the zero point of all elements, if there is one in all.
    fn single(&self) -> Option<(f32, T)> {
        matches!(self.values, [_]).then(|| self.of(0))
    }

    /// The scale and the zero point of element `i`.
    #[inline(always)]
    fn of(&self, i: usize) -> (f32, T) {
        let Self { axis, inner, block, .. } = *self;
        let (axis, inner) = (axis.max(1), inner.max(1));
        let index = i / inner % axis;
        let at = if self.values.len() == 1 {
            0
        } else if block == 0 {
            index
        } else {
            (i / inner / axis * axis.div_ceil(block) + index / block) * inner + i % inner
        };
        let zero = self.zeros.and_then(|zeros| element(zeros, at));
        (element(self.values, at).copied().unwrap_or_default(), zero.copied().unwrap_or_default())
    }
}

/// Computes y = round(x/scale) + `zero` in the bits of 8-bit integers between `bounds`. NaN becomes `zero`.
///
/// Not generic over the type of y, so that a program has one copy of the kernels.
pub(crate) fn quantize_bytes(isa: Isa, x: &[f32], scale: f32, zero: i32, bounds: [i32; 2], y: &mut [u8]) {
    isa.run(QuantizeBytes { x, scale, zero, bounds, y });
}

struct QuantizeBytes<'a> {
    x: &'a [f32],
    scale: f32,
    zero: i32,
    bounds: [i32; 2],
    y: &'a mut [u8],
}

impl Kernel for QuantizeBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, scale, zero, bounds, y } = self;
        // All integers between the bounds are numbers of `f32`, so clamping first gives the same.
        let [low, high] = bounds.map(|bound| s.splat((bound - zero) as f32));
        let (scale, zero) = (s.splat(scale), s.isplat(zero));
        for (x, y) in x.chunks(PANEL).zip(y.chunks_mut(PANEL)) {
            let (panel, mut bytes) = (f32::load(s, x), s.int_panel(0));
            for lane in 0..PANEL / S::LANES {
                let steps = s.div(panel[lane], scale);
                let steps = s.select(s.eq(steps, steps), steps, s.splat(0.0));
                bytes[lane] = s.iadd(s.to_i32(s.min(s.max(steps, low), high)), zero);
            }
            s.store_bytes(bytes, y);
        }
    }
}

/// The nearest integer; ties go to the even one.
pub(crate) fn round(x: f32) -> f32 {
    /// An f32 of magnitude 2²³ or more is an integer.
    const WHOLE: f32 = 8_388_608.0;
    if x.abs() < WHOLE { ((x.abs() + WHOLE) - WHOLE).copysign(x) } else { x }
}

#[cfg(test)]
mod tests {
    use super::sealed::Arithmetic;
    use super::*;
    use crate::tensor::Buffer;
    use alloc::vec::Vec;

    fn vector<T>(x: &[T]) -> View<'_, T, 1> {
        View::new(x, [x.len()]).unwrap()
    }

    fn quantized<T: Quantized + Default>(x: &[f32], scales: &[f32], zeros: Option<&[T]>) -> Vec<T> {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let mut y = alloc::vec![T::default(); x.len()];
        let to = ViewMut::new(&mut y, [x.len()]).unwrap();
        let all = Quantization { axis: 0, block: 0 };
        all.quantize(cx, vector(x), vector(scales), zeros.map(vector), to).unwrap();
        y
    }

    fn dequantized<T: Quantized, const R: usize>(
        of: Quantization,
        x: View<'_, T, R>,
        scales: &[f32],
        zeros: Option<&[T]>,
    ) -> Result<Vec<f32>> {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let mut y = alloc::vec![0.0; x.dims().iter().product()];
        of.dequantize(cx, x, vector(scales), zeros.map(vector), ViewMut::new(&mut y, x.dims()).unwrap())?;
        Ok(y)
    }

    #[test]
    fn rounding_and_saturation() {
        let x = [0.0, 1.0, 3.0, -3.0, 5.0, 1e9, f32::NEG_INFINITY, f32::NAN];
        assert_eq!(quantized(&x, &[2.0], Some(&[128u8])), [128, 128, 130, 126, 130, 255, 0, 128]);
        let y = quantized::<i8>(&x, &[2.0], None);
        assert_eq!(y, [0, 0, 2, -2, 2, 127, -128, 0]);
        let back = dequantized(Quantization { axis: 7, block: 3 }, vector(&y), &[0.5], Some(&[1]));
        assert_eq!(back.unwrap(), [-0.5, -0.5, 0.5, -1.5, 0.5, 63.0, -64.5, -0.5]);
    }

    #[test]
    fn bytes_on_all_instruction_sets() {
        let mut x: Vec<f32> = (-700..700).map(|x| x as f32 / 4.0).collect();
        x.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, 1e-45, 8_388_609.0]);
        for isa in Isa::available() {
            for scale in [0.5, 0.37, 3.0, 1e-45, 0.0, f32::NAN, -1.0] {
                for len in [0, 1, 15, 16, 17, x.len()] {
                    let x = &x[x.len() - len..];
                    let (mut signed, mut unsigned) = (alloc::vec![9; len], alloc::vec![9; len]);
                    for zero in [i8::MIN, -5, 0, i8::MAX] {
                        i8::quantize_all(isa, x, scale, zero, &mut signed);
                        let expected: Vec<i8> = x.iter().map(|x| i8::quantize(x / scale, zero)).collect();
                        assert_eq!(signed, expected, "{isa:?} {scale}");
                    }
                    for zero in [u8::MIN, 100, u8::MAX] {
                        u8::quantize_all(isa, x, scale, zero, &mut unsigned);
                        let expected: Vec<u8> = x.iter().map(|x| u8::quantize(x / scale, zero)).collect();
                        assert_eq!(unsigned, expected, "{isa:?} {scale}");
                    }
                }
            }
        }
    }

    #[test]
    fn scales_per_index_or_block() {
        let per_index = Quantization { axis: 1, block: 0 };
        let x = View::new(&[1i32, 1, 2, 2], [2, 2, 1]).unwrap();
        let y = dequantized(per_index, x, &[1.0, 10.0], Some(&[0, 1]));
        assert_eq!(y.unwrap(), [1.0, 0.0, 2.0, 10.0]);
        assert!(dequantized(per_index, x, &[1.0, 10.0, 2.0], None).is_err());
        assert!(dequantized(per_index, x, &[1.0, 10.0], Some(&[1])).is_err());
        assert!(dequantized(per_index, x, &[], None).is_err());
        assert!(dequantized(Quantization { axis: 3, ..per_index }, x, &[1.0, 10.0], None).is_err());
        let blocks = Quantization { axis: 1, block: 2 };
        let x = View::new(&[1u8; 6], [1, 3, 2]).unwrap();
        let y = dequantized(blocks, x, &[1.0, 2.0, 3.0, 4.0], None);
        assert_eq!(y.unwrap(), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
