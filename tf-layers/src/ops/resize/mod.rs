//! Resize: interpolation along one axis after the other.

mod filter;
mod nearest;
mod position;
mod target;

use core::array;
use core::ops::Range;

use crate::Context;
use crate::checked::{copy, element, part, part_mut};
use crate::error::{Result, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{View, ViewMut};
use filter::{Filter, cubic, round_to_step};
pub use position::Coordinates;
use position::{Axis, MAX_SIZE, floor};
pub use target::{AspectRatio, ResizeTarget};

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

/// Resizes a tensor along `N` axes, one after the other.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::ops;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[0.0, 1.0, 2.0, 3.0], [2, 2])?;
/// let mut y = [0.0; 9];
/// let resize = ops::Resize {
///     coordinates: [ops::Coordinates::AlignCorners; 2],
///     interpolation: ops::Interpolation::Linear,
///     ..ops::Resize::new([0, 1])
/// };
/// let y = resize.run(cx, x, ViewMut::new(&mut y, [3, 3])?)?;
/// assert_eq!(y.as_slice()?, [0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize<const N: usize> {
    /// The axes to resize, in ascending order.
    pub axes: [usize; N],
    /// The mapping from positions in the result to positions in the input, for every axis.
    pub coordinates: [Coordinates; N],
    /// Interpolation between elements.
    pub interpolation: Interpolation,
    /// The ratio of output to input for every axis, as a fraction `[numerator, denominator]`; by default, the ratio of
    /// the sizes.
    pub scales: Option<[[u32; 2]; N]>,
}

/// The number of result elements whose taps are computed at a time.
const BLOCK: usize = 64;

/// The number of elements between two passes, which should fit the level-2 cache.
const SLAB: usize = 1 << 16;

/// The minimum number of slices in a slab, even if they are large, because the next pass computes its taps once per
/// slab.
const MIN_SLICES: usize = 8;

impl<const N: usize> Resize<N> {
    /// The nearest element along `axes`, with half-pixel coordinates: the defaults of ONNX.
    #[must_use]
    pub const fn new(axes: [usize; N]) -> Self {
        let interpolation = Interpolation::RoundPreferFloor;
        Self { axes, coordinates: [Coordinates::HalfPixel; N], interpolation, scales: None }
    }

