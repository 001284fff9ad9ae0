//! `TensorScatter`: writing steps into a sequence that keeps what came before, such as a cache of keys and values.

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Index, View, ViewMut, check_dims, len};

/// y = x, but that for each part b of the batch, the first axis, `updates` stand from place `starts[b]` on along `axis`.
///
/// `updates` has the dims of x but for the axis. Places beyond the end are an error or, if `circular`, begin at the front
/// again. `input` is the name of the tensor of places, for errors.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let cache = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let updates = View::new(&[7, 8], [2, 1])?;
/// let starts = View::new(&[2_i64, 0], [2])?;
/// let mut y = [0; 6];
/// let y = ViewMut::new(&mut y, [2, 3])?;
/// let y = ops::tensor_scatter(cx, "starts", 1, false, cache, updates, starts, y)?;
/// assert_eq!(y.as_slice()?, [1, 2, 7, 8, 5, 6]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[allow(clippy::too_many_arguments)]
pub fn tensor_scatter<'y, T: Copy, I: Index, const R: usize>(
    _: &mut Context<'_>,
    input: &'static str,
    axis: usize,
    circular: bool,
    x: View<'_, T, R>,
    updates: View<'_, T, R>,
    starts: View<'_, I, 1>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let dims = x.dims();
    check_dims(&dims, &y.dims())?;
    require(0 < axis && axis < R, "axis", "be one of the tensor's behind the batch")?;
    let same = updates.dims().iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
    require(same, "updates", "have the dims of x but for the axis")?;
    check_len("starts", dims[0], starts.dims()[0])?;
    let (outer, inner) = (len(&dims[1..axis])?, len(&dims[axis + 1..])?);
    let writer = Writer { input, circular, outer, axis: dims[axis], steps: updates.dims()[axis], inner };
    let to = y.as_mut_slice()?;
    to.copy_from_slice(x.as_slice()?);
    writer.write(updates.as_slice()?, starts.as_slice()?, to)?;
    Ok(y.into_view())
}

/// y is `[batch, outer, axis, inner]`, the updates `[batch, outer, steps, inner]`.
struct Writer {
    input: &'static str,
    circular: bool,
    outer: usize,
    axis: usize,
    steps: usize,
    inner: usize,
}

impl Writer {
    fn write<T: Copy, I: Index>(&self, updates: &[T], starts: &[I], y: &mut [T]) -> Result<()> {
        let Self { outer, axis, steps, inner, .. } = *self;
        if updates.is_empty() {
            return Ok(());
        }
        for (position, start) in starts.iter().enumerate() {
            let value = start.index().unwrap_or(i64::MIN);
            for step in 0..steps {
                let place = usize::try_from(value).ok().and_then(|place| place.checked_add(step));
                let place = place.map(|place| if self.circular && axis > 0 { place % axis } else { place });
                let place = place.filter(|&place| place < axis).ok_or(Error::Index {
                    tensor: self.input,
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
}
