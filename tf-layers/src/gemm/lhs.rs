//! The left operand A, whose rows are read in place.

use core::ops::Range;
use core::slice::from_ref;

use super::macro_kernel::multiply;
use super::{Epilogue, Gemm};
use crate::checked::part;
use crate::simd::{Isa, Lines, MAX_MR, MulAdd, Segment, Steps, Strip};

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
    Implicit(&'a mut (dyn ImplicitRows<'a, T> + 'a)),
}

/// Rows of a matrix that does not exist in memory.
pub(crate) trait ImplicitRows<'a, T: MulAdd> {
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

    /// Copies `count` rows from row `row` on to rows of `pitch` elements, if they are short and consist of odd parts. What is
    /// left of a row is not defined. Returns whether it did.
    fn copy(&self, row: usize, count: usize, pitch: usize, to: &mut [T::A]) -> bool;

    /// The rows as pixels of images, and the steps of k from such a pixel on. `None` if the windows have padding, or are not
    /// next to each other.
    fn pixels(&self) -> Option<(PixelRows<'a, T::A>, Steps)>;

    /// The range `k` of rows from `row` on that are equally far apart: at least one, at most `most`. `None` if the rows must be
    /// read in segments. What is zero is left out.
    fn strip(&self, row: usize, most: usize, k: Range<usize>) -> Option<Strip<'_, T::A>>;
}

/// Rows of A that begin with the pixels of images. A matrix is an image of one line.
#[derive(Clone, Copy)]
pub(crate) struct PixelRows<'a, A> {
    pub data: &'a [A],
    /// Elements from one pixel to the next.
    pub pitch: usize,
    /// The pixels of a line, and of an image.
    pub line: usize,
    pub image: usize,
    /// The rows of A on a line, and the lines of an image that have rows.
    pub width: usize,
    pub height: usize,
    /// The rows of A before the first one that is meant.
    pub first: usize,
}

/// A row of A, and where it begins.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    pub row: usize,
    pub pixel: usize,
    /// The rows before it on its line.
    column: usize,
    /// The lines before it in its image.
    line: usize,
}

impl<A> PixelRows<'_, A> {
    /// Finds a row.
    pub fn find(&self, row: usize) -> Cursor {
        let (width, height) = (self.width.max(1), self.height.max(1));
        let (line, column) = ((self.first + row) / width, (self.first + row) % width);
        let (image, line) = (line / height, line % height);
        Cursor { row, pixel: image * self.image + line * self.line + column, column, line }
    }

    /// The number of rows from the cursor to the end of its line.
    #[inline(always)]
    pub fn left(&self, cursor: &Cursor) -> usize {
        self.width - cursor.column
    }

    /// Moves the cursor by as many rows as begin with the next `most` pixels of its image, but not beyond row `end`. Returns the
    /// pixel after the last of them.
    #[inline(always)]
    pub fn span(&self, cursor: &mut Cursor, most: usize, end: usize) -> usize {
        let limit = cursor.pixel + most;
        let mut stop = cursor.pixel;
        while cursor.pixel < limit && cursor.row < end {
            let count = self.left(cursor).min(limit - cursor.pixel).min(end - cursor.row);
            stop = cursor.pixel + count;
            if self.advance(cursor, count) {
                break;
            }
        }
        stop
    }

    /// Moves the cursor by `count` rows, at most to the begin of the next line. Returns whether it enters another image.
    #[inline(always)]
    pub fn advance(&self, cursor: &mut Cursor, count: usize) -> bool {
        cursor.row += count;
        cursor.column += count;
        cursor.pixel += count;
        if cursor.column < self.width {
            return false;
        }
        cursor.column = 0;
        cursor.pixel += self.line - self.width;
        cursor.line += 1;
        if cursor.line < self.height {
            return false;
        }
        cursor.line = 0;
        cursor.pixel += self.image - self.height * self.line;
        true
    }
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

    /// As [`ImplicitRows::copy`].
    #[inline(always)]
    pub fn copy(&self, row: usize, count: usize, pitch: usize, to: &mut [T::A]) -> bool {
        match self {
            Self::Matrix(_) => false,
            Self::Implicit(rows) => rows.copy(row, count, pitch, to),
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
