//! Reductions over axes.

use core::ops::Range;

use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::{Result, require};
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::tensor::{View, ViewMut, around};

/// A reduction over axes (ONNX's `ReduceSum`, `ReduceMean`, …).
///
/// Sums are formed in blocks of 128 elements, whose sums are then added up, which keeps long sums accurate.
///
/// ```
/// use tf_layers::ops::Reduce;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2])?;
/// let mut y = [0.0; 2];
/// let y = Reduce::Mean.run(cx, 0..1, x, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [3.0, 4.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduce {
    /// Σx; 0 if there are no elements
    Sum,
    /// Σx/n; NaN if there are no elements
    Mean,
    /// Πx; 1 if there are no elements
    Prod,
    /// The maximum, or NaN if any element is; −∞ if there are no elements
    Max,
    /// The minimum, or NaN if any element is; ∞ if there are no elements
    Min,
    /// Σ|x|
    L1,
    /// √Σx²
    L2,
    /// Σx²
    SumSquare,
}

impl Reduce {
    /// Reduces x over adjacent axes. y has the dims of x without these axes, or with a 1 in their place.
    ///
    /// # Errors
    ///
    /// If x does not have these axes, or y has other dims.
    // Inlined, so that a program contains only the reductions that it names as constants.
    #[inline(always)]
    pub fn run<'y, const A: usize, const R: usize>(
        self,
        cx: &mut Context<'_>,
        axes: Range<usize>,
        x: View<'_, f32, A>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let dims = split(axes, &x.dims(), &y.dims())?;
        let (isa, x, out) = (cx.isa, x.as_slice()?, y.as_mut_slice()?);
        match self {
            Self::Sum => apply_sum(isa, dims, x, out),
            Self::Mean => apply_mean(isa, dims, x, out),
            Self::Prod => apply_prod(isa, dims, x, out),
            Self::Max => apply_max(isa, dims, x, out),
            Self::Min => apply_min(isa, dims, x, out),
            Self::L1 => apply_l1(isa, dims, x, out),
            Self::L2 => apply_l2(isa, dims, x, out),
            Self::SumSquare => apply_sum_square(isa, dims, x, out),
        }
        Ok(y.into_view())
    }

    #[inline(always)]
    pub(crate) const fn first(self) -> f32 {
        match self {
            Self::Max => f32::NEG_INFINITY,
            Self::Min => f32::INFINITY,
            Self::Prod => 1.0,
            _ => 0.0,
        }
    }

    /// Adds one more element to the accumulator.
    #[inline(always)]
    fn take<S: Simd>(self, s: S, sum: S::F32, x: S::F32) -> S::F32 {
        match self {
            Self::L1 => s.add(sum, s.abs(x)),
            Self::L2 | Self::SumSquare => s.fma(x, x, sum),
            _ => self.join(s, sum, x),
        }
    }

    /// Combines two accumulators.
    #[inline(always)]
    fn join<S: Simd>(self, s: S, a: S::F32, b: S::F32) -> S::F32 {
        match self {
            Self::Prod => s.mul(a, b),
            Self::Max => s.select(s.eq(a, a), s.max(a, b), a),
            Self::Min => s.select(s.eq(a, a), s.min(a, b), a),
            _ => s.add(a, b),
        }
    }

    /// Combines the lanes of a vector, pairwise.
    #[inline(always)]
    pub(crate) fn fold<S: Simd>(self, s: S, x: S::F32) -> f32 {
        let mut lanes = [0.0; PANEL];
        s.store(x, &mut lanes);
        let mut n = S::LANES;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                let (a, b) = (lanes[i], lanes[i + n]);
                lanes[i] = match self {
                    Self::Prod => a * b,
                    Self::Max if a > b || a.is_nan() => a,
                    Self::Min if a < b || a.is_nan() => a,
                    Self::Max | Self::Min => b,
                    _ => a + b,
                };
            }
        }
        lanes[0]
    }

    #[inline(always)]
    fn finish<S: Simd>(self, s: S, sum: S::F32, count: usize) -> S::F32 {
        match self {
            Self::Mean => s.div(sum, s.splat(count as f32)),
            Self::L2 => s.sqrt(sum),
            _ => sum,
        }
    }
}

/// The dims of x as `[outer, axes, inner]`; an error unless y has the remaining dims.
pub(super) fn split(axes: Range<usize>, x: &[usize], y: &[usize]) -> Result<[usize; 3]> {
    let dims = around(x, axes.start, axes.len())?;
    let keeps = x.len() == y.len();
    let kept = x.iter().enumerate().filter(|(axis, _)| keeps || !axes.contains(axis));
    let fits = kept.map(|(axis, &dim)| if axes.contains(&axis) { 1 } else { dim }).eq(y.iter().copied());
    require(fits, "y", "have the dims of x without the axes, or with a 1 in their place")?;
    Ok(dims)
}

