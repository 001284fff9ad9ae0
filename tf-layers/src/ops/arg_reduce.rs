//! Where along an axis the greatest or the least element is (ONNX's `ArgMax` and `ArgMin`).

use super::reduce::split;
use super::top_k::before;
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Scalar, View, ViewMut};

/// Where along an axis the greatest element is. A NaN counts as the greatest.
///
/// ```
/// use tf_layers::ops::ArgMax;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 3.0, 2.0, 9.0, 0.0, 9.0], [2, 3])?;
/// let mut y = [0; 2];
/// let y = ArgMax { axis: 1, select_last_index: false }.run(cx, x, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [1, 0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgMax {
    /// The axis that is searched.
    pub axis: usize,
    /// Whether the last of several that are equal counts, or else the first.
    pub select_last_index: bool,
}

/// Where along an axis the least element is. A NaN counts as the least.
///
/// ```
/// use tf_layers::ops::ArgMin;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1i64, 3, 1], [3])?;
/// let mut y = [0];
/// let y = ArgMin { axis: 0, select_last_index: true }.run(cx, x, ViewMut::new(&mut y, [])?)?;
/// assert_eq!(y.as_slice()?, [2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgMin {
    /// The axis that is searched.
    pub axis: usize,
    /// Whether the last of several that are equal counts, or else the first.
    pub select_last_index: bool,
}

impl ArgMax {
    /// y has the dims of x without the axis, or with 1 in its place. An error if there is nothing along the axis.
    pub fn run<'y, T: Scalar, const A: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, A>,
        y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        Extreme { greatest: true, last: self.select_last_index }.along(self.axis, x, y)
    }
}

impl ArgMin {
    /// y has the dims of x without the axis, or with 1 in its place. An error if there is nothing along the axis.
    pub fn run<'y, T: Scalar, const A: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, A>,
        y: ViewMut<'y, i64, R>,
    ) -> Result<View<'y, i64, R>> {
        Extreme { greatest: false, last: self.select_last_index }.along(self.axis, x, y)
    }
}

/// Which element of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme {
    /// The greatest, or else the least.
    pub greatest: bool,
    /// The last of several that are equal, or else the first.
    pub last: bool,
}

impl Extreme {
    fn along<'y, T: Scalar, const A: usize, const R: usize>(
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
    fn search<T: Scalar>(self, [_, axis, inner]: [usize; 3], x: &[T], y: &mut [i64]) -> Result<()> {
        require(axis > 0 || y.is_empty(), "axis", "have elements")?;
        for (i, y) in y.iter_mut().enumerate() {
            *y = self.find(lane(x, i, axis, inner)) as i64;
        }
        Ok(())
    }

    pub(super) fn find<T: Scalar>(self, mut lane: impl Iterator<Item = T>) -> usize {
        let Some(mut best) = lane.next() else { return 0 };
        let mut place = 0;
        for (i, x) in lane.enumerate() {
            if before(self.greatest, x, best) || self.last && !before(self.greatest, best, x) {
                (best, place) = (x, i + 1);
            }
        }
        place
    }
}

/// The elements along the axis for element `i` of the `[outer, inner]` others.
pub(super) fn lane<T: Copy>(x: &[T], i: usize, axis: usize, inner: usize) -> impl Iterator<Item = T> {
    let start = i / inner * axis * inner + i % inner;
    (0..axis).map(move |j| x[start + j * inner])
}
