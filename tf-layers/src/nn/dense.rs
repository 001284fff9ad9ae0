//! Fully connected layers.

use crate::Context;
use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::{Gemm, Matrix, RowMajor};
use crate::nn::Activation;
use crate::simd::Isa;
use crate::tensor::{Columns, View, ViewMut, check_rows, len};

/// A fully connected layer: y = activation(x·kernel + bias) along the last axis of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense<'w> {
    /// `[k, n]`
    pub kernel: Matrix<'w>,
    /// `[n]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
}

impl<'w> Dense<'w> {
    /// A layer without bias and activation.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>) -> Self {
        Self { kernel, bias: None, activation: Activation::Linear }
    }

    /// Computes y `[.., n]` from x `[.., k]`, where `..` are any dims. y may accumulate and may be columns of a wider
    /// tensor.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, kernel and bias do not match, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_rows(&x.dims(), &y.dims())?;
        let accumulate = y.accumulates();
        self.compute(cx.isa, x.rows(), x.as_slice()?, Columns::of(&mut y), accumulate)?;
        Ok(y.into_view())
    }

    /// Computes `rows` rows.
    pub(crate) fn compute(
        &self,
        isa: Isa,
        rows: usize,
        x: &[f32],
        mut y: Columns<'_>,
        accumulate: bool,
    ) -> Result<()> {
        let (k, n) = (self.kernel.rows(), self.kernel.cols());
        require(self.kernel.groups() == 1, "kernel", "be a single matrix")?;
        check_len("x", len(&[rows, k])?, x.len())?;
        y.check(rows, n)?;
        check_bias(self.bias, n)?;
        self.activation.check(n)?;
        if rows == 0 || n == 0 {
            return Ok(());
        }
        let (rectifier, rest) = self.activation.split();
        let gemm = Gemm::from_matrix(&self.kernel, 0).bias(self.bias).accumulate(accumulate);
        let gemm = gemm.rectifier(rectifier).ldc(y.of);
        gemm.run_parallel(isa, rows, RowMajor { data: x, stride: k }, y.from(0));
        if let Some(rest) = rest {
            y.activate(isa, rest, n);
        }
        Ok(())
    }
}
