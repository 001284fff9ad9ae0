//! Tile: repeats a tensor.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, len};

/// Repeats x along every axis until y is full. The dims of y are multiples of those of x.
///
/// ```
/// use tf_layers::ops::tile;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0; 6];
/// let y = tile(cx, View::new(&[1, 2], [1, 2])?, ViewMut::new(&mut y, [3, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 2, 1, 2, 1, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If a dim of y is not a multiple of that of x.
pub fn tile<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    repeat(&x.dims(), &y.dims(), x.as_slice()?, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

fn repeat<T: Copy>(dims: &[usize], y_dims: &[usize], x: &[T], y: &mut [T]) -> Result<()> {
    let fits = dims.iter().zip(y_dims).all(|(&dim, &whole)| whole.checked_rem(dim).unwrap_or(whole) == 0);
    require(fits, "y", "have dims that are multiples of those of x")?;
    if y.is_empty() {
        return Ok(());
    }
    // In place, from the innermost axis outward: the first `size` elements hold x repeated along the axes done so far.
    let mut size = x.len();
    y[..size].copy_from_slice(x);
    for axis in (0..dims.len()).rev() {
        let repeats = y_dims[axis] / dims[axis];
        // The blocks are contiguous at the front. They are spread out from the last to the first, so that none is
        // overwritten before it is copied.
        let outer = len(&dims[..axis])?;
        let block = size / outer;
        for i in (0..outer).rev() {
            let to = i * block * repeats;
            y.copy_within(i * block..(i + 1) * block, to);
            for copy in 1..repeats {
                y.copy_within(to..to + block, to + copy * block);
            }
        }
        size *= repeats;
    }
    Ok(())
}
