//! Dynamic quantization: the weights are 8-bit integers, and x is quantized at each call, by its own range.

use super::product::{BytesEpilogue, Operand, Product};
use super::{Byte, dense};
use crate::Context;
use crate::checked::element;
use crate::error::{Result, check_len};
use crate::gemm::{Dequantize, Matrix, Rectifier, RowMajor, UNBOUNDED};
use crate::nn::Activation;
use crate::ops::quantize::{QuantizeBytes, round};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{Columns, View, ViewMut, check_dims, check_rows, len};

/// Quantizes a tensor to `u8` by its own range (ONNX's `DynamicQuantizeLinear`).
///
/// The range is from the least to the greatest element, and contains 0, so that a quantized 0 is exact.
///
/// ```
/// use tf_layers::nn::DynamicQuantization;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[-1.0, 0.0, 254.0], [3])?;
/// let (mut y, mut scale, mut zero_point) = ([0; 3], [0.0], [0]);
/// let [y, zero_point] = [(&mut y[..], 3), (&mut zero_point[..], 1)].map(|(of, len)| ViewMut::new(of, [len]));
/// let (y, scale, zero_point) =
///     DynamicQuantization.run(cx, x, y?, ViewMut::new(&mut scale, [1])?, zero_point?)?;
/// assert_eq!((scale.as_slice()?, zero_point.as_slice()?), (&[1.0][..], &[1][..]));
/// assert_eq!(y.as_slice()?, [0, 1, 255]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicQuantization;

/// y, the scale and the zero point.
type Results<'y, 's, 'z, const R: usize, const Q: usize> =
    (View<'y, u8, R>, View<'s, f32, Q>, View<'z, u8, Q>);

impl DynamicQuantization {
    /// Computes y = round(x/scale) + zero point, saturated, with scale = (max − min)/255 and zero point =
    /// round(−min/scale). Ties round to even. If all elements are 0, the scale is 1, as in ONNX Runtime.
    ///
    /// If an element is NaN, so is the scale.
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, or if the scale or the zero point does not have one element.
    pub fn run<'y, 's, 'z, const R: usize, const Q: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, u8, R>,
        mut scale: ViewMut<'s, f32, Q>,
        mut zero_point: ViewMut<'z, u8, Q>,
    ) -> Result<Results<'y, 's, 'z, R, Q>> {
        check_dims(&x.dims(), &y.dims())?;
        check_len("scale", 1, len(&scale.dims())?)?;
        check_len("zero_point", 1, len(&zero_point.dims())?)?;
        let range = DynamicRange::quantize(cx.isa, x.as_slice()?, y.as_mut_slice()?);
        scale.as_mut_slice()?.fill(range.scale);
        zero_point.as_mut_slice()?.fill(range.zero_point);
        Ok((y.into_view(), scale.into_view(), zero_point.into_view()))
    }
}

/// The scale and the zero point of a tensor that is quantized by its own range.
#[derive(Clone, Copy)]
pub(crate) struct DynamicRange {
    pub scale: f32,
    pub zero_point: u8,
}

impl DynamicRange {
    /// Quantizes x to y.
    pub fn quantize(isa: Isa, x: &[f32], y: &mut [u8]) -> Self {
        let range = Self::of(isa.run(Extremes { x }));
        isa.run(range.quantization(x, y));
        range
    }

    /// Like [`quantize`](Self::quantize), for kernels.
    #[inline(always)]
    pub fn quantize_with<S: Simd>(s: S, x: &[f32], y: &mut [u8]) -> Self {
        let range = Self::of(Extremes { x }.run(s));
        range.quantization(x, y).run(s);
        range
    }

    /// The range from the least to the greatest element.
    fn of([low, high]: [f32; 2]) -> Self {
        let scale = if low == high { 1.0 } else { (high - low) / 255.0 };
        Self { scale, zero_point: round((-low / scale).clamp(0.0, 255.0)) as u8 }
    }

    #[inline(always)]
    fn quantization<'a>(self, x: &'a [f32], y: &'a mut [u8]) -> QuantizeBytes<'a> {
        QuantizeBytes { x, scale: self.scale, zero: self.zero_point.into(), bounds: [0, 255], y }
    }
}

/// The least and the greatest element, and 0. Both are NaN if an element is.
struct Extremes<'a> {
    x: &'a [f32],
}

impl Kernel for Extremes<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; 2] {
        let zero = s.splat(0.0);
        // Several of each, because a minimum waits for the one before.
        let (mut low, mut high, mut nan) = ([zero; 4], [zero; 4], zero);
        for block in self.x.chunks(4 * S::LANES) {
            for (i, x) in block.chunks(S::LANES).enumerate() {
                let x = if x.len() == S::LANES { s.load(x) } else { s.load_partial(x, 0.0) };
                low[i] = s.min(x, low[i]);
                high[i] = s.max(x, high[i]);
                nan = s.select(s.eq(x, x), nan, x);
            }
        }
        // A sum of NaN and zeros, or of zeros.
        if s.sum(nan).is_nan() {
            return [f32::NAN; 2];
        }
        let ([a, b, c, d], [e, f, g, h]) = (low, high);
        [s.least(s.min(s.min(a, b), s.min(c, d))), s.greatest(s.max(s.max(e, f), s.max(g, h)))]
    }
}

