//! Slice with bounds that are known only when the model runs.

use super::{Integers, slice};
use crate::Context;
use crate::error::{Error, Result};
use crate::tensor::{View, ViewMut};

/// What a Slice reads from every axis: the bounds, resolved and clamped to the axis.
///
/// ```
/// use tf_layers::ops::{Integers, SliceRanges};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let [starts, ends, axes] = [[-2i64], [9], [1]];
/// let ranges = SliceRanges::new(
///     x.dims(),
///     &Integers::read("starts", View::new(&starts, [1])?)?,
///     &Integers::read("ends", View::new(&ends, [1])?)?,
///     Some(&Integers::read("axes", View::new(&axes, [1])?)?),
///     None,
/// )?;
/// let mut y = [0; 4];
/// let y = ranges.run(cx, x, ViewMut::new(&mut y, ranges.dims())?)?;
/// assert_eq!(y.as_slice()?, [2, 3, 5, 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceRanges<const R: usize> {
    starts: [usize; R],
    steps: [isize; R],
    dims: [usize; R],
}

impl<const R: usize> SliceRanges<R> {
    /// Resolves the bounds for a tensor with these `dims`. Without `axes`, the bounds are those of the first axes; without
    /// `steps`, every step is 1.
    ///
    /// # Errors
    ///
    /// If the lists differ in length, an axis does not exist or is named twice, or a step is 0.
    pub fn new(
        dims: [usize; R],
        starts: &Integers,
        ends: &Integers,
        axes: Option<&Integers>,
        steps: Option<&Integers>,
    ) -> Result<Self> {
        let mut found = Self { starts: [0; R], steps: [1; R], dims };
        let count = starts.as_slice().len();
        for other in [Some(ends), axes, steps].into_iter().flatten() {
            other.require(other.as_slice().len() == count, "have as many elements as the starts")?;
        }
        starts.require(count <= R, "have at most one element for every axis")?;
        let named = axes.map(|axes| axes.axes(R)).transpose()?;
        for index in 0..count {
            let axis = named.map_or(index, |named| named[index]);
            let step = steps.map_or(1, |steps| steps.as_slice()[index]);
            if let Some(steps) = steps {
                steps.require(step != 0, "not hold 0")?;
            }
            let (start, len) = range(dims[axis], starts.as_slice()[index], ends.as_slice()[index], step)?;
            found.starts[axis] = start;
            // A step that does not fit is longer than the axis, and no second element is read.
            found.steps[axis] = isize::try_from(step).unwrap_or(1);
            found.dims[axis] = len;
        }
        Ok(found)
    }

    /// The dims of the result.
    #[must_use]
    pub fn dims(&self) -> [usize; R] {
        self.dims
    }

    /// Reads the elements from x.
    ///
    /// # Errors
    ///
    /// As [`slice()`].
    pub fn run<'y, T: Copy>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, T, R>,
        y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        slice(cx, self.starts, self.steps, x, y)
    }
}

/// The first element and the number of elements that are read from an axis of this size.
fn range(size: usize, start: i64, end: i64, step: i64) -> Result<(usize, usize)> {
    let size = i64::try_from(size).map_err(|_| Error::Overflow)?;
    if size == 0 {
        return Ok((0, 0));
    }
    let from_end = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    let [start, end] = [from_end(start), from_end(end)];
    let (start, span) = if step > 0 {
        let start = start.clamp(0, size);
        (start, end.clamp(0, size) - start)
    } else {
        let start = start.clamp(0, size - 1);
        (start, start - end.clamp(-1, size - 1))
    };
    let len = u64::try_from(span).map_or(0, |span| span.div_ceil(step.unsigned_abs()));
    let fits = |number: u64| usize::try_from(number).map_err(|_| Error::Overflow);
    Ok(if len == 0 { (0, 0) } else { (fits(start.unsigned_abs())?, fits(len)?) })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// The positions that Python's `range(size)[start:end:step]` has.
    fn check(size: usize, start: i64, end: i64, step: i64, expected: &[i64]) {
        let (first, len) = range(size, start, end, step).unwrap();
        let found: Vec<i64> = (0..len as i64).map(|i| first as i64 + i * step).collect();
        assert_eq!(found, expected, "{size}: {start}:{end}:{step}");
    }

    #[test]
    fn bounds_are_clamped() {
        check(5, 1, 4, 1, &[1, 2, 3]);
        check(5, -3, -1, 1, &[2, 3]);
        check(5, -9, 9, 2, &[0, 2, 4]);
        check(5, 3, 3, 1, &[]);
        check(5, 4, 2, 1, &[]);
        check(5, 7, 9, 1, &[]);
        check(5, i64::MIN, i64::MAX, i64::MAX, &[0]);
        check(5, -1, -9, -1, &[4, 3, 2, 1, 0]);
        check(5, i64::MAX, i64::MIN, -2, &[4, 2, 0]);
        check(5, 3, 0, -2, &[3, 1]);
        check(5, 0, 3, -1, &[]);
        check(5, i64::MAX, i64::MIN, i64::MIN, &[4]);
        check(0, 0, 9, 1, &[]);
        check(0, -1, -9, -1, &[]);
        // A start before the first element is clamped to it, as ONNX says; NumPy's slice would be empty.
        check(5, -9, -7, -1, &[0]);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let read =
            |numbers: &[i64]| Integers::read("n", View::new(numbers, [numbers.len()]).unwrap()).unwrap();
        let ranges = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
            SliceRanges::new([4, 5], &read(starts), &read(ends), Some(&read(axes)), Some(&read(steps)))
        };
        assert_eq!(ranges(&[1, 0], &[9, 2], &[-1, 0], &[2, 1]).unwrap().dims(), [2, 2]);
        for (starts, ends, axes, steps) in [
            (&[0][..], &[1][..], &[2][..], &[1][..]),
            (&[0], &[1], &[-3], &[1]),
            (&[0], &[1], &[0], &[0]),
            (&[0, 0], &[1, 1], &[1, -1], &[1, 1]),
            (&[0, 0], &[1], &[0, 1], &[1, 1]),
            (&[0, 0], &[1, 1], &[0], &[1, 1]),
            (&[0, 0, 0], &[1, 1, 1], &[0, 1, 0], &[1, 1, 1]),
        ] {
            assert!(ranges(starts, ends, axes, steps).is_err(), "{starts:?} {ends:?} {axes:?} {steps:?}");
        }
    }
}
