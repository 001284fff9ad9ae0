//! Reading and writing elements at places that indices name.

use crate::embedding::{Index, Outside};
use crate::error::{check_len, require};
use crate::scalar::Scalar;
use crate::{Error, MAX_RANK, Result, Shape, len};

/// What becomes of an element that an update falls upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The update takes its place; of several, the last.
    Replace,
    /// The update is added.
    Add,
    /// The update is multiplied with it.
    Mul,
    /// The greater of the two; NaN if either is.
    Max,
    /// The lesser of the two; NaN if either is.
    Min,
}

impl Update {
    fn join<T: Scalar>(self) -> fn(T, T) -> T {
        match self {
            Self::Replace => |_, new| new,
            Self::Add => T::add,
            Self::Mul => T::mul,
            Self::Max => T::greater,
            Self::Min => T::lesser,
        }
    }
}

/// Element (i, j, …) of y is that of x where the place on `axis` is the index, e.g. x[indices[i, j], j] for axis 0.
///
/// `input` is the name of the tensor of indices, for errors. Negative indices count from the end.
pub fn gather_elements<T: Copy, I: Index>(
    input: &'static str,
    x: &[T],
    dims: &[usize],
    axis: usize,
    indices: &[I],
    index_dims: &[usize],
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(dims)?, x.len())?;
    check_len("y", indices.len(), y.len())?;
    let places = Places::new(input, dims, axis, indices, index_dims)?;
    for (i, y) in y.iter_mut().enumerate() {
        *y = x[places.place(i)?];
    }
    Ok(())
}

/// y = x, but that each of `updates` falls upon the element whose place on `axis` is the index.
///
/// `input` is the name of the tensor of indices, for errors. Negative indices count from the end.
pub fn scatter_elements<T: Scalar, I: Index>(
    input: &'static str,
    (x, dims): (&[T], &[usize]),
    axis: usize,
    (indices, index_dims): (&[I], &[usize]),
    updates: &[T],
    update: Update,
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    check_len("updates", indices.len(), updates.len())?;
    let places = Places::new(input, dims, axis, indices, index_dims)?;
    let join = update.join::<T>();
    y.copy_from_slice(x);
    for (i, &new) in updates.iter().enumerate() {
        let at = places.place(i)?;
        y[at] = join(y[at], new);
    }
    Ok(())
}

/// Where the element that belongs to an index lies in a tensor of another shape.
struct Places<'a, I> {
    input: &'static str,
    indices: &'a [I],
    index_dims: Shape,
    strides: [usize; MAX_RANK],
    axis: usize,
    size: usize,
}

impl<'a, I: Index> Places<'a, I> {
    fn new(
        input: &'static str,
        dims: &[usize],
        axis: usize,
        indices: &'a [I],
        index_dims: &[usize],
    ) -> Result<Self> {
        let index_dims = Shape::new(index_dims)?;
        check_len("indices", len(&index_dims)?, indices.len())?;
        require(dims.len() == index_dims.len() && axis < dims.len(), "indices", "have the rank of x")?;
        let fits = (0..dims.len()).all(|i| i == axis || index_dims[i] <= dims[i] || indices.is_empty());
        require(fits, "indices", "lie within x on the other axes")?;
        let mut strides = [1; MAX_RANK];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i];
        }
        Ok(Self { input, indices, index_dims, strides, axis, size: dims[axis] })
    }

    fn place(&self, position: usize) -> Result<usize> {
        let index = resolve(self.input, position, self.indices, self.size)?;
        let (mut rest, mut place) = (position, index * self.strides[self.axis]);
        for axis in (0..self.index_dims.len()).rev() {
            let at = rest % self.index_dims[axis];
            rest /= self.index_dims[axis];
            if axis != self.axis {
                place += at * self.strides[axis];
            }
        }
        Ok(place)
    }
}

fn resolve<I: Index>(input: &'static str, position: usize, indices: &[I], size: usize) -> Result<usize> {
    let index = indices[position];
    Outside::FromEnd.resolve(index.index(), size).ok_or(Error::Index {
        tensor: input,
        position,
        len: indices.len(),
        value: index.index().unwrap_or(i64::MIN),
        size,
    })
}

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

