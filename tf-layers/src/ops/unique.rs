//! Unique: the distinct slices of a tensor.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::tensor::{Number, View, ViewMut, around, check_joined_dims};

/// The distinct slices of a tensor along an axis.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[3, 1, 3], [3])?;
/// let unique = ops::Unique::new(0);
/// let count = unique.count(x)?;
/// let (mut y, mut indices, mut inverse, mut counts) = ([0; 2], [0; 2], [0; 3], [0; 2]);
/// let (y, indices, inverse, counts) = unique.run(
///     cx,
///     x,
///     ViewMut::new(&mut y, [count])?,
///     ViewMut::new(&mut indices, [count])?,
///     ViewMut::new(&mut inverse, [3])?,
///     ViewMut::new(&mut counts, [count])?,
/// )?;
/// assert_eq!(y.as_slice()?, [1, 3]);
/// assert_eq!(indices.as_slice()?, [1, 0]);
/// assert_eq!(inverse.as_slice()?, [1, 0, 1]);
/// assert_eq!(counts.as_slice()?, [1, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    /// The axis along which slices are compared.
    pub axis: usize,
    /// Sort the slices in ascending order instead of the order of their first occurrence.
    pub sorted: bool,
}

impl Unique {
    /// The distinct slices along `axis` in ascending order.
    #[must_use]
    pub const fn new(axis: usize) -> Self {
        Self { axis, sorted: true }
    }

    /// The number of distinct slices.
    ///
    /// # Errors
    ///
    /// If x has no such axis.
    pub fn count<T: Number, const R: usize>(&self, x: View<'_, T, R>) -> Result<usize> {
        Ok(Slices { dims: around(&x.dims(), self.axis, 1)?, x: x.as_slice()? }.count())
    }

    /// Writes the distinct slices to y, which has the dims of x, but their count along the axis.
    ///
    /// The other outputs are vectors. `indices` and `counts` have an element per slice of y: the index of its first
    /// occurrence in x, and the number of its occurrences. `inverse` has an element per slice of x: its index in y.
    ///
    /// # Errors
    ///
    /// If x has no such axis, or the dims of an output do not match the [`count`](Self::count).
    #[allow(clippy::type_complexity)]
    pub fn run<'y, 'i, 'v, 'c, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
        mut indices: ViewMut<'i, i64, 1>,
        mut inverse: ViewMut<'v, i64, 1>,
        mut counts: ViewMut<'c, i64, 1>,
    ) -> Result<(View<'y, T, R>, View<'i, i64, 1>, View<'v, i64, 1>, View<'c, i64, 1>)> {
        let (dims, [count]) = (x.dims(), indices.dims());
        let slices = Slices { dims: around(&dims, self.axis, 1)?, x: x.as_slice()? };
        check_joined_dims(&[&dims[..self.axis], &[count], &dims[self.axis + 1..]], &y.dims())?;
        check_len("inverse", dims[self.axis], inverse.dims()[0])?;
        check_len("counts", count, counts.dims()[0])?;
        let first = indices.as_mut_slice()?;
        slices.find(self.sorted, first, inverse.as_mut_slice()?, counts.as_mut_slice()?)?;
        slices.copy(first, y.as_mut_slice()?);
        Ok((y.into_view(), indices.into_view(), inverse.into_view(), counts.into_view()))
    }
}

/// The slices of x `[outer, axis, inner]` along the axis.
struct Slices<'a, T> {
    dims: [usize; 3],
    x: &'a [T],
}

