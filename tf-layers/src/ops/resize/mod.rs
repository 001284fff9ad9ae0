//! Resize: interpolation along one axis at a time.

mod filter;
mod position;

use crate::Context;
use crate::error::{Result, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{View, ViewMut, around};
use filter::{Filter, cubic, round_to_step};
pub use position::Coordinates;
use position::{Axis, MAX_SIZE, floor};

/// Interpolation between elements. The first four are ONNX's `nearest_mode`s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interpolation {
    /// The nearest element; ties go to the lower index.
    RoundPreferFloor,
    /// The nearest element; ties go to the higher index.
    RoundPreferCeil,
    /// The element at the floor of the position.
    Floor,
    /// The element at the ceiling of the position.
    Ceil,
    /// Linear interpolation of two elements.
    Linear,
    /// Cubic convolution of four elements (Keys 1981).
    Cubic {
        /// The parameter of cubic convolution, −0.75 or −0.5.
        a: f32,
        /// Ignore elements outside the input instead of repeating its border.
        exclude_outside: bool,
    },
    /// Cubic convolution with weights from TensorFlow's table, which has 1024 steps between two elements.
    CubicSteps {
        /// The parameter of cubic convolution, −0.75 or −0.5.
        a: f32,
        /// Ignore elements outside the input instead of repeating its border.
        exclude_outside: bool,
    },
    /// Linear or cubic interpolation with antialiasing: if the result is smaller, the filter is stretched so that every
    /// input element contributes.
    Antialias {
        /// The parameter of cubic convolution; `None` for linear interpolation.
        a: Option<f32>,
        /// Ignore elements outside the input instead of repeating its border.
        exclude_outside: bool,
    },
}

/// Resizes a tensor along one axis.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::ops;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0.0, 1.0, 2.0, 3.0], [2, 2])?;
/// let mut y = [0.0; 6];
/// let resize = ops::Resize {
///     coordinates: ops::Coordinates::AlignCorners,
///     interpolation: ops::Interpolation::Linear,
///     ..ops::Resize::new(1)
/// };
/// let y = resize.run(cx, x, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [0.0, 0.5, 1.0, 2.0, 2.5, 3.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// The axis to resize.
    pub axis: usize,
    /// The mapping from positions in the result to positions in the input.
    pub coordinates: Coordinates,
    /// Interpolation between elements.
    pub interpolation: Interpolation,
    /// The ratio of output to input as a fraction `[numerator, denominator]`; by default, the ratio of the sizes.
    pub scale: Option<[u32; 2]>,
}

/// The number of result elements whose taps are computed once and reused for all outer indices.
const BLOCK: usize = 64;

impl Resize {
    /// The nearest element along `axis`, with half-pixel coordinates: the defaults of ONNX.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        let interpolation = Interpolation::RoundPreferFloor;
        Self { axis, coordinates: Coordinates::HalfPixel, interpolation, scale: None }
    }

    /// Resizes x to y, which has the dims of x except along the axis.
    ///
    /// # Errors
    ///
    /// If x has no such axis, y has other dims, x is empty and y is not, a size exceeds 2³⁰, or the scale is invalid.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (dims, to) = (x.dims(), y.dims());
        let split = around(&dims, self.axis, 1)?;
        let same = dims.iter().zip(&to).enumerate().all(|(i, (a, b))| i == self.axis || a == b);
        require(same, "y", "have the dims of x except along the axis")?;
        self.compute(cx.isa, split, to[self.axis], x.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// From x `[outer, axis, inner]` to y `[outer, output, inner]`.
    fn compute(&self, isa: Isa, dims: [usize; 3], output: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        let [_, axis, inner] = dims;
        if y.is_empty() {
            return Ok(());
        }
        require(axis > 0, "axis", "not be empty")?;
        require(axis.max(output) <= MAX_SIZE, "axis", "have at most 2^30 elements in x and y")?;
        let scale = self.scale.unwrap_or([output as u32, axis as u32]);
        let terms = 1..=MAX_SIZE as u32;
        require(
            scale.iter().all(|term| terms.contains(term)),
            "scale",
            "be a fraction of numbers from 1 to 2^30",
        )?;
        let axis = Axis { input: axis, output, scale };
        match self.interpolation {
            Interpolation::Linear => self.blocks(isa, axis, inner, x, y, |at| self.linear(axis, at)),
            Interpolation::Cubic { a, exclude_outside } => {
                self.blocks(isa, axis, inner, x, y, |at| self.cubic(axis, at, a, exclude_outside, |t| t));
            }
            Interpolation::CubicSteps { a, exclude_outside } => {
                let taps = |at| self.cubic(axis, at, a, exclude_outside, round_to_step);
                self.blocks(isa, axis, inner, x, y, taps);
            }
            Interpolation::Antialias { a, exclude_outside } => {
                let scale = axis.scale();
                require(
                    scale * axis.input as f32 > 0.5,
                    "scale",
                    "leave at least one element along the axis",
                )?;
                let filter = Filter { a, scale: scale.min(1.0), exclude_outside };
                for (x, y) in x.chunks_exact(axis.input * inner).zip(y.chunks_exact_mut(output * inner)) {
                    for (at, y) in y.chunks_exact_mut(inner).enumerate() {
                        filter.run(axis.position(self.coordinates, at), axis.input, x, y);
                    }
                }
            }
            _ => self.blocks(isa, axis, inner, x, y, |at| self.nearest(axis, at)),
        }
        Ok(())
    }

    /// Computes the result block by block along the axis, from the taps of every element.
    fn blocks<const N: usize>(
        &self,
        isa: Isa,
        axis: Axis,
        inner: usize,
        x: &[f32],
        y: &mut [f32],
        taps_of: impl Fn(usize) -> Taps<N>,
    ) {
        let outside = if let Coordinates::Crop { outside, .. } = self.coordinates { outside } else { 0.0 };
        for start in (0..axis.output).step_by(BLOCK) {
            let mut taps = [Taps { rows: [0; N], weights: [0.0; N], outside: false }; BLOCK];
            let taps = &mut taps[..BLOCK.min(axis.output - start)];
            for (taps, at) in taps.iter_mut().zip(start..) {
                *taps = taps_of(at);
                taps.outside = self.is_outside(axis, at);
            }
            isa.run(InterpolationKernel { taps, start, axis, inner, outside, x, y });
        }
    }

    /// Whether an element of the result is outside the input, which only cropping allows.
    fn is_outside(&self, axis: Axis, at: usize) -> bool {
        matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=axis.input as f32 - 1.0).contains(&axis.position(self.coordinates, at))
    }

    fn nearest(&self, axis: Axis, at: usize) -> Taps<1> {
        let nearest = axis.nearest(self.coordinates, self.interpolation, at);
        Taps::new(nearest, [1.0], axis)
    }

    fn linear(&self, axis: Axis, at: usize) -> Taps<2> {
        let position = axis.position(self.coordinates, at).max(0.0).min(axis.input as f32 - 1.0);
        let first = floor(position);
        let rest = position - first as f32;
        Taps::new(first, [1.0 - rest, rest], axis)
    }

    fn cubic(
        &self,
        axis: Axis,
        at: usize,
        a: f32,
        exclude_outside: bool,
        rounded: impl Fn(f32) -> f32,
    ) -> Taps<4> {
        let position = axis.position(self.coordinates, at);
        let below = floor(position);
        let first = below.saturating_sub(1);
        let mut weights = cubic(rounded(position - below as f32), a);
        if exclude_outside {
            for (weight, tap) in weights.iter_mut().zip(0..) {
                if !(0..axis.input as i64).contains(&first.saturating_add(tap)) {
                    *weight = 0.0;
                }
            }
            let sum: f32 = weights.iter().sum();
            weights = weights.map(|weight| weight / sum);
        }
        Taps::new(first, weights, axis)
    }
}

