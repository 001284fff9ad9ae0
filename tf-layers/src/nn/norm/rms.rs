//! Normalisations that divide by a size: root mean square, unit length.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::ops::Reduce;
use crate::ops::reduce::row;
use crate::simd::{Kernel, Simd};
use crate::tensor::{View, ViewMut, around, check_dims};

/// y = γ·x/√(mean(x²) + ε), with the mean taken along neighbouring axes.
///
/// ```
/// use tf_layers::nn::RmsNorm;
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = RmsNorm { axis: 1, span: 1, gamma: Some(&[1.0, 10.0]), epsilon: 0.0 };
/// let x = View::new(&[2.0, -2.0, 0.5, 0.5], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [1.0, -10.0, 1.0, 10.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNorm<'w> {
    /// The first of the axes.
    pub axis: usize,
    /// How many axes there are.
    pub span: usize,
    /// One number for each element along the axes; ones without.
    pub gamma: Option<&'w [f32]>,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
}

/// y = x·min(1/‖x‖, limit), with the norm taken along neighbouring axes.
///
/// ```
/// use tf_layers::nn::UnitNorm;
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = UnitNorm { axis: 1, span: 1, p: 1, limit: 1e12 };
/// let x = View::new(&[1.0, -3.0, 0.0, 0.0], [2, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [0.25, -0.75, 0.0, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitNorm {
    /// The first of the axes.
    pub axis: usize,
    /// How many axes there are.
    pub span: usize,
    /// 1 for the sum of the magnitudes, 2 for the Euclidean norm.
    pub p: usize,
    /// What a vector is multiplied with at most.
    pub limit: f32,
}

impl RmsNorm<'_> {
    /// From x to y, which have the same dims.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let dims = around(&x.dims(), self.axis, self.span)?;
        check_len("gamma", dims[1], self.gamma.map_or(dims[1], <[f32]>::len))?;
        run(cx, Size::Rms(self.epsilon), self.gamma, dims, x, y)
    }
}

impl UnitNorm {
    /// From x to y, which have the same dims.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        require(self.p == 1 || self.p == 2, "p", "be 1 or 2")?;
        let size = if self.p == 1 { Size::L1(self.limit) } else { Size::L2(self.limit) };
        run(cx, size, None, around(&x.dims(), self.axis, self.span)?, x, y)
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

fn run<'y, const R: usize>(
    cx: &mut Context<'_>,
    size: Size,
    gamma: Option<&[f32]>,
    [_, axis, inner]: [usize; 3],
    x: View<'_, f32, R>,
    mut y: ViewMut<'y, f32, R>,
) -> Result<View<'y, f32, R>> {
    check_dims(&x.dims(), &y.dims())?;
    let (x, to) = (x.as_slice()?, y.as_mut_slice()?);
    if !to.is_empty() {
        cx.isa.run(NormKernel { size, gamma, axis, inner, x, y: to });
    }
    Ok(y.into_view())
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
