//! Fully connected layers.

use crate::error::{Result, check_len, require};
use crate::gemm::operand::{Onto, Plain, Weights};
use crate::gemm::{Matrix, Run, start};
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
        self.compute(isa, rows, x, Columns::all(y, self.kernel.cols()), Onto::Nothing)
    }

    /// y = activation(y + x·kernel + bias): a residual connection, which y `[rows, n]` holds.
    pub fn run_onto(&self, isa: Isa, rows: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.compute(isa, rows, x, Columns::all(y, self.kernel.cols()), Onto::Output)
    }

    /// From x `[rows, k]` to n columns of y.
    pub fn run_columns(&self, isa: Isa, rows: usize, x: &[f32], y: Columns<'_>) -> Result<()> {
        self.compute(isa, rows, x, y, Onto::Nothing)
    }

    #[inline(always)]
    pub(crate) fn compute(
        &self,
        isa: Isa,
        rows: usize,
        x: &[f32],
        mut y: Columns<'_>,
        onto: Onto,
    ) -> Result<()> {
        let (k, n) = (self.kernel.rows(), self.kernel.cols());
        require(self.kernel.groups() == 1, "kernel", "be a single matrix")?;
        check_len("x", len(&[rows, k])?, x.len())?;
        y.check(rows, n)?;
        let start = start(self.bias, n)?.onto(onto);
        if rows == 0 || n == 0 {
            return Ok(());
        }
        let ((low, high), rest) = self.activation.split();
        let weights = Weights { low, high, stride: y.of, ..Weights::plain(&self.kernel, start) };
        Run { rows, x: Plain { x, stride: k }, weights, y: y.from(0) }.on(isa);
        rest.map_or(Ok(()), |rest| y.activate(isa, rest, n))
    }
}
