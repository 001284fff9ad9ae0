//! Writing steps into a sequence that keeps what came before, such as a cache of keys and values.

use crate::error::{Error, Result, check_len};
use crate::tensor::{Index, len};

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
