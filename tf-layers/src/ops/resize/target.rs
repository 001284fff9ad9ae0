//! Resizing to sizes or by scales that are known only when the model runs.

use super::{Coordinates, MAX_SIZE, Resize};
use crate::Context;
use crate::error::{Error, Result, require};
use crate::ops::Integers;
use crate::tensor::{View, ViewMut};

/// How the sizes of a Resize become those of the result (ONNX's `keep_aspect_ratio_policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AspectRatio {
    /// The sizes are those of the result.
    Stretch,
    /// All axes are scaled by the smallest of the ratios.
    NotLarger,
    /// All axes are scaled by the largest of the ratios.
    NotSmaller,
}

/// The dims that a tensor is resized to, and the ratio of output to input along every axis.
///
/// ```
/// use tf_layers::ops::{Resize, ResizeTarget};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 2.0], [1, 2])?;
/// let target = ResizeTarget::by_scales(x.dims(), &[0, 1], "scales", View::new(&[1.0, 2.0], [2])?)?;
/// let mut y = [0.0; 4];
/// let y = target.run(cx, &Resize::new([0, 1]), x, ViewMut::new(&mut y, target.dims())?)?;
/// assert_eq!(y.as_slice()?, [1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizeTarget<const R: usize> {
    dims: [usize; R],
    /// `[numerator, denominator]`
    scales: [[u32; 2]; R],
    regions: [Option<Coordinates>; R],
    from: [usize; R],
}

impl<const R: usize> ResizeTarget<R> {
    /// The target of a tensor with these dims: `sizes[i]` is the wanted size of `axes[i]`.
    ///
    /// # Errors
    ///
    /// If `sizes` does not have one size for every axis, or a size is above 2³⁰.
    pub fn by_sizes(from: [usize; R], axes: &[usize], sizes: &Integers, ratio: AspectRatio) -> Result<Self> {
        sizes.require(sizes.as_slice().len() == axes.len(), "have one size for every axis")?;
        let mut found = Self::unchanged(from);
        let mut shared: Option<[u64; 2]> = None;
        for (index, &axis) in axes.iter().enumerate() {
            let (size, dim) = (sizes.size(index)?, dim_at(&from, axis)?);
            sizes.require(size.max(dim) <= MAX_SIZE, "hold sizes up to 2^30")?;
            found.dims[axis] = size;
            found.scales[axis] = [size as u32, dim as u32];
            let own = [size as u64, dim as u64];
            shared = Some(shared.map_or(own, |other| {
                let is_smaller = own[0] * other[1] < other[0] * own[1];
                if is_smaller == (ratio == AspectRatio::NotLarger) { own } else { other }
            }));
        }
        if ratio == AspectRatio::Stretch {
            return Ok(found);
        }
        for &axis in axes {
            let [up, down] = shared.unwrap_or([1, 1]);
            // ⌊scale · dim + ½⌋
            let size = (2 * up * from[axis] as u64 + down).checked_div(2 * down).unwrap_or(0);
            sizes.require(size <= MAX_SIZE as u64, "hold sizes up to 2^30")?;
            found.dims[axis] = size as usize;
            found.scales[axis] = [up as u32, down as u32];
        }
        Ok(found)
    }

    /// The target of a tensor with these dims: `scales[i]` is the ratio of output to input along `axes[i]`. `tensor` is the
    /// name of the scales in the model.
    ///
    /// # Errors
    ///
    /// If `scales` does not have one number for every axis, a scale is not between 10⁻⁷ and 10⁷, or a size is above 2³⁰.
    pub fn by_scales(
        from: [usize; R],
        axes: &[usize],
        tensor: &'static str,
        scales: View<'_, f32, 1>,
    ) -> Result<Self> {
        let scales = scales.as_slice()?;
        require(scales.len() == axes.len(), tensor, "have one number for every axis")?;
        let mut found = Self::unchanged(from);
        for (&axis, &scale) in axes.iter().zip(scales) {
            let dim = dim_at(&from, axis)?;
            require(scale > SMALLEST && scale < 1.0 / SMALLEST, tensor, "hold numbers between 1e-7 and 1e7")?;
            let size = dim as f32 * scale;
            require(dim <= MAX_SIZE && size <= MAX_SIZE as f32, tensor, "not lead to sizes above 2^30")?;
            found.dims[axis] = size as usize;
            found.scales[axis] = ratio(scale, dim as u32);
        }
        Ok(found)
    }