    /// Resizes x to y, which has the dims of x except along the axes.
    ///
    /// # Errors
    ///
    /// If the axes are not axes of x in ascending order, y has other dims, x is empty and y is not, a size exceeds 2³⁰,
    /// a scale is invalid, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (from, to) = (x.dims(), y.dims());
        self.check_dims(&from, &to)?;
        self.compute(
            cx,
            &array::from_fn::<_, N, _>(|index| index),
            (&from, &to),
            x.as_slice()?,
            y.as_mut_slice()?,
        )?;
        Ok(y.into_view())
    }

    /// Resizes along the axes at the indices `active`; the other axes keep their elements.
    fn compute(
        &self,
        cx: &mut Context<'_>,
        active: &[usize],
        (from, to): (&[usize], &[usize]),
        x: &[f32],
        y: &mut [f32],
    ) -> Result<()> {
        self.check_axes(from.len())?;
        if y.is_empty() {
            return Ok(());
        }
        let passes: [Pass; N] = array::from_fn(|i| self.pass(active.get(i..).unwrap_or_default(), from, to));
        let passes = &passes[..active.len()];
        passes.iter().try_for_each(|pass| self.check(pass.axis))?;
        let outer = from[..active.first().map_or(0, |&first| self.axes[first])].iter().product();
        let (mut count, mut scratch) = (outer, 0_usize);
        for pass in passes.iter().take(passes.len().saturating_sub(1)) {
            let slab = pass.slab(count);
            count = slab.outer * slab.slices * pass.between;
            scratch = scratch.saturating_add(slab.len);
        }
        self.resize(cx.isa, passes, outer, x, y, cx.scratch.write(scratch)?);
        Ok(())
    }

    /// Checks the axes, and that only they differ between the dims of x and those of y.
    fn check_dims(&self, from: &[usize], to: &[usize]) -> Result<()> {
        self.check_axes(from.len())?;
        let same = from.iter().zip(to).enumerate().all(|(i, (a, b))| self.axes.contains(&i) || a == b);
        require(same, "y", "have the dims of x except along the axes")
    }

    fn check_axes(&self, rank: usize) -> Result<()> {
        let ascending = self.axes.is_sorted_by(|a, b| a < b);
        let inside = self.axes.iter().all(|&axis| axis < rank);
        require(ascending && inside, "axes", "be axes of x in ascending order")
    }

    /// The pass along the axis at the first index of `active`, which is followed by a pass along the next one.
    fn pass(&self, active: &[usize], from: &[usize], to: &[usize]) -> Pass {
        let index = active.first().copied().unwrap_or(0);
        let at = self.axes[index];
        let end = active.get(1).map_or(from.len(), |&next| self.axes[next]);
        let (input, output) = (from[at], to[at]);
        let scale = self.scales.map_or([output as u32, input as u32], |scales| scales[index]);
        Pass {
            axis: Axis { input, output, scale, coordinates: self.coordinates[index] },
            inner: from[at + 1..].iter().product(),
            inner_after: to[at + 1..].iter().product(),
            between: from[at + 1..end].iter().product(),
        }
    }

    fn check(&self, axis: Axis) -> Result<()> {
        require(axis.input > 0, "axis", "not be empty")?;
        require(axis.input.max(axis.output) <= MAX_SIZE, "axis", "have at most 2^30 elements in x and y")?;
        let terms = 1..=MAX_SIZE as u32;
        let fits = axis.scale.iter().all(|term| terms.contains(term));
        require(fits, "scale", "be a fraction of numbers from 1 to 2^30")?;
        let antialias = matches!(self.interpolation, Interpolation::Antialias { .. });
        let leaves = !antialias || axis.scale() * axis.input as f32 > 0.5;
        require(leaves, "scale", "leave at least one element along the axis")
    }

    /// Runs the passes from x `[outer, axis, ..]` to y. Slabs between passes are in `scratch`.
    fn resize(&self, isa: Isa, passes: &[Pass], outer: usize, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        let Some((pass, rest)) = passes.split_first() else { return y.copy_from_slice(x) };
        let (axis, inner) = (pass.axis, pass.inner);
        if rest.is_empty() {
            return self.along(isa, axis, 0..axis.output, inner, x, y);
        }
        let slab = pass.slab(outer);
        let (own, scratch) = scratch.split_at_mut(slab.len);
        for first in (0..outer).step_by(slab.outer) {
            let count = slab.outer.min(outer - first);
            let x = &x[first * axis.input * inner..][..count * axis.input * inner];
            for start in (0..axis.output).step_by(slab.slices) {
                let slices = slab.slices.min(axis.output - start);
                let own = &mut own[..count * slices * inner];
                self.along(isa, axis, start..start + slices, inner, x, own);
                let y = &mut y[(first * axis.output + start) * pass.inner_after..];
                let y = &mut y[..count * slices * pass.inner_after];
                self.resize(isa, rest, count * slices * pass.between, own, y, scratch);
            }
        }
    }

    /// Computes the `places` along the axis of the result, y `[outer, places, inner]`, from x `[outer, axis, inner]`.
    fn along(&self, isa: Isa, axis: Axis, places: Range<usize>, inner: usize, x: &[f32], y: &mut [f32]) {
        match self.interpolation {
            Interpolation::Linear => blocks(isa, axis, places, inner, x, y, |at| linear(axis, at)),
            Interpolation::Cubic { a, exclude_outside } => {
                blocks(isa, axis, places, inner, x, y, |at| cubic_taps(axis, at, a, exclude_outside, |t| t));
            }
            Interpolation::CubicSteps { a, exclude_outside } => {
                blocks(isa, axis, places, inner, x, y, |at| {
                    cubic_taps(axis, at, a, exclude_outside, round_to_step)
                });
            }
            Interpolation::Antialias { a, exclude_outside } => {
                let filter = Filter { a, scale: axis.scale().min(1.0), exclude_outside };
                let results = y.chunks_exact_mut(places.len() * inner);
                for (x, y) in x.chunks_exact(axis.input * inner).zip(results) {
                    for (at, y) in places.clone().zip(y.chunks_exact_mut(inner)) {
                        filter.run(axis.position(at), axis.input, x, y);
                    }
                }
            }
            interpolation => blocks(isa, axis, places, inner, x, y, |at| {
                Taps::new(axis.nearest(interpolation, at), [1.0], axis)
            }),
        }
    }
}

/// The interpolation along one axis.
#[derive(Clone, Copy)]
struct Pass {
    axis: Axis,
    /// The product of the dims after the axis, in x.
    inner: usize,
    /// The product of the dims after the axis, in y.
    inner_after: usize,
    /// The product of the dims between the axis and that of the next pass.
    between: usize,
}

