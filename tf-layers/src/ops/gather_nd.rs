//! `GatherND` and `ScatterND`: reads and updates slices that are addressed by tuples of indices.

use super::offsets::resolve;
use super::scatter::ScatterReduction;
use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{Index, Number, View, ViewMut, check_dims, check_joined_dims, len};

/// `GatherND`: selects slices of x. The tuples along the last axis of `indices` address them.
///
/// The first `batch` axes of x and of the indices correspond (ONNX's `batch_dims`); a tuple of length n addresses the
/// next n axes of x. y has the dims of the indices without the last, followed by those of a slice. Negative indices count
/// from the end. `input` is the name of the index tensor for error messages.
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
///
/// # Errors
///
/// If the batch axes differ, a tuple is longer than the remaining axes, an index is out of range, or y has other dims.
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

/// `ScatterND`: copies x to y and updates slices of y. The tuples along the last axis of `indices` address them.
///
/// `updates` has the dims of the indices without the last, followed by those of a slice. Negative indices count from the
/// end. `input` is the name of the index tensor for error messages.
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
/// let y = ops::scatter_nd(cx, "indices", ops::ScatterReduction::Add, x, indices, updates, y)?;
/// assert_eq!(y.as_slice()?, [1, 2, 3, 4, 15, 26]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If a tuple is longer than the axes of x, an index is out of range, or the dims do not match.
pub fn scatter_nd<'y, T: Number, I: Index, const R: usize, const Q: usize, const S: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    update: ScatterReduction,
    x: View<'_, T, R>,
    indices: View<'_, I, Q>,
    updates: View<'_, T, S>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    check_dims(&dims, &y.dims())?;
    let tuples = Tuples::new(input, &dims, 0, indices.as_slice()?, &indices.dims())?;
    let fits = indices.dims()[..Q - 1].iter().chain(tuples.slice_dims()).eq(&updates.dims());
    require(
        fits,
        "updates",
        "have the dims of the indices without the last, followed by those of a slice of x",
    )?;
    tuples.scatter(x.as_slice()?, updates.as_slice()?, update, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

/// Tuples of indices that address slices of a tensor.
struct Tuples<'a, I> {
    input: &'static str,
    indices: &'a [I],
    /// The dims of the batch, of the axes that a tuple addresses, and of a slice.
    dims: [&'a [usize]; 3],
    /// The number of tuples.
    count: usize,
    /// The number of elements in a slice.
    slice: usize,
    /// The size of the batch.
    batches: usize,
}

impl<'a, I: Index> Tuples<'a, I> {
    /// The tuples along the last axis of the indices.
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
        require(
            shared,
            "indices",
            "have the batch dims of x, and tuples no longer than the axes after them",
        )?;
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
            let from = self.offset(i)?;
            y[i * slice..][..slice].copy_from_slice(&x[from..][..slice]);
        }
        Ok(())
    }

    fn scatter<T: Number>(
        &self,
        x: &[T],
        updates: &[T],
        update: ScatterReduction,
        y: &mut [T],
    ) -> Result<()> {
        let (slice, join) = (self.slice, update.join::<T>());
        y.copy_from_slice(x);
        for i in 0..self.count {
            let to = self.offset(i)?;
            for (y, &new) in y[to..][..slice].iter_mut().zip(&updates[i * slice..]) {
                *y = join(*y, new);
            }
        }
        Ok(())
    }

    /// The offset of the slice that a tuple addresses.
    fn offset(&self, tuple: usize) -> Result<usize> {
        // Neither is zero, because there is at least one tuple.
        let mut offset = tuple / (self.count / self.batches);
        for (i, &size) in self.dims[1].iter().enumerate() {
            let position = tuple * self.dims[1].len() + i;
            offset = offset * size + resolve(self.input, position, self.indices, size)?;
        }
        Ok(offset * self.slice)
    }
}
