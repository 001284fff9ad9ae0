//! Fully connected layers.

use super::product::{BytesEpilogue, Operand, Product};
use super::{Byte, Requantization, row_sums};
use crate::Context;
use crate::error::{Result, check_len, require};
use crate::gemm::{Matrix, RowMajor, ZeroPoints};
use crate::simd::{Isa, ints_mut};
use crate::tensor::{Columns, View, ViewMut, check_rows, len};

/// A fully connected layer on quantized tensors: y = requantize(x·(kernel − zero points) + bias) along the last axis of x.
///
/// ```
/// use tf_layers::nn::{QuantizedDense, Requantization};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // x = 0.5·(q − 10), y = 2·(q − 100). The matrix has 2 rows and 1 column, padded to 4 and 16: weights 3 and −1, scale 1.
/// let mut kernel = [0; 64];
/// (kernel[0], kernel[1]) = (3, -1);
/// // The zero point of x times the weights.
/// let bias = [-10 * (3 - 1)];
/// let layer = QuantizedDense {
///     kernel: Matrix::new(&kernel, 1, 2, 1)?,
///     kernel_zero_points: None,
///     bias: &bias,
///     requantization: Requantization::new::<u8>(&[0.5 * 1.0 / 2.0], 100),
/// };
/// // 5·3 − 1·1 = 14 = 2·(107 − 100)
/// let x = View::new(&[20_u8, 12], [1, 2])?;
/// let mut y = [0_u8];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 1])?)?;
/// assert_eq!(y.as_slice()?, [107]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedDense<'w> {
    /// `[k, n]`
    pub kernel: Matrix<'w, i8>,
    /// `[n]`: what is subtracted from the weights of a column, within 16 bits. `None` stands for zeros.
    pub kernel_zero_points: Option<&'w [i32]>,
    /// `[n]`: the bias minus the zero point of x times the sums of the weights. See the [module](crate::nn).
    pub bias: &'w [i32],
    /// From sums to y.
    pub requantization: Requantization<'w>,
}

impl QuantizedDense<'_> {
    /// Computes y `[.., n]` from x `[.., k]`, where `..` are any dims. y may be columns of a wider tensor.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, kernel, bias and multipliers do not match, or the requantization does not suit the type of y.
    pub fn run<'y, X: Byte, Y: Byte, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        check_rows(&x.dims(), &y.dims())?;
        y.check_overwritten()?;
        let (kernel, isa, rows, x) = (self.kernel, cx.isa, x.rows(), X::bits(x.as_slice()?));
        let zero_points = zero_points::<X>(cx, kernel, self.kernel_zero_points, rows, x)?;
        let epilogue = self.requantization.epilogue::<Y>(self.bias, zero_points, kernel.cols())?;
        compute::<X, _>(kernel, isa, rows, x, Columns::bits(&mut y), epilogue)?;
        Ok(y.into_view())
    }

    /// Computes y = clamp((x·kernel + bias)·multipliers + `bias`) in `f32`, for results that are not quantized. `bounds` are
    /// the least and the greatest result. Of the requantization, it uses the multipliers only: x's scale times those of the
    /// weights.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, kernel, biases and multipliers do not match.
    pub fn run_f32<'y, X: Byte, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        bias: Option<&[f32]>,
        bounds: [f32; 2],
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_rows(&x.dims(), &y.dims())?;
        y.check_overwritten()?;
        let (kernel, isa, rows, x) = (self.kernel, cx.isa, x.rows(), X::bits(x.as_slice()?));
        let zero_points = zero_points::<X>(cx, kernel, self.kernel_zero_points, rows, x)?;
        let n = kernel.cols();
        let epilogue = self.requantization.float_epilogue(self.bias, zero_points, bias, bounds, n)?;
        compute::<X, _>(kernel, isa, rows, x, Columns::of(&mut y), epilogue)?;
        Ok(y.into_view())
    }
}

/// The zero points of a kernel, if it has any, and the sums of the rows of x, in scratch memory.
pub(super) fn zero_points<'a, X: Byte>(
    cx: &'a mut Context<'_>,
    kernel: Matrix<'_, i8>,
    columns: Option<&'a [i32]>,
    rows: usize,
    x: &[u8],
) -> Result<Option<ZeroPoints<'a>>> {
    let Some(columns) = columns else { return Ok(None) };
    let sums = ints_mut(cx.scratch.write(rows)?);
    row_sums::of_matrix(cx.isa, x, kernel.rows(), X::FLIP, sums);
    row_sums::zero_points(columns, sums, kernel.cols()).map(Some)
}

/// Computes `rows` rows of a product from the bits of x.
pub(super) fn compute<X: Byte, E: BytesEpilogue>(
    kernel: Matrix<'_, i8>,
    isa: Isa,
    rows: usize,
    x: &[u8],
    mut y: Columns<'_, E::Output>,
    epilogue: E,
) -> Result<()> {
    let (k, n) = (kernel.rows(), kernel.cols());
    require(kernel.groups() == 1, "kernel", "be a single matrix")?;
    check_len("x", len(&[rows, k])?, x.len())?;
    y.check(rows, n)?;
    if rows == 0 || n == 0 {
        return Ok(());
    }
    let a = Operand::Matrix(RowMajor { data: x, stride: k });
    let (b, ldc) = (kernel.group(0), y.of);
    E::multiply(Product { isa, m: rows, k, n, a, flip: X::FLIP, b, epilogue, c: y.from(0), ldc });
    Ok(())
}