    /// Resizes only a region, which is given by the starts of all `axes`, then their ends, as fractions of the input.
    /// Elements outside of the input are `outside`.
    ///
    /// # Errors
    ///
    /// If `region` does not have two numbers for every axis.
    pub fn within(
        mut self,
        axes: &[usize],
        tensor: &'static str,
        region: View<'_, f32, 1>,
        outside: f32,
    ) -> Result<Self> {
        let region = region.as_slice()?;
        require(region.len() == 2 * axes.len(), tensor, "have two numbers for every axis")?;
        let (starts, ends) = region.split_at(axes.len());
        for ((&axis, &start), &end) in axes.iter().zip(starts).zip(ends) {
            dim_at(&self.from, axis)?;
            self.regions[axis] = Some(Coordinates::Crop { start, end, outside });
        }
        Ok(self)
    }

    /// The dims of the result.
    #[must_use]
    pub fn dims(&self) -> [usize; R] {
        self.dims
    }

    /// Resizes x to y along the axes that change, as `resize` says.
    ///
    /// # Errors
    ///
    /// As [`Resize::run`].
    pub fn run<'y, const N: usize>(
        &self,
        cx: &mut Context<'_>,
        resize: &Resize<N>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (from, to) = (x.dims(), y.dims());
        require(from == self.from, "x", "have the dims that the target was computed for")?;
        require(to == self.dims, "y", "have the dims of the result")?;
        let (mut own, mut active, mut count) = (*resize, [0; N], 0);
        let mut scales = [[1, 1]; N];
        for (index, &axis) in resize.axes.iter().enumerate() {
            dim_at(&from, axis)?;
            scales[index] = self.scales[axis];
            if let Some(region) = self.regions[axis] {
                own.coordinates[index] = region;
            }
            let whole =
                matches!(self.regions[axis], None | Some(Coordinates::Crop { start: 0.0, end: 1.0, .. }));
            let [up, down] = self.scales[axis];
            if from[axis] != to[axis] || up != down || !whole {
                active[count] = index;
                count += 1;
            }
        }
        own.scales = Some(scales);
        own.compute(cx, &active[..count], (&from, &to), x.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn unchanged(from: [usize; R]) -> Self {
        Self { dims: from, scales: [[1, 1]; R], regions: [None; R], from }
    }
}

/// The smallest scale, and the reciprocal of the largest.
const SMALLEST: f32 = 1e-7;

fn dim_at(dims: &[usize], axis: usize) -> Result<usize> {
    dims.get(axis).copied().ok_or(Error::Dims { what: "axes", must: "be axes of x" })
}

/// The ratio of sizes that the scale was rounded from: its denominator is the `size` if such a ratio rounds to the scale,
/// otherwise it is the simplest fraction that does.
fn ratio(scale: f32, size: u32) -> [u32; 2] {
    // Adding and subtracting 1.5 · 2⁵² rounds to the nearest integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let whole = (f64::from(scale) * f64::from(size) + ROUND) - ROUND;
    if whole > 0.0 && (whole / f64::from(size)) as f32 == scale {
        return [whole as u32, size];
    }
    // Twice the scale and its neighbors, in units of 2⁻⁵⁰, of which every float above 10⁻⁷ is a multiple.
    let units = |number: f32| (f64::from(number) * (1_u64 << 50) as f64) as u128;
    let bound = |neighbor: f32| [units(scale) + units(neighbor), 1 << 51];
    let found = simplest(bound(scale.next_down()), bound(scale.next_up()));
    found.map(|term| u32::try_from(term).unwrap_or(u32::MAX))
}

/// The fraction with the smallest denominator between `low` and `high`, which are positive, from their continued fractions.
fn simplest(low: [u128; 2], high: [u128; 2]) -> [u128; 2] {
    let whole = low[0].div_ceil(low[1]);
    if whole * high[1] <= high[0] {
        return [whole, 1];
    }
    let below = whole - 1;
    let rest = |bound: [u128; 2]| [bound[1], bound[0] - below * bound[1]];
    let [up, down] = simplest(rest(high), rest(low));
    [below * up + down, up]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_that_were_rounded() {
        for (scale, size, expected) in [
            (2.0, 4, [8, 4]),
            (7.0 / 3.0, 3, [7, 3]),
            (0.6, 4, [3, 5]),
            (1.0 / 3.0, 7, [1, 3]),
            (2.3, 5, [23, 10]),
            (1.0, 9, [9, 9]),
            (0.3, 0, [3, 10]),
        ] {
            assert_eq!(ratio(scale, size), expected, "{scale} of {size}");
        }
        for scale in [1.1e-7_f32, 3.3e-5, 0.1, 0.777, 1.5, 12345.678, 9.9e6] {
            let [up, down] = ratio(scale, 11);
            assert_eq!((f64::from(up) / f64::from(down)) as f32, scale, "{scale}");
        }
    }

    #[test]
    fn sizes_keep_the_aspect_ratio() {
        let sizes = Integers::read("sizes", View::new(&[7i64, 8], [2]).unwrap()).unwrap();
        let dims =
            |ratio| ResizeTarget::by_sizes([1, 2, 4], &[1, 2], &sizes, ratio).map(|target| target.dims());
        assert_eq!(dims(AspectRatio::Stretch), Ok([1, 7, 8]));
        assert_eq!(dims(AspectRatio::NotLarger), Ok([1, 4, 8]));
        assert_eq!(dims(AspectRatio::NotSmaller), Ok([1, 7, 14]));
        assert!(ResizeTarget::by_sizes([1, 2, 4], &[1], &sizes, AspectRatio::Stretch).is_err());
        assert!(ResizeTarget::by_sizes([1, 2, 4], &[1, 3], &sizes, AspectRatio::Stretch).is_err());
        assert!(ResizeTarget::by_sizes([1, 0, 0], &[1, 2], &sizes, AspectRatio::NotLarger).is_ok());
        for numbers in [[-1, 2], [2, i64::MAX]] {
            let sizes = Integers::read("sizes", View::new(&numbers, [2]).unwrap()).unwrap();
            for ratio in [AspectRatio::Stretch, AspectRatio::NotLarger, AspectRatio::NotSmaller] {
                assert!(ResizeTarget::by_sizes([1, 2, 4], &[1, 2], &sizes, ratio).is_err(), "{numbers:?}");
            }
        }
    }

    #[test]
    fn scales_are_checked() {
        let dims = |scale: f32| {
            let target = ResizeTarget::by_scales([3], &[0], "scales", View::new(&[scale], [1])?)?;
            Ok::<_, Error>(target.dims())
        };
        assert_eq!([dims(2.5), dims(0.1), dims(1.0)], [Ok([7]), Ok([0]), Ok([3])]);
        for scale in [0.0, -1.0, 1e-8, 1e8, f32::NAN, f32::INFINITY] {
            assert!(dims(scale).is_err(), "{scale}");
        }
        let many = View::new(&[1.0, 1.0], [2]).unwrap();
        assert!(ResizeTarget::by_scales([3], &[0], "scales", many).is_err());
        assert!(ResizeTarget::by_scales([1 << 30], &[0], "scales", View::new(&[2.0], [1]).unwrap()).is_err());
    }
}
