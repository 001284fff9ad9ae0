//! The borders of a model: strings of the caller, and strings of a run.

use alloc::string::String;

use crate::error::{Error, Result};
use crate::tensor::{ArenaStr, StringArena, View, ViewMut, check_dims};

/// Copies the caller's strings into the arena.
///
/// ```
/// use tf_layers::text;
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
///
/// let mut arena = StringArena::default();
/// let (mut inside, mut outside) = (Buffer::default(), Tensor::default());
/// let x = text::read_strings(&mut arena, View::new(&["a", "bc"], [2])?, inside.tensor([2])?)?;
/// text::write_strings(&arena, x, outside.tensor([2])?)?;
/// assert_eq!(outside.data(), ["a", "bc"]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If y has other dims than x, or there is not enough memory.
pub fn read_strings<'y, const R: usize>(
    arena: &mut StringArena,
    x: View<'_, &str, R>,
    mut y: ViewMut<'y, ArenaStr, R>,
) -> Result<View<'y, ArenaStr, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (y, x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
        *y = arena.add(x)?;
    }
    Ok(y.into_view())
}

/// Copies strings of the arena to the caller's, and reuses the memory of these.
///
/// # Errors
///
/// If y has other dims than x, or there is not enough memory.
pub fn write_strings<'y, const R: usize>(
    arena: &StringArena,
    x: View<'_, ArenaStr, R>,
    mut y: ViewMut<'y, String, R>,
) -> Result<View<'y, String, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
        let text = arena.get(x)?;
        y.clear();
        y.try_reserve(text.len()).map_err(|_| Error::Memory { bytes: text.len() })?;
        y.push_str(text);
    }
    Ok(y.into_view())
}
