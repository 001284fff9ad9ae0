//! Normalisations that divide by a size: root mean square, unit length.

use crate::error::{Result, check_len, require};
use crate::ops::Reduce;
use crate::ops::reduce::row;
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::len;

/// y = γ·x/√(mean(x²) + ε) along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNorm<'w> {
    /// `[axis]`; ones without.
    pub gamma: Option<&'w [f32]>,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
}

/// y = x·min(1/‖x‖, limit) along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitNorm {
    /// 1 for the sum of the magnitudes, 2 for the Euclidean norm.
    pub p: usize,
    /// What a vector is multiplied with at most.
    pub limit: f32,
}

impl RmsNorm<'_> {
    /// From x to y, both `[outer, axis, inner]`.
    pub fn run(&self, isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
        check_len("gamma", dims[1], self.gamma.map_or(dims[1], <[f32]>::len))?;
        run(isa, Size::Rms(self.epsilon), self.gamma, dims, x, y)
    }
}

impl UnitNorm {
    /// From x to y, both `[outer, axis, inner]`.
    pub fn run(&self, isa: Isa, dims: [usize; 3], x: &[f32], y: &mut [f32]) -> Result<()> {
        require(self.p == 1 || self.p == 2, "p", "be 1 or 2")?;
        let size = if self.p == 1 { Size::L1(self.limit) } else { Size::L2(self.limit) };
        run(isa, size, None, dims, x, y)
    }
}

/// What a vector is divided by.
#[derive(Clone, Copy)]
enum Size {
    Rms(f32),
    L1(f32),
    L2(f32),
}

impl Size {
    #[inline(always)]
    const fn reduce(self) -> Reduce {
        if matches!(self, Self::L1(_)) { Reduce::L1 } else { Reduce::SumSquare }
    }

    /// The factor for a vector of `count` elements with this sum of magnitudes or squares.
    #[inline(always)]
    fn factor<S: Simd>(self, s: S, sum: S::F32, count: usize) -> S::F32 {
        let one = s.splat(1.0);
        match self {
            Self::Rms(epsilon) => {
                let mean = s.div(sum, s.splat(count as f32));
                s.div(one, s.sqrt(s.add(mean, s.splat(epsilon))))
            }
            // In this order a NaN stays.
            Self::L1(limit) => s.min(s.splat(limit), s.div(one, sum)),
            Self::L2(limit) => s.min(s.splat(limit), s.div(one, s.sqrt(sum))),
        }
    }
}

fn run(
    isa: Isa,
    size: Size,
    gamma: Option<&[f32]>,
    dims: [usize; 3],
    x: &[f32],
    y: &mut [f32],
) -> Result<()> {
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    if !y.is_empty() {
        isa.run(NormKernel { size, gamma, axis: dims[1], inner: dims[2], x, y });
    }
    Ok(())
}

struct NormKernel<'a> {
    size: Size,
    gamma: Option<&'a [f32]>,
    axis: usize,
    inner: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for NormKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let len = self.axis * self.inner;
        for (x, y) in self.x.chunks_exact(len).zip(self.y.chunks_exact_mut(len)) {
            if self.inner == 1 {
                self.size.along_row(s, self.gamma, x, y);
            } else {
                self.size.along_columns(s, self.gamma, self.inner, x, y);
            }
        }
    }
}

impl Size {
    #[inline(always)]
    fn along_row<S: Simd>(self, s: S, gamma: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
        let sum = s.splat(row(s, self.reduce(), x));
        let factor = self.factor(s, sum, x.len());
        for at in (0..x.len()).step_by(S::LANES) {
            let to = x.len().min(at + S::LANES);
            let factor = match gamma {
                Some(gamma) => s.mul(factor, load(s, &gamma[at..to])),
                None => factor,
            };
            let result = s.mul(load(s, &x[at..to]), factor);
            if to - at == S::LANES {
                s.store(result, &mut y[at..]);
            } else {
                s.store_partial(result, &mut y[at..to]);
            }
        }
    }

    #[inline(always)]
    fn along_columns<S: Simd>(self, s: S, gamma: Option<&[f32]>, inner: usize, x: &[f32], y: &mut [f32]) {
        for column in (0..inner).step_by(S::LANES) {
            let columns = column..inner.min(column + S::LANES);
            let mut sum = s.splat(0.0);
            for x in x.chunks_exact(inner) {
                let x = s.load_partial(&x[columns.clone()], 0.0);
                sum = match self {
                    Self::L1(_) => s.add(sum, s.abs(x)),
                    _ => s.fma(x, x, sum),
                };
            }
            let factor = self.factor(s, sum, x.len() / inner);
            for (i, (x, y)) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)).enumerate() {
                let factor = match gamma {
                    Some(gamma) => s.mul(factor, s.splat(gamma[i])),
                    None => factor,
                };
                let x = s.load_partial(&x[columns.clone()], 0.0);
                s.store_partial(s.mul(x, factor), &mut y[columns.clone()]);
            }
        }
    }
}

/// A vector, or what there is of one.
#[inline(always)]
fn load<S: Simd>(s: S, x: &[f32]) -> S::F32 {
    if x.len() == S::LANES { s.load(x) } else { s.load_partial(x, 0.0) }
}
