//! Matrix products of two tensors that are computed at run time.

use crate::Context;
use crate::error::{Result, require};
use crate::gemm::{Gemm, RowMajor, pack_b, packed_len};
use crate::simd::{F32, Isa};
use crate::tensor::broadcast::{Plan, shape};
use crate::tensor::{Buffer, Number, View, ViewMut, check_joined_dims};

/// `MatMul`: y `[.., m, n]` is the product of a `[.., m, k]` and b `[.., k, n]`. The leading dims broadcast as in
/// NumPy.
///
/// A vector is a row on the left or a column on the right. y lacks its axis.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let a = View::new(&[1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// let b = View::new(&[1.0, 0.5], [2])?;
/// let mut y = [0.0; 2];
/// let y = ops::MatMul { transposed: false }.run(cx, a, b, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [2.0, 5.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatMul {
    /// Whether the right matrices are transposed: b is `[.., n, k]`.
    pub transposed: bool,
}

impl MatMul {
    /// Computes y = a·b. The right matrices are packed in the scratch memory, one at a time.
    ///
    /// # Errors
    ///
    /// If the dims of a, b and y do not match, or there is not enough memory.
    pub fn run<'y, const R: usize, const Q: usize, const S: usize>(
        &self,
        cx: &mut Context<'_>,
        a: View<'_, f32, R>,
        b: View<'_, f32, Q>,
        mut y: ViewMut<'y, f32, S>,
    ) -> Result<View<'y, f32, S>> {
        let product = Product::new(self.transposed, &a.dims(), &b.dims(), &y.dims())?;
        product.run(cx.isa, a.as_slice()?, b.as_slice()?, cx.scratch, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// Computes y = a·b for any number type, with plain loops.
    ///
    /// # Errors
    ///
    /// If the dims of a, b and y do not match.
    pub fn run_scalars<'y, T: Number, const R: usize, const Q: usize, const S: usize>(
        &self,
        _: &mut Context<'_>,
        a: View<'_, T, R>,
        b: View<'_, T, Q>,
        mut y: ViewMut<'y, T, S>,
    ) -> Result<View<'y, T, S>> {
        let product = Product::new(self.transposed, &a.dims(), &b.dims(), &y.dims())?;
        let (a, b, step) = (a.as_slice()?, b.as_slice()?, product.b_step());
        product.fill(y.as_mut_slice()?, |_, [a_at, b_at]| {
            (0..product.depth).fold(T::ZERO, |sum, i| sum.add(a[a_at + i].mul(b[b_at + i * step])))
        });
        Ok(y.into_view())
    }

    /// Computes `y = Σ (a − a_zeros)·(b − b_zeros)` for 8-bit integers, with plain loops.
    ///
    /// `a_zeros` has one zero point, or one for each row of a matrix. `b_zeros` has one, or one for each column.
    ///
    /// # Errors
    ///
    /// If the dims of a, b and y or the number of zero points do not match.
    #[allow(clippy::too_many_arguments)]
    pub fn run_integers<'y, A: Widen, B: Widen, const R: usize, const Q: usize, const S: usize>(
        &self,
        _: &mut Context<'_>,
        a: View<'_, A, R>,
        b: View<'_, B, Q>,
        a_zeros: &[A],
        b_zeros: &[B],
        mut y: ViewMut<'y, i32, S>,
    ) -> Result<View<'y, i32, S>> {
        let product = Product::new(self.transposed, &a.dims(), &b.dims(), &y.dims())?;
        let Product { rows, depth, columns, .. } = product;
        require(a_zeros.len() == 1 || a_zeros.len() == rows, "zero points", "be one for each row")?;
        require(b_zeros.len() == 1 || b_zeros.len() == columns, "zero points", "be one for each column")?;
        let (a, b, step) = (a.as_slice()?, b.as_slice()?, product.b_step());
        product.fill(y.as_mut_slice()?, |[row, column], [a_at, b_at]| {
            let a_zero = a_zeros[row % a_zeros.len()].widen();
            let b_zero = b_zeros[column % b_zeros.len()].widen();
            (0..depth).fold(0i32, |sum, i| {
                let left = a[a_at + i].widen() - a_zero;
                let right = b[b_at + i * step].widen() - b_zero;
                sum.wrapping_add(left.wrapping_mul(right))
            })
        });
        Ok(y.into_view())
    }
}

