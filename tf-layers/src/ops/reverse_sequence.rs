//! Reversing sequences of different lengths.

use crate::error::{Error, Result, check_len};
use crate::tensor::{Index, len};

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
