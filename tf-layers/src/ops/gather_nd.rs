//! Slices that tuples of indices name: reading them (`GatherND`) and updating them (`ScatterND`).

use super::positions::resolve;
use super::scatter::Update;
use crate::error::{Result, check_len, require};
use crate::tensor::{Index, Scalar, len};

/// Tuples of indices that name slices of a tensor.
///
/// Of x with the dims `dims`, the first `batch` axes are walked along with the indices, and the `depth` after them
/// are named by each tuple.
#[derive(Debug, Clone, Copy)]
pub struct Tuples<'a> {
    /// The name of the tensor of indices, for errors. Negative indices count from the end.
    pub input: &'static str,
    /// The dims of x.
    pub dims: &'a [usize],
    /// How many axes x and the indices have in common.
    pub batch: usize,
    /// How long a tuple is.
    pub depth: usize,
}

impl Tuples<'_> {
    /// y = the slices of x that the tuples name, one after the other.
    pub fn gather<T: Copy, I: Index>(&self, x: &[T], indices: &[I], y: &mut [T]) -> Result<()> {
        check_len("x", len(self.dims)?, x.len())?;
        let (count, slice) = self.sizes(indices.len())?;
        check_len("y", len(&[count, slice])?, y.len())?;
        for i in 0..count {
            let from = self.place(indices, i, count, slice)?;
            y[i * slice..][..slice].copy_from_slice(&x[from..][..slice]);
        }
        Ok(())
    }

    /// y = x, but that each slice of `updates` falls upon the slice that its tuple names. There is no batch.
    pub fn scatter<T: Scalar, I: Index>(
        &self,
        x: &[T],
        indices: &[I],
        updates: &[T],
        update: Update,
        y: &mut [T],
    ) -> Result<()> {
        check_len("x", len(self.dims)?, x.len())?;
        check_len("y", x.len(), y.len())?;
        let (count, slice) = self.sizes(indices.len())?;
        check_len("updates", len(&[count, slice])?, updates.len())?;
        let join = update.join::<T>();
        y.copy_from_slice(x);
        for i in 0..count {
            let to = self.place(indices, i, count, slice)?;
            for (y, &new) in y[to..][..slice].iter_mut().zip(&updates[i * slice..]) {
                *y = join(*y, new);
            }
        }
        Ok(())
    }

    /// How many tuples there are, and how long the slices are that they name.
    fn sizes(&self, indices: usize) -> Result<(usize, usize)> {
        let named = self.batch.checked_add(self.depth).filter(|&n| self.depth > 0 && n <= self.dims.len());
        let Some(named) = named else {
            return require(false, "depth", "be that of axes of x").map(|()| (0, 0));
        };
        require(indices.is_multiple_of(self.depth), "indices", "be whole tuples")?;
        let count = indices / self.depth;
        let batches = len(&self.dims[..self.batch])?;
        let even = count.is_multiple_of(batches);
        require(even, "indices", "be as many for each part of the batch")?;
        Ok((count, len(&self.dims[named..])?))
    }

    fn place<I: Index>(&self, indices: &[I], tuple: usize, count: usize, slice: usize) -> Result<usize> {
        let batches = len(&self.dims[..self.batch])?;
        // There is a tuple, so that neither is zero.
        let mut place = tuple / (count / batches);
        for i in 0..self.depth {
            let position = tuple * self.depth + i;
            let size = self.dims[self.batch + i];
            place = place * size + resolve(self.input, position, indices, size)?;
        }
        Ok(place * slice)
    }
}
