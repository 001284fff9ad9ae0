//! Matrix products (GEMM): the kernel of dense layers, convolutions, recurrent layers and attention.
//!
//! C = epilogue(A·B), where A has m rows and k columns, and B has n columns. Four types define a product:
//!
//! - `MulAdd`: the element types of A and B, and the multiply-add instruction;
//! - `Accumulator`: the type of the sums;
//! - `Lhs`: where A comes from. It is read in place, either a row-major matrix or the windows of a convolution
//!   (implicit im2col);
//! - `Epilogue`: what happens to the sums before they are stored.
//!
//! B is packed in panels of 16 columns ([`Matrix`]). The macro-kernel splits a product into blocks of MC rows by KC of
//! k, which stay in the caches, and each block into register tiles of MR rows by NR columns. The micro-kernel in `simd`
//! computes a tile.

mod epilogue;
pub(crate) mod im2col;
mod lhs;
mod macro_kernel;
mod matrix;
mod pack;
mod requantize;
mod round;
#[cfg(test)]
mod tests;
mod tiles;
mod wide;
mod widen;

use core::ops::Range;

pub(crate) use epilogue::{Epilogue, Linear, Rectifier, Scaled};
pub(crate) use lhs::{Lhs, RowMajor};
pub(crate) use macro_kernel::{tile_height, with_height};
pub(crate) use matrix::sealed::Packed;
pub use matrix::{Matrix, RoundingMatrix, ScaledMatrix, Weight};
pub(crate) use pack::{pack_b, packed_len};
pub(crate) use requantize::{Dequantize, Requantize, Rounding, UNBOUNDED, ZeroPoints};
pub(crate) use round::{round_bf16, round_floats};
pub(crate) use widen::widen;

use crate::parallel::{STREAMED, run_tasks, threads};
use crate::simd::{F32, Isa, MAX_NR, MulAdd, TALL_MR};

/// A product C = epilogue(A·B) for any A. Methods set its options; `run` computes it.
///
/// Call `run` and `run_parallel` from functions that are neither generic nor inlined into other crates. Otherwise every
/// crate that calls them compiles its own copy of the kernels.
#[derive(Clone, Copy)]
pub(crate) struct Gemm<'a, T: MulAdd, E> {
    /// B, in panels of 16 columns.
    panels: &'a [T::B],
    /// The columns of A and rows of B.
    k: usize,
    /// The columns of B and C.
    n: usize,
    epilogue: E,
    setup: T::Setup,
    /// Elements from one row of C to the next.
    ldc: usize,
    /// Whether the last columns are computed first.
    reverse: bool,
}

impl<'a, T: MulAdd, E: Epilogue<T::Acc>> Gemm<'a, T, E> {
    /// A product with B of `k` rows and `n` columns, packed by [`pack_b`]. The rows of C are contiguous.
    pub const fn with_epilogue(panels: &'a [T::B], k: usize, n: usize, epilogue: E) -> Self {
        Self { panels, k, n, epilogue, setup: T::SETUP, ldc: n, reverse: false }
    }

    /// Sets the number of elements from one row of C to the next.
    pub fn ldc(self, ldc: usize) -> Self {
        Self { ldc, ..self }
    }

    /// Sets what the product must know of A.
    pub fn setup(self, setup: T::Setup) -> Self {
        Self { setup, ..self }
    }

    /// Sets whether the last columns are computed first.
    pub fn reverse(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }

    /// The product for some of the columns. The range must begin with a panel.
    pub fn columns(self, range: Range<usize>) -> Self {
        let panels = &self.panels[range.start * self.padded_k()..];
        Self { panels, n: range.len(), epilogue: self.epilogue.columns(range), ..self }
    }

    /// k rounded up to a multiple of `STEP`: a packed panel has this many elements per column.
    #[inline(always)]
    fn padded_k(&self) -> usize {
        self.k.next_multiple_of(T::STEP)
    }

    /// Computes C, which has `m` rows, on this thread.
    ///
    /// Inlined, so that the operands are written to memory once. Copying them takes longer than a small product.
    #[inline(always)]
    pub fn run(self, isa: Isa, m: usize, a: impl Lhs<T>, c: &mut [E::Output]) {
        a.multiply(isa, m, self, c);
    }

    /// Computes C, which has `m` rows. A large product runs on several threads, each with some of the rows or, for a
    /// single row, some of the columns.
    #[inline(always)]
    pub fn run_parallel(self, isa: Isa, m: usize, a: impl Lhs<T>, c: &mut [E::Output]) {
        let work = m.saturating_mul(self.k).saturating_mul(self.n);
        match threads(if m == 1 { work.saturating_mul(STREAMED) } else { work }) {
            0 | 1 => self.run(isa, m, a, c),
            threads => self.run_tasks(isa, threads, m, a, c),
        }
    }

    /// Computes C, which has `m` rows, on `threads` threads.
    #[inline(never)]
    fn run_tasks(self, isa: Isa, threads: usize, m: usize, a: impl Lhs<T>, c: &mut [E::Output]) {
        if m == 1 {
            let (n, offset) = (self.n, |strip| strip * MAX_NR);
            let strips = (n / MAX_NR).max(1);
            run_tasks(strips, threads, offset, c, &mut [], |task, c, _| {
                let end = if task.end == strips { n } else { offset(task.end) };
                self.columns(offset(task.start)..end).run(isa, 1, a, c);
            });
            return;
        }
        // TALL_MR is a multiple of the rows of most register tiles. The last task also has the remaining rows.
        let (tiles, offset) = ((m / TALL_MR).max(1), |tile| tile * TALL_MR * self.ldc);
        run_tasks(tiles, threads, offset, c, &mut [], |task, c, _| {
            let end = if task.end == tiles { m } else { task.end * TALL_MR };
            let first = task.start * TALL_MR;
            let part = Self { epilogue: self.epilogue.rows(first), ..self };
            part.run(isa, end - first, a.skip_rows(first), c);
        });
    }
}

impl<'a> Gemm<'a, F32, Linear<'a>> {
    /// The f32 product A·B with B of `k` rows and `n` columns.
    pub const fn new(panels: &'a [f32], k: usize, n: usize) -> Self {
        Self::with_epilogue(panels, k, n, Linear::PLAIN)
    }

    /// The f32 product A·B with matrix `group` of `b`.
    pub fn from_matrix(b: &Matrix<'a>, group: usize) -> Self {
        Self::new(b.group(group), b.rows(), b.cols())
    }

    /// Adds a bias, if there is one, to every row. It must have `n` elements (see `check_bias`).
    pub fn bias(self, bias: Option<&'a [f32]>) -> Self {
        Self { epilogue: Linear { bias, ..self.epilogue }, ..self }
    }

    /// Sets whether the product is added to the previous contents of C.
    pub fn accumulate(self, accumulate: bool) -> Self {
        Self { epilogue: Linear { accumulate, ..self.epilogue }, ..self }
    }

    /// Sets all options of the epilogue.
    pub fn linear(self, linear: Linear<'a>) -> Self {
        Self { epilogue: linear, ..self }
    }

    /// Sets the function of the results.
    pub fn rectifier(self, rectifier: Rectifier<'a>) -> Self {
        Self { epilogue: Linear { rectifier, ..self.epilogue }, ..self }
    }
}
