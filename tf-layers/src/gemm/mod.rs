//! Matrix products: the kernel of dense layers, convolutions, recurrences and attention.
//!
//! C = epilogue(A·B), for A of m rows and k columns, B of n columns. B is packed in panels of 16 columns ([`Matrix`]). A is read
//! where it lies, be it a row-major matrix or the windows of a convolution (implicit im2col). The macro-kernel cuts a product
//! into blocks of MC rows by KC of the k, which stay in the caches, and those into register tiles of MR rows by NR columns, which
//! the micro-kernel of `simd` computes. What the elements of A and B are and what they are summed up in is one type; what
//! becomes of the sums is another.

mod epilogue;
pub(crate) mod im2col;
mod lhs;
mod macro_kernel;
mod matrix;
mod pack;
#[cfg(test)]
mod tests;

use core::ops::Range;

pub(crate) use epilogue::{Epilogue, Linear, UNBOUNDED};
pub(crate) use lhs::{Lhs, RowMajor};
use macro_kernel::MacroKernel;
pub use matrix::Matrix;
pub(crate) use pack::{pack_b, packed_len};

use crate::parallel::{SLOW, each_piece, threads};
use crate::simd::{F32, Isa, MAX_MR, MAX_NR, MulAdd};

/// A product C = epilogue(A·B), but for A and the place of C.
#[derive(Clone, Copy)]
pub(crate) struct Gemm<'a, T: MulAdd, E> {
    /// B, in panels of 16 columns.
    panels: &'a [T::B],
    /// The columns of A and rows of B.
    k: usize,
    /// The columns of B and C.
    n: usize,
    epilogue: E,
    /// From one row of C to the next.
    ldc: usize,
    /// Whether the last columns come first.
    reverse: bool,
}

impl<'a, T: MulAdd, E: Epilogue<T>> Gemm<'a, T, E> {
    /// For B of `k` rows and `n` columns, packed by [`pack_b`], and C without gaps between its rows.
    pub const fn with_epilogue(panels: &'a [T::B], k: usize, n: usize, epilogue: E) -> Self {
        Self { panels, k, n, epilogue, ldc: n, reverse: false }
    }

    /// With rows of C that begin `ldc` numbers apart.
    pub fn ldc(self, ldc: usize) -> Self {
        Self { ldc, ..self }
    }

    /// Beginning with the last columns, if `reverse`.
    pub fn reverse(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }

    /// Some of the columns; the first must be that of a panel.
    fn columns(self, range: Range<usize>) -> Self {
        let panels = &self.panels[range.start * self.padded_k()..];
        Self { panels, n: range.len(), epilogue: self.epilogue.columns(range), ..self }
    }

    /// The rows of a panel times their `STEP`.
    #[inline(always)]
    fn padded_k(&self) -> usize {
        self.k.next_multiple_of(T::STEP)
    }

    /// Computes C, of `m` rows, on one thread.
    pub fn run(self, isa: Isa, m: usize, a: impl Lhs<T>, c: &mut [E::Output]) {
        a.with_rows(|a| isa.run(MacroKernel { a, m, gemm: self, c }));
    }

    /// Computes C, of `m` rows, on several threads where that pays: each has some of the rows or, of a single row, of the
    /// columns.
    pub fn run_parallel(self, isa: Isa, m: usize, a: impl Lhs<T>, c: &mut [E::Output]) {
        let work = m.saturating_mul(self.k).saturating_mul(self.n);
        // In a product with one row each weight is read for one multiply-add.
        let threads = threads(if m == 1 { work.saturating_mul(SLOW) } else { work });
        if threads <= 1 {
            return self.run(isa, m, a, c);
        }
        if m == 1 {
            let (n, begin) = (self.n, |strip| strip * MAX_NR);
            let strips = (n / MAX_NR).max(1);
            each_piece(strips, threads, begin, c, &mut [], |piece, c, _| {
                let end = if piece.end == strips { n } else { begin(piece.end) };
                self.columns(begin(piece.start)..end).run(isa, 1, a, c);
            });
            return;
        }
        // The largest tile of every instruction set divides the highest; what is left over belongs to the last one.
        let (tiles, begin) = ((m / MAX_MR).max(1), |tile| tile * MAX_MR * self.ldc);
        each_piece(tiles, threads, begin, c, &mut [], |piece, c, _| {
            let end = if piece.end == tiles { m } else { piece.end * MAX_MR };
            let first = piece.start * MAX_MR;
            self.run(isa, end - first, a.skip_rows(first), c);
        });
    }
}

impl<'a> Gemm<'a, F32, Linear<'a>> {
    /// The plain product A·B, of floats, for B of `k` rows and `n` columns.
    pub const fn new(panels: &'a [f32], k: usize, n: usize) -> Self {
        Self::with_epilogue(panels, k, n, Linear::PLAIN)
    }

    /// The product with the matrix `group` of those in `b`.
    pub fn of(b: &Matrix<'a>, group: usize) -> Self {
        Self::new(b.group(group), b.rows(), b.cols())
    }

    /// A·B + bias, of which there must be a number for each column (`check_bias`); the same without one.
    pub fn bias(self, bias: Option<&'a [f32]>) -> Self {
        Self { epilogue: Linear { bias, ..self.epilogue }, ..self }
    }

    /// A·B + bias + C, if `accumulate`.
    pub fn accumulate(self, accumulate: bool) -> Self {
        Self { epilogue: Linear { accumulate, ..self.epilogue }, ..self }
    }

    /// Clamps the results.
    pub fn clamp(self, (low, high): (f32, f32)) -> Self {
        Self { epilogue: Linear { low, high, ..self.epilogue }, ..self }
    }
}
