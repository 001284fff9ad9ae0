//! `ArgMax` and `ArgMin`: the index of the maximum or minimum along an axis.

use super::reduce::split;
use super::top_k::before;
use crate::Context;
use crate::checked::element;
use crate::error::{Result, require};
use crate::tensor::{Number, View, ViewMut};

/// The index of the maximum along an axis. A NaN counts as the maximum.
///
/// ```
/// use tf_layers::ops::ArgMax;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 3.0, 2.0, 9.0, 0.0, 9.0], [2, 3])?;
/// let mut y = [0; 2];
/// let y = ArgMax::new(1).run(cx, x, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [1, 0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgMax {
    /// The axis to search.
    pub axis: usize,
    /// Of several equal maxima, select the last instead of the first.
    pub select_last_index: bool,
}

/// The index of the minimum along an axis. A NaN counts as the minimum.
///
/// ```
/// use tf_layers::ops::ArgMin;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1i64, 3, 1], [3])?;
/// let mut y = [0];
/// let last = ArgMin { select_last_index: true, ..ArgMin::new(0) };
/// let y = last.run(cx, x, ViewMut::new(&mut y, [])?)?;
/// assert_eq!(y.as_slice()?, [2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgMin {
    /// The axis to search.
    pub axis: usize,
    /// Of several equal minima, select the last instead of the first.
    pub select_last_index: bool,
}

impl ArgMax {
    /// Searches `axis`; selects the first of several equal maxima.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        Self { axis, select_last_index: false }
    }

    /// Writes indices to y, which has the dims of x without the axis, or with a 1 in its place.
    ///
    /// # Errors
    ///
    /// If y has other dims, x has no such axis, or the axis is empty and y is not.
    pub fn run<'y, T: Number, const A: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, A>,
        y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        ArgReduce { greatest: true, last: self.select_last_index }.along(self.axis, x, y)
    }
}

impl ArgMin {
    /// Searches `axis`; selects the first of several equal minima.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        Self { axis, select_last_index: false }
    }

    /// Writes indices to y, which has the dims of x without the axis, or with a 1 in its place.
    ///
    /// # Errors
    ///
    /// If y has other dims, x has no such axis, or the axis is empty and y is not.
    pub fn run<'y, T: Number, const A: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, A>,
        y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        ArgReduce { greatest: false, last: self.select_last_index }.along(self.axis, x, y)
    }
}

/// The index of an extremum among several elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArgReduce {
    /// Select the maximum instead of the minimum.
    pub greatest: bool,
    /// Of several equal elements, select the last instead of the first.
    pub last: bool,
}

impl ArgReduce {
    fn along<'y, T: Number, const A: usize, const R: usize>(
        self,
        axis: usize,
        x: View<'_, T, A>,
        mut y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        let dims = split(axis..axis.saturating_add(1), &x.dims(), &y.dims())?;
        self.search(dims, x.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// From x `[outer, axis, inner]` to y `[outer, inner]`.
    fn search<T: Number>(self, [_, axis, inner]: [usize; 3], x: &[T], y: &mut [i64]) -> Result<()> {
        require(axis > 0 || y.is_empty(), "axis", "have elements")?;
        for (i, y) in y.iter_mut().enumerate() {
            *y = self.find(lane(x, i, axis, inner)) as i64;
        }
        Ok(())
    }

    pub(super) fn find<T: Number>(self, mut lane: impl Iterator<Item = T>) -> usize {
        let Some(mut best) = lane.next() else { return 0 };
        let mut index = 0;
        for (i, x) in lane.enumerate() {
            if before(self.greatest, x, best) || self.last && !before(self.greatest, best, x) {
                (best, index) = (x, i + 1);
            }
        }
        index
    }
}

/// The elements of x `[outer, axis, inner]` along the axis, at position `i` of `[outer, inner]`.
pub(super) fn lane<T: Copy>(x: &[T], i: usize, axis: usize, inner: usize) -> impl Iterator<Item = T> {
    let inner = inner.max(1);
    let start = i / inner * axis * inner + i % inner;
    (0..axis).filter_map(move |j| element(x, start + j * inner)).copied()
}
