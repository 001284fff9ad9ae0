//! The greatest elements along an axis, in order.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Number, View, ViewMut, around};

/// Whether `a` comes before `b` among the greatest, or among the least; NaN is beyond all numbers both ways.
pub(super) fn before<T: Number>(greatest: bool, a: T, b: T) -> bool {
    // Nothing but a NaN differs from itself.
    #[allow(clippy::eq_op)]
    let (a_nan, b_nan) = (a != a, b != b);
    if a_nan || b_nan {
        a_nan && !b_nan
    } else if greatest {
        a > b
    } else {
        a < b
    }
}

/// The same with NaN greater than all numbers, as where elements are sorted.
fn sorted_before<T: Number>(greatest: bool, a: T, b: T) -> bool {
    #[allow(clippy::eq_op)]
    let (a_nan, b_nan) = (a != a, b != b);
    if greatest || !(a_nan || b_nan) { before(greatest, a, b) } else { b_nan && !a_nan }
}

/// The greatest elements along an axis, or the least if not `largest`, and where they are, the foremost first.
///
/// `values` and `indices` have the dims of x, but for the axis as many elements as are asked for. Of equal elements the
/// first ones count; NaN is greater than any number.
///
/// ```
/// use tf_layers::ops::top_k;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[3.0, 1.0, 2.0, 5.0], [4])?;
/// let (mut values, mut indices) = ([0.0; 2], [0; 2]);
/// let (values, indices) = (ViewMut::new(&mut values, [2])?, ViewMut::new(&mut indices, [2])?);
/// let (values, indices) = top_k(cx, 0, true, x, values, indices)?;
/// assert_eq!((values.as_slice()?, indices.as_slice()?), (&[5.0, 3.0][..], &[3, 0][..]));
/// # Ok::<(), tf_layers::Error>(())
/// ```
pub fn top_k<'y, T: Number, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    largest: bool,
    x: View<'_, T, R>,
    mut values: ViewMut<'y, T, R>,
    mut indices: ViewMut<'y, i64, R>,
) -> Result<(View<'y, T, R>, View<'y, i64, R>)> {
    let mut expected = x.dims();
    let dims = around(&expected, axis, 1)?;
    let k = values.dims()[axis];
    require(k <= dims[1], "k", "be no more than the axis has elements")?;
    expected[axis] = k;
    require(expected == values.dims(), "values", "have the dims of x but for the axis")?;
    require(expected == indices.dims(), "indices", "have the dims of the values")?;
    sort(dims, k, largest, x.as_slice()?, values.as_mut_slice()?, indices.as_mut_slice()?);
    Ok((values.into_view(), indices.into_view()))
}

/// From x `[outer, axis, inner]` to both results `[outer, k, inner]`.
fn sort<T: Number>(
    [outer, axis, inner]: [usize; 3],
    k: usize,
    greatest: bool,
    x: &[T],
    values: &mut [T],
    indices: &mut [i64],
) {
    if values.is_empty() {
        return;
    }
    for i in 0..outer * inner {
        let start = i / inner * axis * inner + i % inner;
        let mut heap = Heap {
            at: |j: i64| x[start + j as usize * inner],
            greatest,
            places: indices,
            first: i / inner * k * inner + i % inner,
            step: inner,
        };
        for j in 0..axis {
            heap.offer(j, k);
        }
        heap.sort(k);
        for j in 0..k {
            let place = (i / inner * k + j) * inner + i % inner;
            values[place] = x[start + indices[place] as usize * inner];
        }
    }
}

/// The foremost elements so far, as a heap with the hindmost of them on top, in the memory of the result.
struct Heap<'a, T, F: Fn(i64) -> T> {
    at: F,
    greatest: bool,
    places: &'a mut [i64],
    first: usize,
    step: usize,
}

impl<T: Number, F: Fn(i64) -> T> Heap<'_, T, F> {
    fn get(&mut self, i: usize) -> &mut i64 {
        &mut self.places[self.first + i * self.step]
    }

    fn swap(&mut self, i: usize, j: usize) {
        self.places.swap(self.first + i * self.step, self.first + j * self.step);
    }

    /// Whether element `a` comes before element `b`: by its value or, of equal ones, by its place.
    fn sorted_before(&self, a: i64, b: i64) -> bool {
        let (x, y) = ((self.at)(a), (self.at)(b));
        sorted_before(self.greatest, x, y) || (a < b && !sorted_before(self.greatest, y, x))
    }

    /// Takes in element `j`, of those from 0 on in their order, if it is one of the `k` foremost.
    fn offer(&mut self, j: usize, k: usize) {
        if j < k {
            *self.get(j) = j as i64;
            let mut child = j;
            while child > 0 {
                let parent = (child - 1) / 2;
                let (a, b) = (*self.get(parent), *self.get(child));
                if !self.sorted_before(a, b) {
                    break;
                }
                self.swap(parent, child);
                child = parent;
            }
        } else {
            let hindmost = *self.get(0);
            if self.sorted_before(j as i64, hindmost) {
                *self.get(0) = j as i64;
                self.sink(k);
            }
        }
    }

    /// Brings the top of a heap of `size` to where it belongs.
    fn sink(&mut self, size: usize) {
        let mut parent = 0;
        while 2 * parent + 1 < size {
            let mut child = 2 * parent + 1;
            if child + 1 < size {
                let (a, b) = (*self.get(child), *self.get(child + 1));
                child += usize::from(self.sorted_before(a, b));
            }
            let (a, b) = (*self.get(parent), *self.get(child));
            if !self.sorted_before(a, b) {
                break;
            }
            self.swap(parent, child);
            parent = child;
        }
    }

    /// Puts the heap of `k` in order, the foremost first.
    fn sort(&mut self, k: usize) {
        for size in (1..k).rev() {
            self.swap(0, size);
            self.sink(size);
        }
    }
}
