//! `TopK`: the largest or smallest elements along an axis, sorted.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Number, View, ViewMut, around};

/// Whether `a` precedes `b` in descending order, or in ascending order; a NaN precedes all numbers in both.
pub(super) fn before<T: Number>(greatest: bool, a: T, b: T) -> bool {
    // Only a NaN differs from itself.
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

/// Like [`before`], but NaN is greater than all numbers in both orders, as in a sort.
fn sorted_before<T: Number>(greatest: bool, a: T, b: T) -> bool {
    #[allow(clippy::eq_op)]
    let (a_nan, b_nan) = (a != a, b != b);
    if greatest || !(a_nan || b_nan) { before(greatest, a, b) } else { b_nan && !a_nan }
}

/// The largest elements along an axis, or the smallest unless `largest`, with their indices, in sorted order.
///
/// `values` and `indices` have the dims of x, but k elements along the axis. Of equal elements, those with lower indices
/// come first. NaN is greater than any number.
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
///
/// # Errors
///
/// If x has no such axis, k exceeds it, or the dims do not match.
pub fn top_k<'v, 'i, T: Number, const R: usize>(
    _: &mut Context<'_>,
    axis: usize,
    largest: bool,
    x: View<'_, T, R>,
    mut values: ViewMut<'v, T, R>,
    mut indices: ViewMut<'i, i64, R>,
) -> Result<(View<'v, T, R>, View<'i, i64, R>)> {
    let mut expected = x.dims();
    let dims = around(&expected, axis, 1)?;
    let k = values.dims()[axis];
    require(k <= dims[1], "k", "not exceed the size of the axis")?;
    expected[axis] = k;
    require(expected == values.dims(), "values", "have the dims of x except along the axis")?;
    require(expected == indices.dims(), "indices", "have the dims of the values")?;
    sort(dims, k, largest, x.as_slice()?, values.as_mut_slice()?, indices.as_mut_slice()?);
    Ok((values.into_view(), indices.into_view()))
}

/// From x `[outer, axis, inner]` to values and indices `[outer, k, inner]`.
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
            indices,
            first: i / inner * k * inner + i % inner,
            step: inner,
        };
        for j in 0..axis {
            heap.offer(j, k);
        }
        heap.sort(k);
        for j in 0..k {
            let at = (i / inner * k + j) * inner + i % inner;
            values[at] = x[start + indices[at] as usize * inner];
        }
    }
}

/// The first k elements in sorted order so far: a heap with the last of them on top, in the memory of the result.
struct Heap<'a, T, F: Fn(i64) -> T> {
    at: F,
    greatest: bool,
    indices: &'a mut [i64],
    first: usize,
    step: usize,
}

impl<T: Number, F: Fn(i64) -> T> Heap<'_, T, F> {
    fn get(&mut self, i: usize) -> &mut i64 {
        &mut self.indices[self.first + i * self.step]
    }

    fn swap(&mut self, i: usize, j: usize) {
        self.indices.swap(self.first + i * self.step, self.first + j * self.step);
    }

    /// Whether element `a` precedes element `b`, by value or, if the values are equal, by index.
    fn sorted_before(&self, a: i64, b: i64) -> bool {
        let (x, y) = ((self.at)(a), (self.at)(b));
        sorted_before(self.greatest, x, y) || (a < b && !sorted_before(self.greatest, y, x))
    }

    /// Inserts element `j` if it is among the first `k`. Elements must be offered in order, from 0 on.
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
            let last = *self.get(0);
            if self.sorted_before(j as i64, last) {
                *self.get(0) = j as i64;
                self.sink(k);
            }
        }
    }

    /// Restores the order of a heap of `size` elements after its top was replaced.
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

    /// Sorts the heap of `k` elements.
    fn sort(&mut self, k: usize) {
        for size in (1..k).rev() {
            self.swap(0, size);
            self.sink(size);
        }
    }
}
