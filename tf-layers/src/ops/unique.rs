//! The different slices of a tensor.

use crate::error::{Result, check_len, require};
use crate::tensor::{Scalar, len};

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
