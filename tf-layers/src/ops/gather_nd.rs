//! `GatherND` and `ScatterND`: slices that tuples of indices name, read and updated.

use super::positions::resolve;
use super::scatter::Update;
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Index, Scalar, View, ViewMut, check_dims, check_joined_dims, len};

/// `GatherND`: y has the slices of x that the tuples along the last axis of the indices name.
///
/// The first `batch` axes of x are walked along with those of the indices; each tuple names a place on the axes that
/// follow, as many as it is long. y has the dims of the indices but for the last, then those of a slice. `input` is the
/// name of the tensor of indices, for errors. Negative indices count from the end.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let indices = View::new(&[1_i64, 0, 0, 2], [2, 2])?;
/// let mut y = [0; 2];
/// let y = ops::gather_nd(cx, "indices", 0, x, indices, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [4, 3]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
pub fn gather_nd<'y, T: Copy, I: Index, const R: usize, const Q: usize, const S: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    batch: usize,
    x: View<'_, T, R>,
    indices: View<'_, I, Q>,
    mut y: ViewMut<'y, T, S>,
) -> Result<View<'y, T, S>> {
    let dims = x.dims();
    let tuples = Tuples::new(input, &dims, batch, indices.as_slice()?, &indices.dims())?;
    check_joined_dims(&[&indices.dims()[..Q - 1], tuples.slice_dims()], &y.dims())?;
    tuples.gather(x.as_slice()?, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

/// `ScatterND`: y = x, but that each slice of `updates` falls upon the slice that its tuple of indices names.
///
/// `updates` has the dims of the indices but for the last, then those of a slice. `input` is the name of the tensor of
/// indices, for errors. Negative indices count from the end.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [3, 2])?;
/// let indices = View::new(&[2_i64], [1, 1])?;
/// let updates = View::new(&[10, 20], [1, 2])?;
/// let mut y = [0; 6];
/// let y = ViewMut::new(&mut y, [3, 2])?;
/// let y = ops::scatter_nd(cx, "indices", ops::Update::Add, x, indices, updates, y)?;
/// assert_eq!(y.as_slice()?, [1, 2, 3, 4, 15, 26]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
pub fn scatter_nd<'y, T: Scalar, I: Index, const R: usize, const Q: usize, const S: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    update: Update,
    x: View<'_, T, R>,
    indices: View<'_, I, Q>,
    updates: View<'_, T, S>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    check_dims(&dims, &y.dims())?;
    let tuples = Tuples::new(input, &dims, 0, indices.as_slice()?, &indices.dims())?;
    let fits = indices.dims()[..Q - 1].iter().chain(tuples.slice_dims()).eq(&updates.dims());
    require(fits, "updates", "have the dims of the indices but for the last, then those of a slice of x")?;
    tuples.scatter(x.as_slice()?, updates.as_slice()?, update, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

/// Tuples of indices that name slices of a tensor.
struct Tuples<'a, I> {
    input: &'static str,
    indices: &'a [I],
    /// The dims of the axes in front of those that a tuple names, of these, and of those behind.
    dims: [&'a [usize]; 3],
    /// How many tuples there are.
    count: usize,
    /// How many elements a slice has.
    slice: usize,
    /// How many parts the batch has.
    batches: usize,
}

impl<'a, I: Index> Tuples<'a, I> {
    /// Those along the last axis of the indices.
    fn new(
        input: &'static str,
        dims: &'a [usize],
        batch: usize,
        indices: &'a [I],
        index_dims: &[usize],
    ) -> Result<Self> {
        let (depth, rows) = index_dims.split_last().unwrap_or((&0, &[]));
        let named = batch.checked_add(*depth).filter(|&named| *depth > 0 && named <= dims.len());
        let shared = batch <= rows.len() && named.is_some() && rows[..batch] == dims[..batch];
        require(shared, "indices", "have the batch of x, and tuples no longer than the axes of x behind it")?;
        let (before, rest) = dims.split_at(batch);
        let (own, behind) = rest.split_at(*depth);
        let (count, slice, batches) = (indices.len() / depth, len(behind)?, len(before)?);
        Ok(Self { input, indices, dims: [before, own, behind], count, slice, batches })
    }

    fn slice_dims(&self) -> &'a [usize] {
        self.dims[2]
    }

    fn gather<T: Copy>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        let slice = self.slice;
        for i in 0..self.count {
            let from = self.place(i)?;
            y[i * slice..][..slice].copy_from_slice(&x[from..][..slice]);
        }
        Ok(())
    }

    fn scatter<T: Scalar>(&self, x: &[T], updates: &[T], update: Update, y: &mut [T]) -> Result<()> {
        let (slice, join) = (self.slice, update.join::<T>());
        y.copy_from_slice(x);
        for i in 0..self.count {
            let to = self.place(i)?;
            for (y, &new) in y[to..][..slice].iter_mut().zip(&updates[i * slice..]) {
                *y = join(*y, new);
            }
        }
        Ok(())
    }

    /// Where the slice begins that a tuple names.
    fn place(&self, tuple: usize) -> Result<usize> {
        // There is a tuple, so that neither is zero.
        let mut place = tuple / (self.count / self.batches);
        for (i, &size) in self.dims[1].iter().enumerate() {
            let position = tuple * self.dims[1].len() + i;
            place = place * size + resolve(self.input, position, self.indices, size)?;
        }
        Ok(place * self.slice)
    }
}
