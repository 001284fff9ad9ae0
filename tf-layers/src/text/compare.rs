//! Elementwise operators on two tensors of strings.

use crate::error::Result;
use crate::tensor::broadcast::Plan;
use crate::tensor::{ArenaStr, StringArena, View, ViewMut};

/// `Equal` of strings: compares byte by byte, with NumPy's broadcasting.
///
/// # Errors
///
/// If y does not have the dims that a and b broadcast to, or has more than 8.
pub fn equal_strings<'y, const A: usize, const B: usize, const R: usize>(
    arena: &StringArena,
    a: View<'_, ArenaStr, A>,
    b: View<'_, ArenaStr, B>,
    mut y: ViewMut<'y, bool, R>,
) -> Result<View<'y, bool, R>> {
    let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
    let mut result = Ok(());
    plan.zip(a.as_slice()?, b.as_slice()?, y.as_mut_slice()?, |a, b| match (arena.get(a), arena.get(b)) {
        (Ok(a), Ok(b)) => a == b,
        (Err(error), _) | (_, Err(error)) => {
            result = Err(error);
            false
        }
    });
    result.map(|()| y.into_view())
}

/// `StringConcat`: y = a followed by b, with NumPy's broadcasting.
///
/// ```
/// use tf_layers::text;
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
///
/// let mut arena = StringArena::default();
/// let (a, b) = ([arena.add("sun")?, arena.add("mon")?], [arena.add("day")?]);
/// let (a, b) = (View::new(&a, [2])?, View::new(&b, [])?);
/// let mut y = Buffer::default();
/// let y = text::concat_strings(&mut arena, a, b, y.tensor([2])?)?;
/// assert_eq!(arena.get(y.as_slice()?[1])?, "monday");
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims that a and b broadcast to, or has more than 8, or there is not enough memory.
pub fn concat_strings<'y, const A: usize, const B: usize, const R: usize>(
    arena: &mut StringArena,
    a: View<'_, ArenaStr, A>,
    b: View<'_, ArenaStr, B>,
    mut y: ViewMut<'y, ArenaStr, R>,
) -> Result<View<'y, ArenaStr, R>> {
    let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
    let mut result = Ok(());
    plan.zip(a.as_slice()?, b.as_slice()?, y.as_mut_slice()?, |a, b| {
        arena.concat(&[a, b]).unwrap_or_else(|error| {
            result = Err(error);
            ArenaStr::default()
        })
    });
    result.map(|()| y.into_view())
}
