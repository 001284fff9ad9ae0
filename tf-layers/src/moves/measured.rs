//! What decides by its contents how large a result is.

use super::cast::Cast;
use crate::error::{check_len, require};
use crate::scalar::Scalar;
use crate::{Error, MAX_RANK, Result, Shape, len};

/// How many elements are not zero.
pub fn count_nonzero<T: Scalar>(x: &[T]) -> Result<usize> {
    Ok(x.iter().filter(|&&x| x != T::ZERO).count())
}

/// Where the elements are that are not zero: y is `[rank, count]`, a row for each axis.
pub fn nonzero<T: Scalar>(x: &[T], dims: &[usize], y: &mut [i64]) -> Result<()> {
    let dims = Shape::new(dims)?;
    check_len("x", len(&dims)?, x.len())?;
    let count = count_nonzero(x)?;
    check_len("y", len(&[dims.len(), count])?, y.len())?;
    let mut at = [0usize; MAX_RANK];
    let mut column = 0;
    for &x in x {
        if x != T::ZERO {
            for axis in 0..dims.len() {
                y[axis * count + column] = at[axis] as i64;
            }
            column += 1;
        }
        for axis in (0..dims.len()).rev() {
            at[axis] += 1;
            if at[axis] < dims[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    Ok(())
}

/// Takes those places of an axis for which `condition` holds; places beyond its end are left out.
///
/// From x `[outer, axis, inner]` to y `[outer, count, inner]`.
pub fn compress<T: Copy>(dims: [usize; 3], x: &[T], condition: &[bool], y: &mut [T]) -> Result<()> {
    let [outer, axis, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    require(condition.len() <= axis, "condition", "be no longer than the axis")?;
    let count = count_nonzero(condition)?;
    check_len("y", len(&[outer, count, inner])?, y.len())?;
    if y.is_empty() {
        return Ok(());
    }
    let places = |outer: usize| {
        let taken = condition.iter().enumerate().filter(|&(_, &holds)| holds);
        taken.map(move |(place, _)| (outer * axis + place) * inner)
    };
    for (y, from) in y.chunks_exact_mut(inner).zip((0..outer).flat_map(places)) {
        y.copy_from_slice(&x[from..][..inner]);
    }
    Ok(())
}

/// How many numbers lie at the distances of `step` from `start` to before `limit`; each is one number.
pub fn range_len<T: Scalar + Cast<f64>>(start: &[T], limit: &[T], step: &[T]) -> Result<usize> {
    for (what, x) in [("start", start), ("limit", limit), ("step", step)] {
        check_len(what, 1, x.len())?;
    }
    require(step[0] != T::ZERO, "step", "not be zero")?;
    let span = (limit[0].cast() - start[0].cast()) / step[0].cast();
    let whole = span as i64;
    let count = whole.saturating_add(i64::from(span > whole as f64)).max(0);
    // Nothing of this size can be held, but asking for it says so.
    usize::try_from(count).map_err(|_| Error::Overflow)
}

/// A size that a model computes: element `index` of `sizes`.
pub fn size_at<T: Scalar + Cast<i64>>(sizes: &[T], index: usize) -> Result<usize> {
    let size = sizes.get(index).and_then(|&size| usize::try_from(size.cast()).ok());
    size.ok_or(Error::Dims { what: "shape", must: "be sizes that are not negative" })
}

/// The different slices of a tensor along an axis, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    /// The tensor's shape as \[outer, axis, inner\].
    pub dims: [usize; 3],
    /// In ascending order, or else in that of their first occurrence.
    pub sorted: bool,
}

impl Unique {
    /// How many there are.
    pub fn count<T: Scalar>(&self, x: &[T]) -> Result<usize> {
        check_len("x", len(&self.dims)?, x.len())?;
        Ok((0..self.dims[1]).filter(|&i| !(0..i).any(|j| self.equal(x, i, j))).count())
    }

    /// y is `[outer, count, inner]`; `first` and `counts` say for each where it stood first and how often; `inverse`
    /// says for each slice of x which of them it is.
    pub fn run<T: Scalar>(
        &self,
        x: &[T],
        y: &mut [T],
        first: &mut [i64],
        inverse: &mut [i64],
        counts: &mut [i64],
    ) -> Result<()> {
        let [outer, axis, inner] = self.dims;
        check_len("x", len(&self.dims)?, x.len())?;
        let count = first.len();
        check_len("y", len(&[outer, count, inner])?, y.len())?;
        check_len("inverse", axis, inverse.len())?;
        check_len("counts", count, counts.len())?;
        let mut found = 0;
        for i in 0..axis {
            if !first[..found].iter().any(|&j| self.equal(x, i, j as usize)) {
                require(found < count, "first", "have room for all different slices")?;
                first[found] = i as i64;
                found += 1;
            }
        }
        require(found == count, "first", "be as many as there are different slices")?;
        if self.sorted {
            first.sort_unstable_by(|&i, &j| self.compare(x, i as usize, j as usize));
        }
        counts.fill(0);
        for (i, inverse) in inverse.iter_mut().enumerate() {
            let which = first.iter().position(|&j| self.equal(x, i, j as usize)).unwrap_or(0);
            *inverse = which as i64;
            counts[which] += 1;
        }
        for (row, y) in y.chunks_exact_mut((count * inner).max(1)).enumerate() {
            for (y, &from) in y.chunks_exact_mut(inner).zip(first.iter()) {
                y.copy_from_slice(&x[(row * axis + from as usize) * inner..][..inner]);
            }
        }
        Ok(())
    }

    fn pairs<T: Copy>(&self, x: &[T], i: usize, j: usize) -> impl Iterator<Item = (T, T)> {
        let [outer, axis, inner] = self.dims;
        let at = move |row: usize, place: usize| (row * axis + place) * inner;
        (0..outer).flat_map(move |row| (0..inner).map(move |k| (x[at(row, i) + k], x[at(row, j) + k])))
    }

    fn equal<T: Scalar>(&self, x: &[T], i: usize, j: usize) -> bool {
        i == j || self.pairs(x, i, j).all(|(a, b)| a == b)
    }

    fn compare<T: Scalar>(&self, x: &[T], i: usize, j: usize) -> core::cmp::Ordering {
        let different = self.pairs(x, i, j).find(|(a, b)| a != b);
        // NaN comes last, as in NumPy; several are in the order in which they stand.
        different.map_or(core::cmp::Ordering::Equal, |(a, b)| {
            #[allow(clippy::eq_op)]
            a.partial_cmp(&b).unwrap_or_else(|| (a != a).cmp(&(b != b)).then(i.cmp(&j)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_not_zero() {
        let x = [0.0f32, 2.0, 0.0, -1.0, f32::NAN, 0.0];
        assert_eq!(count_nonzero(&x), Ok(3));
        let mut y = [9; 6];
        nonzero(&x, &[2, 3], &mut y).unwrap();
        assert_eq!(y, [0, 1, 1, 1, 0, 1]);
        assert!(nonzero(&x, &[2, 3], &mut y[1..]).is_err());
        assert!(nonzero(&[true], &[], &mut []).is_ok());
    }

    #[test]
    fn places_that_a_condition_names() {
        let x = [1, 2, 3, 4, 5, 6];
        let mut y = [0; 4];
        compress([2, 3, 1], &x, &[true, false, true], &mut y).unwrap();
        assert_eq!(y, [1, 3, 4, 6]);
        compress([1, 3, 2], &x, &[false, true, true], &mut y).unwrap();
        assert_eq!(y, [3, 4, 5, 6]);
        compress([1, 3, 2], &x, &[false, true], &mut y[..2]).unwrap();
        assert!(compress([1, 3, 2], &x, &[true; 4], &mut y).is_err());
        assert!(compress([1, 3, 2], &x, &[false; 3], &mut []).is_ok());
    }

    #[test]
    fn lengths_of_ranges() {
        assert_eq!(range_len(&[1.0f32], &[5.0], &[2.0]), Ok(2));
        assert_eq!(range_len(&[10i64], &[4], &[-3]), Ok(2));
        assert_eq!(range_len(&[0i32], &[-1], &[1]), Ok(0));
        assert_eq!(range_len(&[0.0f32], &[f32::NAN], &[1.0]), Ok(0));
        assert!(range_len(&[0i32], &[1], &[0]).is_err());
        assert_eq!(size_at(&[3i64, -1], 0), Ok(3));
        assert!(size_at(&[3i64, -1], 1).is_err());
        assert!(size_at(&[3i64, -1], 2).is_err());
    }

    #[test]
    fn different_slices() {
        let x = [2.0f32, 1.0, 1.0, 3.0, 4.0, 3.0];
        let (mut y, mut first, mut inverse, mut counts) = ([0.0; 4], [0; 4], [0; 6], [0; 4]);
        let all = Unique { dims: [1, 6, 1], sorted: true };
        assert_eq!(all.count(&x), Ok(4));
        all.run(&x, &mut y, &mut first, &mut inverse, &mut counts).unwrap();
        assert_eq!((y, first, inverse), ([1.0, 2.0, 3.0, 4.0], [1, 0, 3, 4], [1, 0, 0, 2, 3, 2]));
        assert_eq!(counts, [2, 1, 2, 1]);
        Unique { sorted: false, ..all }.run(&x, &mut y, &mut first, &mut inverse, &mut counts).unwrap();
        assert_eq!((y, first, inverse), ([2.0, 1.0, 3.0, 4.0], [0, 1, 3, 4], [0, 1, 1, 2, 3, 2]));
        let x = [1, 0, 1, 2, 5, 2];
        let columns = Unique { dims: [2, 3, 1], sorted: true };
        assert_eq!(columns.count(&x), Ok(2));
        let mut y = [0; 4];
        columns.run(&x, &mut y, &mut first[..2], &mut inverse[..3], &mut counts[..2]).unwrap();
        assert_eq!(y, [0, 1, 5, 2]);
        assert!(columns.run(&x, &mut y, &mut first[..1], &mut inverse[..3], &mut counts[..1]).is_err());
    }
}
