//! The left operand A, whose rows are read in place.

use core::ops::Range;
use core::slice::from_ref;

use super::macro_kernel::multiply;
use super::{Epilogue, Gemm};
use crate::checked::part;
use crate::simd::{Isa, Lines, MAX_MR, MulAdd, Segment, Strip};

/// A left operand.
pub(crate) trait Lhs<T: MulAdd>: Copy + Sync {
    /// The operand without its first `rows` rows.
    fn skip_rows(self, rows: usize) -> Self;

    /// Runs the macro-kernel for C with `m` rows. Provides the memory that it takes to find the rows of A.
    fn multiply<E: Epilogue<T::Acc>>(self, isa: Isa, m: usize, gemm: Gemm<'_, T, E>, c: &mut [E::Output]);
}

/// The rows of A as the macro-kernel reads them.
///
/// An enum rather than a type parameter: a program has one copy of the kernels for all kinds of left operands.
pub(crate) enum LhsRows<'a, T: MulAdd> {
    Matrix(RowMajor<'a, T::A>),
    Implicit(&'a mut (dyn ImplicitRows<T> + 'a)),
}

/// Rows of a matrix that does not exist in memory.
pub(crate) trait ImplicitRows<T: MulAdd> {
    /// The largest range of k that [`segments`](Self::segments) takes.
    fn max_kc(&self) -> usize;

    /// The segments that make up the range `k` of `count` rows from `row` on, without those that are zero.
    ///
    /// `one` is memory for a segment.
    fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        k: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>];

    /// The range `k` of rows from `row` on that are equally far apart: at least one, at most `most`. `None` if the rows must be
    /// read in segments. What is zero is left out.
    fn strip(&self, row: usize, most: usize, k: Range<usize>) -> Option<Strip<'_, T::A>>;
}

/// A row-major matrix.
#[derive(Clone, Copy)]
pub(crate) struct RowMajor<'a, A> {
    pub data: &'a [A],
    /// Elements from one row to the next.
    pub stride: usize,
}

impl<T: MulAdd> Lhs<T> for RowMajor<'_, T::A> {
    fn skip_rows(self, rows: usize) -> Self {
        Self { data: part(self.data, rows * self.stride..), ..self }
    }

    #[inline(always)]
    fn multiply<E: Epilogue<T::Acc>>(self, isa: Isa, m: usize, gemm: Gemm<'_, T, E>, c: &mut [E::Output]) {
        multiply(isa, LhsRows::Matrix(self), m, gemm, c);
    }
}

impl<T: MulAdd> LhsRows<'_, T> {
    /// As [`ImplicitRows::max_kc`].
    #[inline(always)]
    pub fn max_kc(&self) -> usize {
        match self {
            Self::Matrix(_) => usize::MAX,
            Self::Implicit(rows) => rows.max_kc(),
        }
    }

    /// As [`ImplicitRows::segments`].
    #[inline(always)]
    pub fn segments<'s>(
        &'s mut self,
        row: usize,
        count: usize,
        k: Range<usize>,
        one: &'s mut Segment<'s, T::A>,
    ) -> &'s [Segment<'s, T::A>] {
        match self {
            Self::Matrix(RowMajor { data, stride }) => {
                let data = part(data, row * *stride + k.start..);
                one.set_strided(k.start, data, *stride, k.end - k.start, count);
                from_ref(one)
            }
            Self::Implicit(rows) => rows.segments(row, count, k, one),
        }
    }

    /// As [`ImplicitRows::strip`].
    #[inline(always)]
    pub fn strip(&self, row: usize, most: usize, k: Range<usize>) -> Option<Strip<'_, T::A>> {
        match self {
            Self::Matrix(RowMajor { data, stride }) => {
                // The last rows are faster in segments: there are register tiles of every height.
                let most = most / MAX_MR * MAX_MR;
                let lines = Lines { count: 1, len: k.len(), pitch: 0, start: k.start, step: 0 };
                Strip::new(part(data, row * *stride + k.start..), most, *stride, lines)
            }
            Self::Implicit(rows) => rows.strip(row, most, k),
        }
    }
}
