//! The operands of matrix products.
//!
//! Dense layers and convolutions are the same product; they differ in where the rows of the left
//! operand lie, which is what [`Rows`] tells.

use super::im2col::{Space, Windows};
use super::{Matrix, UNBOUNDED};
use crate::simd::Piece;
use crate::tensor::ViewMut;
use core::ops::Range;
use core::slice::from_ref;

/// The most numbers of a row that are asked for at once.
pub(crate) const MAX_RANGE: usize = 512;

/// Rows of at most so many numbers are never asked for in part.
pub(crate) const MAX_SMALL: usize = 160;

/// The left operand: rows of k numbers, each in one or more pieces.
pub(crate) enum Rows<'a, 's> {
    /// Those of a matrix.
    Plain(Plain<'a>),
    /// The windows of a convolution, and memory for what is worked out of them.
    Windows(Windows<'a>, &'s mut Space<'a>),
}

/// The rows of a plain matrix.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a> {
    pub x: &'a [f32],
    /// From one row to the next.
    pub stride: usize,
}

impl<'a> Plain<'a> {
    /// The numbers `range` of `count` rows from `row` on.
    #[inline(always)]
    pub fn piece(self, row: usize, count: usize, range: Range<usize>, piece: &mut Piece<'a>) {
        let x = &self.x[row * self.stride + range.start..];
        piece.set_even(range.start, x, self.stride, range.len(), count);
    }
}

impl Rows<'_, '_> {
    /// The most numbers of a row that may be asked for at once.
    pub fn most(&self) -> usize {
        match self {
            Self::Plain(_) => usize::MAX,
            Self::Windows(windows, _) => windows.most(),
        }
    }

    /// What of the numbers `range` of `count` rows from `row` on is not zero. `one` is memory for a piece.
    #[inline(always)]
    pub fn pieces<'t>(
        &'t mut self,
        row: usize,
        count: usize,
        range: Range<usize>,
        one: &'t mut Piece<'t>,
    ) -> &'t [Piece<'t>] {
        match self {
            Self::Plain(plain) => {
                plain.piece(row, count, range, one);
                from_ref(one)
            }
            Self::Windows(windows, space) => windows.pieces(row, count, range, space, one),
        }
    }
}

/// The right operand, and what is done with the product.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// Panels of 16 columns and `k` rows.
    pub panels: &'a [f32],
    pub k: usize,
    pub n: usize,
    /// What the sums start with.
    pub start: Start<'a>,
    /// The results are clamped to these.
    pub low: f32,
    pub high: f32,
    /// From one row of the output to the next.
    pub stride: usize,
    /// Whether the last columns come first.
    pub backwards: bool,
}

impl<'a> Weights<'a> {
    /// For an output without gaps and without bounds.
    pub const fn new(panels: &'a [f32], k: usize, n: usize, start: Start<'a>) -> Self {
        let (low, high) = UNBOUNDED;
        Self { panels, k, n, start, low, high, stride: n, backwards: false }
    }

    /// The first matrix of `matrix`, likewise.
    pub fn plain(matrix: &Matrix<'a>, start: Start<'a>) -> Self {
        Self::new(matrix.group(0), matrix.rows(), matrix.cols(), start)
    }
}

impl Weights<'_> {
    /// Some of the columns; the first must be that of a panel.
    pub fn columns(self, range: Range<usize>) -> Self {
        let start = match self.start {
            Start::Bias(bias) => Start::Bias(&bias[range.clone()]),
            Start::Onto(bias) => Start::Onto(&bias[range.clone()]),
            start => start,
        };
        Self { panels: &self.panels[range.start * self.k..], n: range.len(), start, ..self }
    }
}

/// What the sums of a product start with.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What the output holds.
    Output,
    /// What the output holds, and one number for each column.
    Onto(&'a [f32]),
}

impl Start<'_> {
    /// The same, and what the output holds if that is wanted.
    pub fn onto(self, onto: Onto) -> Self {
        match (self, onto) {
            (Self::Zero, Onto::Output) => Self::Output,
            (Self::Bias(bias), Onto::Output) => Self::Onto(bias),
            (start, _) => start,
        }
    }
}

/// What a layer adds its result to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Onto {
    Nothing,
    /// What the output holds.
    Output,
}

impl Onto {
    /// As the output asks.
    #[inline]
    pub fn of<T, const R: usize>(y: &ViewMut<'_, T, R>) -> Self {
        if y.accumulates() { Self::Output } else { Self::Nothing }
    }
}
