//! Numbers as strings.

use core::fmt::{Display, Write};

use crate::error::Result;
use crate::tensor::{ArenaStr, Index, StringArena, View, ViewMut, check_dims};

/// Writes integers in decimal notation, as `tf.strings.as_string` does.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
/// use tf_layers::text;
///
/// let (mut arena, mut y) = (StringArena::default(), Buffer::default());
/// let y = text::format_integers(&mut arena, View::new(&[-17_i64], [1])?, y.tensor([1])?)?;
/// assert_eq!(arena.get(y.as_slice()?[0])?, "-17");
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If y has other dims than x, or there is not enough memory.
pub fn format_integers<'y, I: Index + Display, const R: usize>(
    arena: &mut StringArena,
    x: View<'_, I, R>,
    mut y: ViewMut<'y, ArenaStr, R>,
) -> Result<View<'y, ArenaStr, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (y, x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
        let mut digits = Digits { text: [0; 20], len: 0 };
        // An integer of 64 bits has at most 20 digits and a sign, so that this cannot fail.
        let _ = write!(digits, "{x}");
        let digits = digits.text.get(..digits.len).and_then(|text| core::str::from_utf8(text).ok());
        *y = arena.add(digits.unwrap_or_default())?;
    }
    Ok(y.into_view())
}

/// The characters of a number.
struct Digits {
    text: [u8; 20],
    len: usize,
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.len + text.len();
        self.text.get_mut(self.len..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