/// A fully connected layer on a tensor that [`DynamicQuantization`] quantized: y = x·kernel + bias along the last axis of x.
/// Layers that read the same tensor share its integers.
///
/// ```
/// use tf_layers::nn::DynamicQuantizedDense;
/// use tf_layers::gemm::Matrix;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // The matrix has 2 rows and 1 column, padded to 4 and 16: weights 3 and −1, in steps of 0.25.
/// let mut kernel = [0; 64];
/// (kernel[0], kernel[1]) = (3, -1);
/// let kernel = Matrix::new(&kernel, 1, 2, 1)?;
/// let activation = Activation::Linear;
/// let layer = DynamicQuantizedDense {
///     kernel,
///     kernel_zero_points: None,
///     sums: &[3 - 1],
///     scales: &[0.25],
///     bias: Some(&[1.0]),
///     activation,
/// };
/// // x = 0.5·(q − 10)
/// let x = View::new(&[20_u8, 12], [1, 2])?;
/// let (scale, zero_point) = (View::new(&[0.5], [1])?, View::new(&[10], [1])?);
/// let mut y = [0.0];
/// let y = layer.run(cx, x, scale, zero_point, ViewMut::new(&mut y, [1, 1])?)?;
/// assert_eq!(y.as_slice()?, [5.0 * 0.75 - 1.0 * 0.25 + 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicQuantizedDense<'w> {
    /// `[k, n]`
    pub kernel: Matrix<'w, i8>,
    /// `[n]`: what is subtracted from the weights of a column, within 16 bits. `None` stands for zeros.
    pub kernel_zero_points: Option<&'w [i32]>,
    /// `[n]`: the sums of the columns of the kernel, minus its zero points.
    pub sums: &'w [i32],
    /// `[n]`: the scales of the columns of the kernel.
    pub scales: &'w [f32],
    /// `[n]`
    pub bias: Option<&'w [f32]>,
    /// The activation of the result.
    pub activation: Activation<'w>,
}

impl DynamicQuantizedDense<'_> {
    /// Computes y `[.., n]` from x `[.., k]`, where `..` are any dims. y may be columns of a wider tensor.
    ///
    /// The sums Σ (x − zero point)·(kernel − `kernel_zero_points`) must fit `i32`; otherwise they wrap. The rest is (sum·(scale·`scales`)) + bias,
    /// and each operation is rounded to `f32`. Then comes the activation.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, kernel, sums, scales, bias and activation do not match, or if the scale or the zero point of x
    /// does not have one element.
    pub fn run<'y, X: Byte, const R: usize, const Q: usize, const Z: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        scale: View<'_, f32, Q>,
        zero_point: View<'_, X, Z>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_rows(&x.dims(), &y.dims())?;
        y.check_overwritten()?;
        let (scale, zero_point) = (scale.as_slice()?, X::bits(zero_point.as_slice()?));
        check_len("scale", 1, scale.len())?;
        check_len("zero_point", 1, zero_point.len())?;
        let (scale, zero) =
            (*element(scale, 0).unwrap_or(&0.0), element(zero_point, 0).unwrap_or(&0) ^ X::FLIP);
        let n = self.kernel.cols();
        check_len("sums", n, self.sums.len())?;
        check_len("scales", n, self.scales.len())?;
        check_len("bias", n, self.bias.map_or(n, <[f32]>::len))?;
        self.activation.check(n)?;
        let (bounds, rest) = match self.activation.split() {
            (Rectifier::Clamp(low, high), rest) => ([low, high], rest),
            _ => (UNBOUNDED, Some(self.activation)),
        };
        let (isa, rows, bits) = (cx.isa, x.rows(), X::bits(x.as_slice()?));
        let zero_points = dense::zero_points::<X>(cx, self.kernel, self.kernel_zero_points, rows, bits)?;
        let epilogue: Dequantize<'_> = Dequantize {
            offsets: self.sums,
            factor: -i32::from(zero),
            zero_points,
            multipliers: self.scales,
            scale,
            bias: self.bias,
            bounds,
        };
        dense::compute::<X, _>(self.kernel, isa, rows, bits, Columns::of(&mut y), epilogue)?;
        if let Some(rest) = rest {
            Columns::of(&mut y).activate(isa, rest, n);
        }
        Ok(y.into_view())
    }
}

/// Computes y `[rows, n]` = dequantize(x·kernel) from the bytes of x, rows of k.
pub(crate) fn multiply_dequantized(
    isa: Isa,
    rows: usize,
    x: RowMajor<'_, u8>,
    kernel: Matrix<'_, i8>,
    epilogue: Dequantize<'_>,
    y: &mut [f32],
) {
    let (k, n) = (kernel.rows(), kernel.cols());
    let a = Operand::Matrix(x);
    BytesEpilogue::multiply(Product {
        isa,
        m: rows,
        k,
        n,
        a,
        flip: 0,
        b: kernel.group(0),
        epilogue,
        c: y,
        ldc: n,
    });
}