/// 8-bit integers whose products are summed in 32 bits.
pub trait Widen: Copy + Into<i32> {
    /// The same number in 32 bits.
    #[inline(always)]
    fn widen(self) -> i32 {
        self.into()
    }
}

impl Widen for i8 {}
impl Widen for u8 {}

/// The sizes of the matrices, and the pairs that are multiplied.
struct Product {
    rows: usize,
    depth: usize,
    columns: usize,
    transposed: bool,
    plan: Plan<2>,
}

impl Product {
    fn new(transposed: bool, a: &[usize], b: &[usize], y: &[usize]) -> Result<Self> {
        let ((a_batch, [rows, depth]), (b_batch, [first, last])) = (matrices(a, false), matrices(b, true));
        require(!a.is_empty() && !b.is_empty(), "operands", "have an axis at least")?;
        let transposed = transposed && b.len() > 1;
        let (b_depth, columns) = if transposed { (last, first) } else { (first, last) };
        require(b_depth == depth, "b", "have as many rows as a has columns")?;
        let (own_rows, own_columns) = ([rows], [columns]);
        let parts = [
            &shape([a_batch, b_batch])?[..],
            if a.len() > 1 { &own_rows } else { &[] },
            if b.len() > 1 { &own_columns } else { &[] },
        ];
        check_joined_dims(&parts, y)?;
        Ok(Self { rows, depth, columns, transposed, plan: Plan::new([a_batch, b_batch])? })
    }

    /// Computes y = a·b.
    fn run(&self, isa: Isa, a: &[f32], b: &[f32], scratch: &mut Buffer<f32>, y: &mut [f32]) -> Result<()> {
        let Self { rows, depth, columns, transposed, .. } = *self;
        if y.is_empty() {
            return Ok(());
        }
        let panels = scratch.write(packed_len(1, 1, depth, columns)?)?;
        let strides = if transposed { [1, depth] } else { [columns, 1] };
        let mut packed = None;
        for (y, [a_at, b_at]) in y.chunks_exact_mut(rows * columns).zip(self.pairs()) {
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

    /// The elements of b from one k to the next.
    const fn b_step(&self) -> usize {
        if self.transposed { 1 } else { self.columns }
    }

    /// Fills y. `sum` computes an element from its row and column, and from the indices in a and b of the elements with
    /// k = 0.
    fn fill<T>(&self, y: &mut [T], sum: impl Fn([usize; 2], [usize; 2]) -> T) {
        let Self { rows, depth, columns, transposed, .. } = *self;
        if y.is_empty() {
            return;
        }
        let column_step = if transposed { depth } else { 1 };
        for (y, [a_at, b_at]) in y.chunks_exact_mut(rows * columns).zip(self.pairs()) {
            for (row, y) in y.chunks_exact_mut(columns).enumerate() {
                for (column, y) in y.iter_mut().enumerate() {
                    let a_at = (a_at * rows + row) * depth;
                    *y = sum([row, column], [a_at, b_at * depth * columns + column * column_step]);
                }
            }
        }
    }

    /// For each matrix of y, the indices of its factors among the matrices of a and b.
    fn pairs(&self) -> impl Iterator<Item = [usize; 2]> {
        let (run, moves) = self.plan.inner_loop();
        let [a, b] = moves.map(usize::from);
        self.plan.starts().flat_map(move |[a_at, b_at]| (0..run).map(move |i| [a_at + i * a, b_at + i * b]))
    }
}

/// The leading dims, and the dims of a matrix. A vector is a column if it is the right operand, otherwise a row.
fn matrices(dims: &[usize], is_right: bool) -> (&[usize], [usize; 2]) {
    match *dims {
        [] => (&[], [1, 1]),
        [len] => (&[], if is_right { [len, 1] } else { [1, len] }),
        [ref batch @ .., rows, columns] => (batch, [rows, columns]),
    }
}
