//! `TensorScatter`: writes steps to a cache, such as the keys and values of an attention layer.

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Index, View, ViewMut, check_dims, len};

/// Copies x to y and writes the updates of every sample b to y, from index `starts[b]` on along `axis`.
///
/// The first axis is the batch. `updates` has the dims of x except along `axis`. If `circular`, indices beyond the end wrap
/// around. `input` is the name of the tensor of start indices for error messages.
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
///
/// # Errors
///
/// If the axis is the batch or none of x, the dims do not match, or an index is out of range.
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
    require(0 < axis && axis < R, "axis", "be an axis of the tensor after the batch")?;
    let same = updates.dims().iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
    require(same, "updates", "have the dims of x except along the axis")?;
    check_len("starts", dims[0], starts.dims()[0])?;
    let (outer, inner) = (len(&dims[1..axis])?, len(&dims[axis + 1..])?);
    let writer = Writer { input, circular, outer, axis: dims[axis], steps: updates.dims()[axis], inner };
    let to = y.as_mut_slice()?;
    to.copy_from_slice(x.as_slice()?);
    writer.write(updates.as_slice()?, starts.as_slice()?, to)?;
    Ok(y.into_view())
}

/// Writes updates `[batch, outer, steps, inner]` to y `[batch, outer, axis, inner]`.
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
                let index = usize::try_from(value).ok().and_then(|start| start.checked_add(step));
                let index = index.map(|index| if self.circular && axis > 0 { index % axis } else { index });
                let index = index.filter(|&index| index < axis).ok_or(Error::Index {
                    tensor: self.input,
                    position,
                    len: starts.len(),
                    value,
                    size: axis,
                })?;
                for row in position * outer..(position + 1) * outer {
                    let (to, from) = ((row * axis + index) * inner, (row * steps + step) * inner);
                    y[to..to + inner].copy_from_slice(&updates[from..from + inner]);
                }
            }
        }
        Ok(())
    }
}
