//! Matrix products of two tensors, neither of which is known before.

use crate::error::{Result, check_len, require};
use crate::gemm::{Gemm, RowMajor, pack_b, packed_len};
use crate::simd::{F32, Isa};
use crate::tensor::broadcast::{Plan, shape};
use crate::tensor::{Buffer, Scalar, Shape, len};

/// The product of two tensors of matrices, with NumPy's broadcasting of the dims in front of the matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatMul {
    /// m, the rows of the left matrices and of the result.
    pub rows: usize,
    /// k, the columns of the left matrices and the rows of the right ones.
    pub depth: usize,
    /// n, the columns of the right matrices and of the result.
    pub columns: usize,
    /// Whether the right matrices stand transposed in memory, as `[n, k]`.
    pub transposed: bool,
}

impl MatMul {
    /// y = a·b, for a of `[a_batch…, m, k]`, b of `[b_batch…, k, n]` and y of what the batches broadcast to.
    ///
    /// The right matrices are packed into `scratch`, one at a time.
    pub fn run(
        &self,
        isa: Isa,
        a: &[f32],
        a_batch: &[usize],
        b: &[f32],
        b_batch: &[usize],
        scratch: &mut Buffer<f32>,
        y: &mut [f32],
    ) -> Result<()> {
        let Self { rows, depth, columns, transposed } = *self;
        let pairs = Pairs::new(self, a.len(), a_batch, b.len(), b_batch, y.len())?;
        if y.is_empty() {
            return Ok(());
        }
        let panels = scratch.write(packed_len(1, depth, columns)?)?;
        let strides = if transposed { [1, depth] } else { [columns, 1] };
        let mut packed = None;
        for (y, [a_at, b_at]) in y.chunks_exact_mut(rows * columns).zip(pairs.places()) {
            if packed != Some(b_at) {
                let matrix = &b[b_at * depth * columns..][..depth * columns];
                pack_b::<F32>(matrix, strides, [depth, columns], panels);
                packed = Some(b_at);
            }
            let a = RowMajor { data: &a[a_at * rows * depth..][..rows * depth], stride: depth };
            Gemm::new(panels, depth, columns).run_parallel(isa, rows, a, y);
        }
        Ok(())
    }

    /// The same for numbers of any type, a sum at a time.
    pub fn run_scalars<T: Scalar>(
        &self,
        a: &[T],
        a_batch: &[usize],
        b: &[T],
        b_batch: &[usize],
        y: &mut [T],
    ) -> Result<()> {
        let pairs = Pairs::new(self, a.len(), a_batch, b.len(), b_batch, y.len())?;
        let step = self.b_step();
        self.fill(&pairs, y, |_, [a_at, b_at]| {
            (0..self.depth).fold(T::ZERO, |sum, i| sum.add(a[a_at + i].mul(b[b_at + i * step])))
        });
        Ok(())
    }

    /// The same for integers of 8 bits: `y = Σ (a − a_zero)·(b − b_zero)`.
    ///
    /// There is one zero for all of b, or one for each of its columns; for a, one for all or one for each row.
    pub fn run_integers<A: Widen, B: Widen>(
        &self,
        (a, a_batch, a_zeros): (&[A], &[usize], &[A]),
        (b, b_batch, b_zeros): (&[B], &[usize], &[B]),
        y: &mut [i32],
    ) -> Result<()> {
        let Self { rows, depth, columns, .. } = *self;
        let pairs = Pairs::new(self, a.len(), a_batch, b.len(), b_batch, y.len())?;
        require(a_zeros.len() == 1 || a_zeros.len() == rows, "zero points", "be one for each row")?;
        require(b_zeros.len() == 1 || b_zeros.len() == columns, "zero points", "be one for each column")?;
        let step = self.b_step();
        self.fill(&pairs, y, |[row, column], [a_at, b_at]| {
            let a_zero = a_zeros[row % a_zeros.len()].widen();
            let b_zero = b_zeros[column % b_zeros.len()].widen();
            (0..depth).fold(0i32, |sum, i| {
                let left = a[a_at + i].widen() - a_zero;
                let right = b[b_at + i * step].widen() - b_zero;
                sum.wrapping_add(left.wrapping_mul(right))
            })
        });
        Ok(())
    }

    /// From one number of b that is summed up to the next.
    const fn b_step(&self) -> usize {
        if self.transposed { 1 } else { self.columns }
    }

    /// Fills y with what `sum` makes of a row and a column, of which it is told where they begin in a and b.
    fn fill<T>(&self, pairs: &Pairs, y: &mut [T], sum: impl Fn([usize; 2], [usize; 2]) -> T) {
        let Self { rows, depth, columns, transposed } = *self;
        if y.is_empty() {
            return;
        }
        let column_step = if transposed { depth } else { 1 };
        for (y, [a_at, b_at]) in y.chunks_exact_mut(rows * columns).zip(pairs.places()) {
            for (row, y) in y.chunks_exact_mut(columns).enumerate() {
                for (column, y) in y.iter_mut().enumerate() {
                    let a_at = (a_at * rows + row) * depth;
                    *y = sum([row, column], [a_at, b_at * depth * columns + column * column_step]);
                }
            }
        }
    }
}

/// Integers of 8 bits, of which products are summed up in 32.
pub trait Widen: Copy + Into<i32> {
    /// The same number.
    #[inline(always)]
    fn widen(self) -> i32 {
        self.into()
    }
}

impl Widen for i8 {}
impl Widen for u8 {}

/// Which matrices are multiplied with each other.
struct Pairs {
    plan: Plan<2>,
}

impl Pairs {
    fn new(
        product: &MatMul,
        a: usize,
        a_batch: &[usize],
        b: usize,
        b_batch: &[usize],
        y: usize,
    ) -> Result<Self> {
        let MatMul { rows, depth, columns, .. } = *product;
        check_len("a", len(&[len(&Shape::new(a_batch)?)?, rows, depth])?, a)?;
        check_len("b", len(&[len(&Shape::new(b_batch)?)?, depth, columns])?, b)?;
        check_len("y", len(&[len(&shape([a_batch, b_batch])?)?, rows, columns])?, y)?;
        Ok(Self { plan: Plan::new([a_batch, b_batch])? })
    }

    /// For each matrix of the result, which of a and of b it is the product of.
    fn places(&self) -> impl Iterator<Item = [usize; 2]> {
        let (run, moves) = self.plan.run();
        let [a, b] = moves.map(usize::from);
        self.plan.starts().flat_map(move |[a_at, b_at]| (0..run).map(move |i| [a_at + i * a, b_at + i * b]))
    }
}
