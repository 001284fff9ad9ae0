//! Fully connected layers.

use crate::error::{check_len, require};
use crate::operand::{Columns, Onto, Plain, Rows, Start, Weights};
use crate::parallel::each_part;
use crate::product::Product;
use crate::simd::Isa;
use crate::{Activation, Matrix, Result, len};

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

/// What the sums start with: the bias, of which there must be `n` numbers.
pub(crate) fn start(bias: Option<&[f32]>, n: usize) -> Result<Start<'_>> {
    let Some(bias) = bias else { return Ok(Start::Zero) };
    check_len("bias", n, bias.len())?;
    Ok(Start::Bias(bias))
}

/// A product of plain matrices.
pub(crate) struct Run<'a, 'y> {
    pub rows: usize,
    pub x: Plain<'a>,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Run<'_, '_> {
    /// All of it on one thread.
    pub fn here(self, isa: Isa) {
        isa.run(Product { rows: Rows::Plain(self.x), count: self.rows, weights: self.weights, y: self.y });
    }

    /// All of it, on several threads where that pays.
    pub fn on(self, isa: Isa) {
        let Self { rows, x: Plain { x, stride }, weights, y } = self;
        each_part(rows, weights, y, |rows, weights, y| {
            let x = Plain { x: &x[rows.start * stride..], stride };
            Run { rows: rows.len(), x, weights, y }.here(isa);
        });
    }
}