/// Declares a function and the kernels of one reduction.
macro_rules! applies {
    ($($name:ident: $variant:ident;)+) => {
        $(fn $name(isa: Isa, [_, axis, inner]: [usize; 3], x: &[f32], y: &mut [f32]) {
            struct ReduceKernel<'a>(Arguments<'a>);
            impl Kernel for ReduceKernel<'_> {
                type Output = ();

                #[inline(always)]
                fn run<S: Simd>(self, s: S) {
                    let Arguments { axis, inner, x, y } = self.0;
                    run(s, Reduce::$variant, axis, inner, x, y);
                }
            }
            if !y.is_empty() {
                isa.run(ReduceKernel(Arguments { axis, inner, x, y }));
            }
        })+
    };
}

applies! {
    apply_sum: Sum;
    apply_mean: Mean;
    apply_prod: Prod;
    apply_max: Max;
    apply_min: Min;
    apply_l1: L1;
    apply_l2: L2;
    apply_sum_square: SumSquare;
}

/// The operands of a reduction from x `[outer, axis, inner]` to y `[outer, inner]`, which is not empty.
struct Arguments<'a> {
    axis: usize,
    inner: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

#[inline(always)]
fn run<S: Simd>(s: S, reduce: Reduce, axis: usize, inner: usize, x: &[f32], y: &mut [f32]) {
    for (i, y) in y.chunks_exact_mut(inner.max(1)).enumerate() {
        let x = part(part(x, i * axis * inner..), ..axis * inner);
        if inner == 1 {
            let total = s.splat(row(s, reduce, x));
            s.store_partial(reduce.finish(s, total, axis), y);
            continue;
        }
        for column in (0..inner).step_by(S::LANES) {
            let width = S::LANES.min(inner - column);
            let mut blocks = Blocks::new(s, reduce);
            for line in 0..axis {
                let x = part(part(x, line * inner + column..), ..width);
                blocks.take(s, if width == S::LANES { s.load(x) } else { s.load_partial(x, 0.0) });
            }
            let total = reduce.finish(s, blocks.total(s), axis);
            s.store_partial(total, part_mut(y, column..column + width));
        }
    }
}

/// Reduces a row to one number.
#[inline(always)]
pub(crate) fn row<S: Simd>(s: S, reduce: Reduce, x: &[f32]) -> f32 {
    let first = s.splat(reduce.first());
    if x.len() <= S::LANES {
        return reduce.fold(s, reduce.take(s, first, s.load_partial(x, reduce.first())));
    }
    let whole = x.len() - x.len() % (4 * S::LANES);
    let mut sums = [first; 4];
    let mut blocks = [Blocks::new(s, reduce); 4];
    for x in x[..whole].chunks_exact(4 * S::LANES) {
        for (block, x) in blocks.iter_mut().zip(x.chunks_exact(S::LANES)) {
            block.take(s, s.load(x));
        }
    }
    for (sum, block) in sums.iter_mut().zip(&blocks) {
        *sum = block.total(s);
    }
    for (x, sum) in x[whole..].chunks(S::LANES).zip(&mut sums) {
        *sum = reduce.take(s, *sum, s.load_partial(x, reduce.first()));
    }
    reduce.fold(s, reduce.join(s, reduce.join(s, sums[0], sums[1]), reduce.join(s, sums[2], sums[3])))
}

/// The number of vectors in a block sum, before it is added to the total: keeps long sums accurate.
const BLOCK: usize = 128;

/// A running reduction in blocks.
#[derive(Clone, Copy)]
struct Blocks<S: Simd> {
    reduce: Reduce,
    block: S::F32,
    total: S::F32,
    count: usize,
}

impl<S: Simd> Blocks<S> {
    #[inline(always)]
    fn new(s: S, reduce: Reduce) -> Self {
        let first = s.splat(reduce.first());
        Self { reduce, block: first, total: first, count: 0 }
    }

    #[inline(always)]
    fn take(&mut self, s: S, x: S::F32) {
        self.block = self.reduce.take(s, self.block, x);
        self.count += 1;
        if self.count == BLOCK {
            self.total = self.total(s);
            self.block = s.splat(self.reduce.first());
            self.count = 0;
        }
    }

    #[inline(always)]
    fn total(&self, s: S) -> S::F32 {
        self.reduce.join(s, self.total, self.block)
    }
}
