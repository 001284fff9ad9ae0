//! Pad.

use super::Integers;
use crate::Context;
use crate::checked::{self, axis_index, copy, element, part_mut, split_mut};
use crate::dims::sum;
use crate::error::{Error, Result, require};
use crate::tensor::{MAX_RANK, Shape, View, ViewMut};

/// The values of the padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PadMode<T> {
    /// This value.
    Constant(T),
    /// The nearest element of the border: `a a | a b c | c c`.
    Edge,
    /// Reflection without repeating the border: `c b | a b c | b a`.
    Reflect,
    /// Periodic continuation: `b c | a b c | a b`.
    Wrap,
}

impl<T> PadMode<T> {
    /// The index of the element at a position relative to the first element; `None` for the constant.
    #[inline]
    fn source(&self, at: isize, size: usize) -> Option<usize> {
        let last = size as isize - 1;
        match self {
            _ if (0..=last).contains(&at) => Some(at as usize),
            Self::Constant(_) => None,
            _ if last < 0 => None,
            Self::Edge => Some(at.clamp(0, last) as usize),
            Self::Wrap => at.checked_rem_euclid(size as isize).map(|at| at as usize),
            Self::Reflect if last == 0 => Some(0),
            Self::Reflect => {
                let folded = at.checked_rem_euclid(2 * last)?;
                Some(folded.min(2 * last - folded) as usize)
            }
        }
    }
}

/// Copies x to y, `before[i]` elements from the start of axis i, and fills the rest of y according to `mode`.
///
/// ```
/// use tf_layers::ops::{PadMode, pad};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0; 5];
/// let y = pad(cx, [1], PadMode::Reflect, View::new(&[1, 2, 3], [3])?, ViewMut::new(&mut y, [5])?)?;
/// assert_eq!(y.as_slice()?, [2, 1, 2, 3, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y is too small, has more than 8 dims, or the mode needs an element of an empty x.
pub fn pad<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    before: [usize; R],
    mode: PadMode<T>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let (x_dims, y_dims) = (x.dims(), y.dims());
    let part = Part { starts: &[0; R], sizes: &x_dims };
    surround(&before, mode, (x.as_slice()?, &x_dims), part, (y.as_mut_slice()?, &y_dims))?;
    Ok(y.into_view())
}

/// What a Pad adds to every axis or removes from it, if it is known only when the model runs. Elements are removed before
/// others are added.
///
/// ```
/// use tf_layers::ops::{Integers, PadMode, Padding};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3], [3])?;
/// let padding = Padding::new(x.dims(), &Integers::read("pads", View::new(&[-1i64, 2], [2])?)?, None)?;
/// let mut y = [0; 4];
/// let y = padding.run(cx, PadMode::Edge, x, ViewMut::new(&mut y, padding.dims())?)?;
/// assert_eq!(y.as_slice()?, [2, 3, 3, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding<const R: usize> {
    starts: [usize; R],
    sizes: [usize; R],
    before: [usize; R],
    dims: [usize; R],
}

impl<const R: usize> Padding<R> {
    /// Reads the `pads` of a tensor with these `dims`: first those before the `axes`, by default all axes, then those
    /// after them. Negative ones remove elements.
    ///
    /// # Errors
    ///
    /// If there are not two pads for every axis, an axis does not exist or is named twice, more elements are removed than
    /// there are, or a dim overflows.
    pub fn new(dims: [usize; R], pads: &Integers, axes: Option<&Integers>) -> Result<Self> {
        let mut found = Self { starts: [0; R], sizes: dims, before: [0; R], dims };
        let named = axes.map(|axes| axes.axes(R)).transpose()?;
        let count = axes.map_or(R, |axes| axes.as_slice().len());
        pads.require(pads.as_slice().len() == 2 * count, "have two elements for every axis")?;
        let (before, after) = pads.as_slice().split_at(count);
        for (index, (&before, &after)) in before.iter().zip(after).enumerate() {
            let axis = named.map_or(index, |named| named[index]);
            let size = |pad: i64| usize::try_from(pad.max(0)).map_err(|_| Error::Overflow);
            let cut = |pad: i64| size(pad.saturating_neg());
            let kept =
                dims[axis].checked_sub(cut(before)?).and_then(|kept| kept.checked_sub(cut(after).ok()?));
            found.sizes[axis] =
                kept.ok_or_else(|| pads.error("not remove more elements than the axis has"))?;
            found.starts[axis] = cut(before)?;
            found.before[axis] = size(before)?;
            found.dims[axis] = sum(&[found.sizes[axis], size(before)?, size(after)?])?;
        }
        Ok(found)
    }

