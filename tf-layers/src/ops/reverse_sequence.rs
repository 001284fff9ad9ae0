//! `ReverseSequence`: reverses sequences of different lengths.

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Index, View, ViewMut, check_dims, len};

/// Reverses the first `lengths[b]` steps along `time_axis` of every sequence b along `batch_axis`.
///
/// `input` is the name of the tensor of lengths for error messages.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let lengths = View::new(&[3_i64, 2], [2])?;
/// let mut y = [0; 6];
/// let y = ops::reverse_sequence(cx, "lengths", 1, 0, x, lengths, ViewMut::new(&mut y, [2, 3])?)?;
/// assert_eq!(y.as_slice()?, [3, 2, 1, 5, 4, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x, the axes are not two axes of x, or a length is negative or exceeds the time axis.
pub fn reverse_sequence<'y, T: Copy, I: Index, const R: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    time_axis: usize,
    batch_axis: usize,
    x: View<'_, T, R>,
    lengths: View<'_, I, 1>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    check_dims(&dims, &y.dims())?;
    require(time_axis.max(batch_axis) < R && time_axis != batch_axis, "axes", "be two axes of the tensor")?;
    let (a, b) = (time_axis.min(batch_axis), time_axis.max(batch_axis));
    let split = [len(&dims[..a])?, dims[a], len(&dims[a + 1..b])?, dims[b], len(&dims[b + 1..])?];
    let lengths = lengths.as_slice()?;
    check_len("lengths", dims[batch_axis], lengths.len())?;
    check_lengths(input, dims[time_axis], lengths)?;
    reverse(split, batch_axis < time_axis, x.as_slice()?, lengths, y.as_mut_slice()?);
    Ok(y.into_view())
}

/// An error unless every length is between 0 and `time`.
fn check_lengths<I: Index>(input: &'static str, time: usize, lengths: &[I]) -> Result<()> {
    for (position, length) in lengths.iter().enumerate() {
        let value = length.index().unwrap_or(i64::MIN);
        if usize::try_from(value).ok().is_none_or(|n| n > time) {
            return Err(Error::Index { tensor: input, position, len: lengths.len(), value, size: time });
        }
    }
    Ok(())
}

/// x is `[outer, time, middle, batch, inner]`, or `[outer, batch, middle, time, inner]` if `batch_first`.
fn reverse<T: Copy, I: Index>(
    [outer, first, middle, second, inner]: [usize; 5],
    batch_first: bool,
    x: &[T],
    lengths: &[I],
    y: &mut [T],
) {
    if x.is_empty() {
        return;
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
}