/// The input elements that an element of the result is interpolated from.
#[derive(Clone, Copy)]
struct Taps<const N: usize> {
    rows: [usize; N],
    weights: [f32; N],
    /// The element is outside the input: it has the crop's outside value instead.
    outside: bool,
}

impl<const N: usize> Taps<N> {
    /// Consecutive elements from `first` on; indices outside the axis are clamped to the border.
    fn new(first: i64, weights: [f32; N], axis: Axis) -> Self {
        let row = |tap: usize| first.saturating_add(tap as i64).clamp(0, axis.input as i64 - 1) as usize;
        Self { rows: core::array::from_fn(row), weights, outside: false }
    }
}

/// Interpolates the result elements with these taps, from `start` on, for all outer indices.
struct InterpolationKernel<'a, const N: usize> {
    taps: &'a [Taps<N>],
    start: usize,
    axis: Axis,
    inner: usize,
    outside: f32,
    /// `[outer, axis.input, inner]`
    x: &'a [f32],
    /// `[outer, axis.output, inner]`
    y: &'a mut [f32],
}

impl<const N: usize> Kernel for InterpolationKernel<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let inner = self.inner;
        let outer = self.x.chunks_exact(self.axis.input * inner);
        for (x, y) in outer.zip(self.y.chunks_exact_mut(self.axis.output * inner)) {
            for (taps, y) in self.taps.iter().zip(y[self.start * inner..].chunks_exact_mut(inner)) {
                if taps.outside {
                    y.fill(self.outside);
                } else if N == 1 {
                    y.copy_from_slice(&x[taps.rows[0] * inner..][..inner]);
                } else {
                    weighted_sum(s, x, taps, y);
                }
            }
        }
    }
}

/// Computes y = Σ weight · row, where the rows of x are as long as y.
#[inline(always)]
fn weighted_sum<S: Simd, const N: usize>(s: S, x: &[f32], taps: &Taps<N>, y: &mut [f32]) {
    let width = y.len();
    let mut rows = [x; N];
    for (row, &at) in rows.iter_mut().zip(&taps.rows) {
        *row = &x[at * width..][..width];
    }
    if width < S::LANES {
        for (i, y) in y.iter_mut().enumerate() {
            *y = 0.0;
            for (row, weight) in rows.iter().zip(&taps.weights) {
                *y += weight * row[i];
            }
        }
        return;
    }
    for at in (0..width).step_by(S::LANES) {
        // The last vector ends at the end of the row and overlaps the one before.
        let at = at.min(width - S::LANES);
        let mut sum = s.splat(0.0);
        for (row, &weight) in rows.iter().zip(&taps.weights) {
            sum = s.fma(s.load(&row[at..]), s.splat(weight), sum);
        }
        s.store(sum, &mut y[at..]);
    }
}