    /// The dims of the result.
    #[must_use]
    pub fn dims(&self) -> [usize; R] {
        self.dims
    }

    /// Writes the padded x to y.
    ///
    /// # Errors
    ///
    /// As [`pad`].
    pub fn run<'y, T: Copy>(
        &self,
        _: &mut Context<'_>,
        mode: PadMode<T>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let (x_dims, y_dims) = (x.dims(), y.dims());
        let part = Part { starts: &self.starts, sizes: &self.sizes };
        surround(&self.before, mode, (x.as_slice()?, &x_dims), part, (y.as_mut_slice()?, &y_dims))?;
        Ok(y.into_view())
    }
}

/// The part of a tensor that is padded.
#[derive(Clone, Copy)]
struct Part<'a> {
    starts: &'a [usize],
    sizes: &'a [usize],
}

/// [`pad`] for a part of x, for slices with their dims.
fn surround<T: Copy>(
    before: &[usize],
    mode: PadMode<T>,
    (x, dims): (&[T], &[usize]),
    part: Part<'_>,
    (y, y_dims): (&mut [T], &[usize]),
) -> Result<()> {
    let rank = Shape::new(dims)?.len();
    let of = |sizes: &[usize], axis| element(sizes, axis).copied().unwrap_or_default();
    for axis in 0..rank {
        let (size, to) = (of(part.sizes, axis), of(y_dims, axis));
        let inside = of(part.starts, axis).checked_add(size).is_some_and(|end| end <= of(dims, axis));
        require(inside, "x", "have the dims that the padding was computed for")?;
        let room = to.checked_sub(size).is_some_and(|room| of(before, axis) <= room);
        require(room && isize::try_from(to).is_ok(), "y", "have room for x and the padding before it")?;
    }
    let filler = match mode {
        PadMode::Constant(value) => Some(value),
        _ => x.first().copied().filter(|_| !part.sizes.contains(&0)),
    };
    let Some(filler) = filler else {
        return require(y.is_empty(), "x", "not be empty, because the mode repeats its elements");
    };
    // If only the last axis is padded, the lines of x follow each other in y. Without an allocator, code must be small.
    if cfg!(feature = "alloc")
        && let Some(inner) = rank.checked_sub(1)
        && matches!(mode, PadMode::Constant(_))
        && of(dims, inner) > 0
        && (0..inner).all(|axis| of(part.sizes, axis) == of(dims, axis) && of(dims, axis) == of(y_dims, axis))
    {
        let [start, size] = [of(part.starts, inner), of(part.sizes, inner)];
        let before = of(before, inner);
        let lines = y.chunks_exact_mut(of(y_dims, inner).max(1));
        for (y, x) in lines.zip(x.chunks_exact(of(dims, inner).max(1))) {
            let (padding, y) = split_mut(y, before);
            padding.fill(filler);
            let (y, padding) = split_mut(y, size);
            copy(y, checked::part(x, start..start + size));
            padding.fill(filler);
        }
        return Ok(());
    }
    y.fill(filler);
    let Some(inner) = rank.checked_sub(1) else {
        copy(y, x);
        return Ok(());
    };
    if y.is_empty() || part.sizes.contains(&0) {
        return Ok(());
    }
    let (size, start) = (of(part.sizes, inner), of(before, inner));
    let mut at = [0usize; MAX_RANK];
    for y in y.chunks_exact_mut(of(y_dims, inner).max(1)) {
        let mut line = Some(0);
        for axis in 0..inner {
            let place = at[axis_index(axis)] as isize - of(before, axis) as isize;
            let source = mode.source(place, of(part.sizes, axis));
            line =
                line.zip(source).map(|(line, source)| line * of(dims, axis) + of(part.starts, axis) + source);
        }
        if let Some(line) = line {
            let first = line * of(dims, inner) + of(part.starts, inner);
            let x = checked::part(x, first..first + size);
            copy(part_mut(y, start..start + size), x);
            if !matches!(mode, PadMode::Constant(_)) {
                for i in (0..start).chain(start + size..y.len()) {
                    let source = mode.source(i as isize - start as isize, size);
                    if let Some(&x) = source.and_then(|source| element(x, source))
                        && let Some(y) = y.get_mut(i)
                    {
                        *y = x;
                    }
                }
            }
        }
        for axis in (0..inner).rev() {
            let at = &mut at[axis_index(axis)];
            *at += 1;
            if *at < of(y_dims, axis) {
                break;
            }
            *at = 0;
        }
    }
    Ok(())
}
