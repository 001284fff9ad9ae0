//! Fully connected layers.

use crate::error::{check_len, require};
use core::ops::Range;

use crate::operand::{Columns, Onto, Rows, Start, Weights};
use crate::parallel::each_part;
use crate::product::product;
use crate::simd::{Isa, Kernel, Lines, Simd};
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
        let clamp = clamp(self.activation);
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let weights = Weights { low, high, stride: y.of, ..Weights::plain(&self.kernel, start) };
        Run { rows, x: Plain { x, stride: k }, weights, y: y.from(0) }.on(isa);
        if clamp.is_none() { y.activate(isa, self.activation, n) } else { Ok(()) }
    }
}

/// What the sums start with: the bias, of which there must be `n` numbers.
pub(crate) fn start(bias: Option<&[f32]>, n: usize) -> Result<Start<'_>> {
    let Some(bias) = bias else { return Ok(Start::Zero) };
    check_len("bias", n, bias.len())?;
    Ok(Start::Bias(bias))
}

/// The bounds of an activation that is no more than a clamp, which then costs nothing.
pub(crate) fn clamp(activation: Activation) -> Option<(f32, f32)> {
    activation.bounds()
}

/// The rows of a plain matrix.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a> {
    pub x: &'a [f32],
    /// From one row to the next.
    pub stride: usize,
}

impl<'a> Rows<'a> for Plain<'a> {
    const EVERY_SIZE: bool = true;

    /// What begins with the first of the rows.
    type Tile<const M: usize> = &'a [f32];
    type Space = ();

    fn space() {}

    #[inline(always)]
    fn tile<const M: usize>(self, row: usize) -> &'a [f32] {
        &self.x[row * self.stride..]
    }

    #[inline(always)]
    fn pieces<const M: usize>(self, _: &&'a [f32], _: Range<usize>) -> Range<usize> {
        0..1
    }

    #[inline(always)]
    fn piece<'s, const M: usize>(
        self,
        tile: &&'a [f32],
        _: usize,
        range: Range<usize>,
        (): &'s mut (),
    ) -> Option<(usize, Lines<'s, M>)>
    where
        'a: 's,
    {
        let lines = Lines::Even { x: &tile[range.start..], pitch: self.stride, len: range.len() };
        Some((range.start, lines))
    }
}

/// A product of plain matrices.
pub(crate) struct Run<'a, 'y> {
    pub rows: usize,
    pub x: Plain<'a>,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Run<'_, '_> {
    /// All of it, on several threads where that pays.
    pub fn on(self, isa: Isa) {
        let Self { rows, x: Plain { x, stride }, weights, y } = self;
        each_part(rows, weights, y, |rows, weights, y| {
            let x = Plain { x: &x[rows.start * stride..], stride };
            isa.run(Run { rows: rows.len(), x, weights, y });
        });
    }
}

impl Kernel for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        product(s, self.x, self.rows, self.weights, self.y);
    }
}
