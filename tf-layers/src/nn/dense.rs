//! Fully connected layers.

use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::{Gemm, Matrix, RowMajor};
use crate::nn::Activation;
use crate::simd::Isa;
use crate::tensor::{Columns, len};

/// y = activation(x·kernel + bias), on the last axis of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense<'w> {
    /// `[k, n]`
    pub kernel: Matrix<'w>,
    /// `[n]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
}

impl Dense<'_> {
    /// From x `[rows, k]` to y `[rows, n]`.
    pub fn run(&self, isa: Isa, rows: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.compute(isa, rows, x, Columns::all(y, self.kernel.cols()), false)
    }

    /// y = activation(y + x·kernel + bias): a residual connection, which y `[rows, n]` holds.
    pub fn run_onto(&self, isa: Isa, rows: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.compute(isa, rows, x, Columns::all(y, self.kernel.cols()), true)
    }

    /// From x `[rows, k]` to n columns of y.
    pub fn run_columns(&self, isa: Isa, rows: usize, x: &[f32], y: Columns<'_>) -> Result<()> {
        self.compute(isa, rows, x, y, false)
    }

    #[inline(always)]
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
        if rows == 0 || n == 0 {
            return Ok(());
        }
        let (bounds, rest) = self.activation.split();
        let gemm = Gemm::of(&self.kernel, 0).bias(self.bias).accumulate(accumulate);
        let gemm = gemm.clamp(bounds).ldc(y.of);
        gemm.run_parallel(isa, rows, RowMajor { data: x, stride: k }, y.from(0));
        match rest {
            Some(rest) => y.activate(isa, rest, n),
            None => Ok(()),
        }
    }
}