/// y = `off` everywhere, but `on` where the place on the axis of length `depth` is the index.
///
/// `values` are the two. From indices `[outer, inner]` to y `[outer, depth, inner]`. Negative indices count from the end; others outside
/// are nowhere.
pub fn one_hot<T: Copy, I: Index>(
    [outer, depth, inner]: [usize; 3],
    indices: &[I],
    values: &[T],
    y: &mut [T],
) -> Result<()> {
    check_len("indices", len(&[outer, inner])?, indices.len())?;
    check_len("y", len(&[outer, depth, inner])?, y.len())?;
    let &[off, on] = values else {
        return check_len("values", 2, values.len());
    };
    y.fill(off);
    for (i, index) in indices.iter().enumerate() {
        if let Some(at) = Outside::FromEnd.resolve(index.index(), depth) {
            y[(i / inner * depth + at) * inner + i % inner] = on;
        }
    }
    Ok(())
}

/// Turns over the first `lengths[b]` steps of each sequence b.
///
/// `dims` are \[outer, a, middle, b, inner\], of which a is the time and b the batch, or the other way round if
/// `batch_first`.
pub fn reverse_sequence<T: Copy, I: Index>(
    input: &'static str,
    dims: [usize; 5],
    batch_first: bool,
    x: &[T],
    lengths: &[I],
    y: &mut [T],
) -> Result<()> {
    let [outer, first, middle, second, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    let (batch, time) = if batch_first { (first, second) } else { (second, first) };
    check_len("lengths", batch, lengths.len())?;
    for (position, length) in lengths.iter().enumerate() {
        let value = length.index().unwrap_or(i64::MIN);
        if usize::try_from(value).ok().is_none_or(|n| n > time) {
            return Err(Error::Index { tensor: input, position, len: lengths.len(), value, size: time });
        }
    }
    for i in 0..outer * first * middle * second {
        let (j, rest) = (i % second, i / second);
        let (m, rest) = (rest % middle, rest / middle);
        let (k, o) = (rest % first, rest / first);
        let (b, t) = if batch_first { (k, j) } else { (j, k) };
        let length = lengths[b].index().map_or(0, |n| n as usize);
        let from = if t < length { length - 1 - t } else { t };
        let (k, j) = if batch_first { (k, from) } else { (from, j) };
        let source = (((o * first + k) * middle + m) * second + j) * inner;
        y[i * inner..][..inner].copy_from_slice(&x[source..][..inner]);
    }
    Ok(())
}

/// Copies the part of each `[rows, columns]` matrix on and above its diagonal `k`, or on and below it; zeros elsewhere.
pub fn triangle<T: Scalar>(
    [matrices, rows, columns]: [usize; 3],
    upper: bool,
    k: i64,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    check_len("x", len(&[matrices, rows, columns])?, x.len())?;
    check_len("y", x.len(), y.len())?;
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let (row, column) = (i / columns % rows, i % columns);
        let above = column as i64 - row as i64;
        let inside = if upper { above >= k } else { above <= k };
        *y = if inside { x } else { T::ZERO };
    }
    Ok(())
}

/// y = x, but that for each part b of the batch `updates` stand from place `starts[b]` on along an axis.
///
/// x is `[batch, outer, axis, inner]`, `updates` the same with `steps` for the axis. Places beyond the end are an
/// error or, if `circular`, begin at the front again. `input` is the name of the tensor of places, for errors.
pub fn write_steps<T: Copy, I: Index>(
    input: &'static str,
    dims: [usize; 4],
    x: &[T],
    (updates, steps): (&[T], usize),
    starts: &[I],
    circular: bool,
    y: &mut [T],
) -> Result<()> {
    let [batch, outer, axis, inner] = dims;
    check_len("x", len(&dims)?, x.len())?;
    check_len("y", x.len(), y.len())?;
    check_len("updates", len(&[batch, outer, steps, inner])?, updates.len())?;
    check_len("starts", batch, starts.len())?;
    y.copy_from_slice(x);
    for (position, start) in starts.iter().enumerate() {
        let value = start.index().unwrap_or(i64::MIN);
        for step in 0..steps {
            let place = usize::try_from(value).ok().and_then(|place| place.checked_add(step));
            let place = place.map(|place| if circular && axis > 0 { place % axis } else { place });
            let place = place.filter(|&place| place < axis).ok_or(Error::Index {
                tensor: input,
                position,
                len: starts.len(),
                value,
                size: axis,
            })?;
            for row in position * outer..(position + 1) * outer {
                let (to, from) = ((row * axis + place) * inner, (row * steps + step) * inner);
                y[to..to + inner].copy_from_slice(&updates[from..from + inner]);
            }
        }
    }
    Ok(())
}
