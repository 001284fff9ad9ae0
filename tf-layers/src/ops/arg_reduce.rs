//! Where along an axis the greatest or the least element is (ONNX's `ArgMax` and `ArgMin`).

use super::top_k::before;
use crate::error::{Result, check_len, require};
use crate::tensor::{Scalar, len};

/// Where along an axis the greatest or the least element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extreme {
    /// The greatest, or else the least.
    pub greatest: bool,
    /// The last of several that are equal, or else the first.
    pub last: bool,
}

impl Extreme {
    /// From x `[outer, axis, inner]` to y `[outer, inner]`. A NaN counts as the extreme.
    pub fn run<T: Scalar>(self, dims: [usize; 3], x: &[T], y: &mut [i64]) -> Result<()> {
        let [outer, axis, inner] = dims;
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", len(&[outer, inner])?, y.len())?;
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
