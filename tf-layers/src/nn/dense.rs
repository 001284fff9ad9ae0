//! Fully connected layers.

use crate::Context;
use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::{Linear, Matrix, RowMajor};
use crate::nn::kernel_matrix::Product;
use crate::nn::{Activation, KernelMatrix};
use crate::tensor::{Columns, View, ViewMut, check_rows, len};

/// A fully connected layer: y = activation(x·kernel + bias) along the last axis of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense<'w, K = Matrix<'w>> {
    /// `[k, n]`
    pub kernel: K,
    /// `[n]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
}

impl<K: KernelMatrix> Dense<'_, K> {
    /// A layer without bias and activation.
    #[must_use]
    pub const fn new(kernel: K) -> Self {
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
        K::dense(self, cx, x.rows(), x.as_slice()?, Columns::of(&mut y), accumulate)?;
        Ok(y.into_view())
    }

    /// Computes `rows` rows.
    #[inline(always)]
    pub(crate) fn compute(
        &self,
        cx: &mut Context<'_>,
        rows: usize,
        x: &[f32],
        mut y: Columns<'_>,
        accumulate: bool,
    ) -> Result<()> {
        let [groups, k, n] = self.kernel.sizes();
        require(groups == 1, "kernel", "be a single matrix")?;
        self.kernel.check()?;
        check_len("x", len(&[rows, k])?, x.len())?;
        y.check(rows, n)?;
        check_bias(self.bias, n)?;
        self.activation.check(n)?;
        if rows == 0 || n == 0 {
            return Ok(());
        }
        let (rectifier, rest) = self.activation.split();
        let linear = Linear { bias: self.bias, accumulate, rectifier };
        let product = Product { group: 0, m: rows, linear, ldc: y.of, c: y.from(0) };
        self.kernel.multiply(cx, product, RowMajor { data: x, stride: k })?;
        if let Some(rest) = rest {
            y.activate(cx.isa, rest, n);
        }
        Ok(())
    }
}
