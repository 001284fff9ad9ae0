//! The left operand: rows of k numbers, which are read where they lie.

use core::ops::Range;
use core::slice::from_ref;

use crate::simd::{MulAdd, Segment};

/// A matrix that may stand on the left of a product.
pub(crate) trait Lhs<T: MulAdd>: Copy + Sync {
    /// The same without the first `rows` rows.
    fn skip_rows(self, rows: usize) -> Self;

    /// Calls `run` with the rows, and with what memory is needed to find them.
    fn with_rows(self, run: impl FnOnce(Rows<'_, T>));
}

/// The rows as the macro-kernel asks for them.
///
/// They are told apart when a program runs, so that it holds the kernels once, whatever it multiplies.
pub(crate) enum Rows<'a, T: MulAdd> {
    Matrix(RowMajor<'a, T::A>),
    Implicit(&'a mut (dyn ImplicitRows<T> + 'a)),
}

/// Rows of a matrix that is nowhere in memory as such.
pub(crate) trait ImplicitRows<T: MulAdd> {
    /// The most numbers of a row that may be asked for at once.
    fn max_kc(&self) -> usize;

    /// What of the numbers `range` of `count` rows from `row` on is not zero. `one` is memory for a segment.
    fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        range: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>];
}

/// A matrix in row-major order.
#[derive(Clone, Copy)]
pub(crate) struct RowMajor<'a, A> {
    pub data: &'a [A],
    /// From one row to the next.
    pub stride: usize,
}

impl<T: MulAdd> Lhs<T> for RowMajor<'_, T::A> {
    fn skip_rows(self, rows: usize) -> Self {
        Self { data: &self.data[rows * self.stride..], ..self }
    }

    #[inline(always)]
    fn with_rows(self, run: impl FnOnce(Rows<'_, T>)) {
        run(Rows::Matrix(self));
    }
}

impl<T: MulAdd> Rows<'_, T> {
    /// The most numbers of a row that may be asked for at once.
    #[inline(always)]
    pub fn max_kc(&self) -> usize {
        match self {
            Self::Matrix(_) => usize::MAX,
            Self::Implicit(rows) => rows.max_kc(),
        }
    }

    /// What of the numbers `range` of `count` rows from `row` on is not zero. `one` is memory for a segment.
    #[inline(always)]
    pub fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        range: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>] {
        match self {
            Self::Matrix(RowMajor { data, stride }) => {
                let data = &data[row * *stride + range.start..];
                one.set_strided(range.start, data, *stride, range.end - range.start, count);
                from_ref(one)
            }
            Self::Implicit(rows) => rows.segments(row, count, range, one),
        }
    }
}