/// The size of the intermediate result `[outer, slices, inner]` that a pass hands to the next one.
struct Slab {
    outer: usize,
    slices: usize,
    len: usize,
}

impl Pass {
    /// A slab of as many whole axes as fit the cache, or of some slices of one axis.
    fn slab(&self, outer: usize) -> Slab {
        let whole = self.axis.output.saturating_mul(self.inner).max(1);
        let slices = (SLAB / self.inner.max(1)).max(MIN_SLICES).min(self.axis.output);
        let (outer, slices) =
            if whole <= SLAB { ((SLAB / whole).min(outer), self.axis.output) } else { (1, slices) };
        Slab { outer, slices, len: outer.saturating_mul(slices).saturating_mul(self.inner) }
    }
}

/// Computes the result block by block along the axis, from the taps of every element.
fn blocks<const N: usize>(
    isa: Isa,
    axis: Axis,
    places: Range<usize>,
    inner: usize,
    x: &[f32],
    y: &mut [f32],
    taps_of: impl Fn(usize) -> Taps<N>,
) {
    let outside = if let Coordinates::Crop { outside, .. } = axis.coordinates { outside } else { 0.0 };
    for start in places.clone().step_by(BLOCK) {
        let mut taps = [Taps { rows: [0; N], weights: [0.0; N], outside: false }; BLOCK];
        let taps = part_mut(&mut taps, ..BLOCK.min(places.end - start));
        for (taps, at) in taps.iter_mut().zip(start..) {
            *taps = taps_of(at);
            taps.outside = axis.is_outside(at);
        }
        let (start, places) = (start - places.start, places.len());
        isa.run(InterpolationKernel { taps, start, places, input: axis.input, inner, outside, x, y });
    }
}

/// The taps of linear interpolation.
fn linear(axis: Axis, at: usize) -> Taps<2> {
    let position = axis.position(at).max(0.0).min(axis.input as f32 - 1.0);
    let first = floor(position);
    let rest = position - first as f32;
    Taps::new(first, [1.0 - rest, rest], axis)
}

/// The taps of cubic convolution. `rounded` rounds the distance from the element at the floor of the position.
fn cubic_taps(axis: Axis, at: usize, a: f32, exclude_outside: bool, rounded: impl Fn(f32) -> f32) -> Taps<4> {
    let position = axis.position(at);
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
        let last = (axis.input as i64 - 1).max(0);
        let row = |tap: usize| first.saturating_add(tap as i64).clamp(0, last) as usize;
        Self { rows: core::array::from_fn(row), weights, outside: false }
    }
}

/// Interpolates the result elements with these taps, from `start` on, for all outer indices.
struct InterpolationKernel<'a, const N: usize> {
    taps: &'a [Taps<N>],
    start: usize,
    places: usize,
    input: usize,
    inner: usize,
    outside: f32,
    /// `[outer, input, inner]`
    x: &'a [f32],
    /// `[outer, places, inner]`
    y: &'a mut [f32],
}

impl<const N: usize> Kernel for InterpolationKernel<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let inner = self.inner;
        let outer = self.x.chunks_exact((self.input * inner).max(1));
        for (x, y) in outer.zip(self.y.chunks_exact_mut((self.places * inner).max(1))) {
            let places = part_mut(y, self.start * inner..).chunks_exact_mut(inner.max(1));
            for (taps, y) in self.taps.iter().zip(places) {
                if taps.outside {
                    y.fill(self.outside);
                } else if N == 1 {
                    let start = taps.rows[0] * inner;
                    copy(y, part(x, start..start + inner));
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
        *row = part(x, at * width..at * width + width);
    }
    if width < S::LANES {
        for (i, y) in y.iter_mut().enumerate() {
            *y = 0.0;
            for (row, weight) in rows.iter().zip(&taps.weights) {
                *y += weight * element(row, i).copied().unwrap_or_default();
            }
        }
        return;
    }
    for at in (0..width).step_by(S::LANES) {
        // The last vector ends at the end of the row and overlaps the one before.
        let at = at.min(width - S::LANES);
        let mut sum = s.splat(0.0);
        for (row, &weight) in rows.iter().zip(&taps.weights) {
            sum = s.fma(s.load(part(row, at..)), s.splat(weight), sum);
        }
        s.store(sum, part_mut(y, at..));
    }
}
