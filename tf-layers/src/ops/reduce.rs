//! Reductions over one axis.

use crate::error::{Result, check_len};
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::tensor::len;

/// What becomes of the elements along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduce {
    /// Their sum; 0 of none.
    Sum,
    /// Their mean; NaN of none.
    Mean,
    /// Their product; 1 of none.
    Prod,
    /// The greatest, NaN if any is; −∞ of none.
    Max,
    /// The least, NaN if any is; ∞ of none.
    Min,
    /// The sum of their absolute values.
    L1,
    /// The square root of the sum of their squares.
    L2,
    /// The sum of their squares.
    SumSquare,
}

impl Reduce {
    /// From x `[outer, axis, inner]` to y `[outer, inner]`.
    ///
    /// Inlined, so that a program whose reductions are constants holds no others.
    #[inline(always)]
    pub fn run(self, isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
        match self {
            Self::Sum => apply_sum(isa, dims, x, y),
            Self::Mean => apply_mean(isa, dims, x, y),
            Self::Prod => apply_prod(isa, dims, x, y),
            Self::Max => apply_max(isa, dims, x, y),
            Self::Min => apply_min(isa, dims, x, y),
            Self::L1 => apply_l1(isa, dims, x, y),
            Self::L2 => apply_l2(isa, dims, x, y),
            Self::SumSquare => apply_sum_square(isa, dims, x, y),
        }
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

    /// Takes one more element into the result so far.
    #[inline(always)]
    fn take<S: Simd>(self, s: S, sum: S::F32, x: S::F32) -> S::F32 {
        match self {
            Self::L1 => s.add(sum, s.abs(x)),
            Self::L2 | Self::SumSquare => s.fma(x, x, sum),
            _ => self.join(s, sum, x),
        }
    }

    /// Joins two results.
    #[inline(always)]
    fn join<S: Simd>(self, s: S, a: S::F32, b: S::F32) -> S::F32 {
        match self {
            Self::Prod => s.mul(a, b),
            Self::Max => s.select(s.eq(a, a), s.max(a, b), a),
            Self::Min => s.select(s.eq(a, a), s.min(a, b), a),
            _ => s.add(a, b),
        }
    }

    /// Joins the lanes of a vector, in pairs.
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

/// Declares a function and the kernels of one reduction.
macro_rules! applies {
    ($($name:ident: $variant:ident;)+) => {
        $(fn $name(isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
            struct ReduceKernel<'a>(Arguments<'a>);
            impl Kernel for ReduceKernel<'_> {
                type Output = ();

                #[inline(always)]
                fn run<S: Simd>(self, s: S) {
                    let Arguments { axis, inner, x, y } = self.0;
                    run(s, Reduce::$variant, axis, inner, x, y);
                }
            }
            if let Some(arguments) = Arguments::new(dims, x, y)? {
                isa.run(ReduceKernel(arguments));
            }
            Ok(())
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

struct Arguments<'a> {
    axis: usize,
    inner: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl<'a> Arguments<'a> {
    /// None if there is nothing to do.
    fn new(dims: [usize; 3], x: &'a [f32], y: &'a mut [f32]) -> Result<Option<Self>> {
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", len(&[dims[0], dims[2]])?, y.len())?;
        Ok(if y.is_empty() { None } else { Some(Self { axis: dims[1], inner: dims[2], x, y }) })
    }
}

#[inline(always)]
fn run<S: Simd>(s: S, reduce: Reduce, axis: usize, inner: usize, x: &[f32], y: &mut [f32]) {
    for (i, y) in y.chunks_exact_mut(inner).enumerate() {
        let x = &x[i * axis * inner..][..axis * inner];
        if inner == 1 {
            let total = s.splat(row(s, reduce, x));
            s.store_partial(reduce.finish(s, total, axis), y);
            continue;
        }
        for column in (0..inner).step_by(S::LANES) {
            let width = S::LANES.min(inner - column);
            let mut blocks = Blocks::new(s, reduce);
            for line in 0..axis {
                let x = &x[line * inner + column..][..width];
                blocks.take(s, if width == S::LANES { s.load(x) } else { s.load_partial(x, 0.0) });
            }
            let total = reduce.finish(s, blocks.total(s), axis);
            s.store_partial(total, &mut y[column..column + width]);
        }
    }
}

/// Reduces a row to one number. NaN for a maximum or minimum if any element is.
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

/// Elements of one sum before it is added to the sum of sums, which keeps long sums accurate.
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