impl<T: Number> Slices<'_, T> {
    fn count(&self) -> usize {
        if self.x.is_empty() {
            return self.dims[1].min(1);
        }
        (0..self.dims[1]).filter(|&i| !(0..i).any(|j| self.equal(i, j))).count()
    }

    fn find(&self, sorted: bool, first: &mut [i64], inverse: &mut [i64], counts: &mut [i64]) -> Result<()> {
        let count = first.len();
        let mut found = 0;
        for i in 0..self.dims[1] {
            if !first[..found].iter().any(|&j| self.equal(i, j as usize)) {
                require(found < count, "indices", "have an element for every distinct slice")?;
                first[found] = i as i64;
                found += 1;
            }
        }
        require(found == count, "indices", "have only one element for every distinct slice")?;
        if sorted {
            first.sort_unstable_by(|&i, &j| self.compare(i as usize, j as usize));
        }
        counts.fill(0);
        for (i, inverse) in inverse.iter_mut().enumerate() {
            let which = first.iter().position(|&j| self.equal(i, j as usize)).unwrap_or(0);
            *inverse = which as i64;
            counts[which] += 1;
        }
        Ok(())
    }

    /// Copies the slices with these indices.
    fn copy(&self, indices: &[i64], y: &mut [T]) {
        let [_, axis, inner] = self.dims;
        for (row, y) in y.chunks_exact_mut((indices.len() * inner).max(1)).enumerate() {
            for (y, &from) in y.chunks_exact_mut(inner).zip(indices) {
                y.copy_from_slice(&self.x[(row * axis + from as usize) * inner..][..inner]);
            }
        }
    }

    fn pairs(&self, i: usize, j: usize) -> impl Iterator<Item = (T, T)> {
        let ([outer, axis, inner], x) = (self.dims, self.x);
        let at = move |row: usize, index: usize| (row * axis + index) * inner;
        (0..outer).flat_map(move |row| (0..inner).map(move |k| (x[at(row, i) + k], x[at(row, j) + k])))
    }

    fn equal(&self, i: usize, j: usize) -> bool {
        i == j || self.pairs(i, j).all(|(a, b)| a == b)
    }

    fn compare(&self, i: usize, j: usize) -> core::cmp::Ordering {
        let different = self.pairs(i, j).find(|(a, b)| a != b);
        // NaN comes last, as in NumPy; several NaNs are sorted by index.
        different.map_or(core::cmp::Ordering::Equal, |(a, b)| {
            #[allow(clippy::eq_op)]
            a.partial_cmp(&b).unwrap_or_else(|| (a != a).cmp(&(b != b)).then(i.cmp(&j)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;
    use alloc::vec::Vec;

    /// y, indices, inverse and counts for a tensor with `count` distinct slices.
    fn run<T: Number, const R: usize>(
        unique: Unique,
        x: View<'_, T, R>,
        count: usize,
    ) -> Result<(Vec<T>, [Vec<i64>; 3])> {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let (axis, mut dims) = (x.dims()[unique.axis], x.dims());
        dims[unique.axis] = count;
        let mut y = alloc::vec![T::ZERO; dims.iter().product()];
        let [mut first, mut inverse, mut counts] = [count, axis, count].map(|len| alloc::vec![0; len]);
        unique.run(
            cx,
            x,
            ViewMut::new(&mut y, dims)?,
            ViewMut::new(&mut first, [count])?,
            ViewMut::new(&mut inverse, [axis])?,
            ViewMut::new(&mut counts, [count])?,
        )?;
        Ok((y, [first, inverse, counts]))
    }

    #[test]
    fn distinct_slices() {
        let x = View::new(&[2.0f32, 1.0, 1.0, 3.0, 4.0, 3.0], [6]).unwrap();
        let all = Unique { axis: 0, sorted: true };
        assert_eq!(all.count(x), Ok(4));
        let (y, [first, inverse, counts]) = run(all, x, 4).unwrap();
        assert_eq!((y, first), ([1.0, 2.0, 3.0, 4.0].to_vec(), [1, 0, 3, 4].to_vec()));
        assert_eq!((inverse, counts), ([1, 0, 0, 2, 3, 2].to_vec(), [2, 1, 2, 1].to_vec()));
        let (y, [first, inverse, _]) = run(Unique { sorted: false, ..all }, x, 4).unwrap();
        assert_eq!((y, first), ([2.0, 1.0, 3.0, 4.0].to_vec(), [0, 1, 3, 4].to_vec()));
        assert_eq!(inverse, [0, 1, 1, 2, 3, 2]);
        let x = View::new(&[1, 0, 1, 2, 5, 2], [2, 3]).unwrap();
        let columns = Unique { axis: 1, sorted: true };
        assert_eq!(columns.count(x), Ok(2));
        assert_eq!(run(columns, x, 2).unwrap().0, [0, 1, 5, 2]);
        assert!(run(columns, x, 1).is_err());
        assert!(run(columns, x, 3).is_err());
        assert!(Unique { axis: 2, ..columns }.count(x).is_err());
    }

    #[test]
    fn slices_without_elements_are_equal() {
        let none = View::<i32, 2>::new(&[], [usize::MAX, 0]).unwrap();
        assert_eq!(Unique { axis: 0, sorted: true }.count(none), Ok(1));
        assert_eq!(Unique { axis: 1, sorted: true }.count(none), Ok(0));
    }
}
