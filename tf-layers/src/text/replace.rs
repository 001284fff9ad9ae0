//! Replacement of characters: `tf.strings.regex_replace` with a pattern that is a set of characters.

use crate::error::Result;
use crate::tensor::{ArenaStr, StringArena, View, ViewMut, check_dims};

/// Replaces each ASCII character of a set by a string, as Keras' `TextVectorization` strips punctuation.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
/// use tf_layers::text::ReplaceCharacters;
///
/// let strip = ReplaceCharacters { set: 1 << b'!' | 1 << b'-', runs: false, by: "" };
/// let mut arena = StringArena::default();
/// let x = [arena.add("well-known!")?];
/// let mut y = Buffer::default();
/// let y = strip.run(&mut arena, View::new(&x, [1])?, y.tensor([1])?)?;
/// assert_eq!(arena.get(y.as_slice()?[0])?, "wellknown");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceCharacters {
    /// The characters, as bits: 1 << 33 is the exclamation mark.
    pub set: u128,
    /// Replace neighbours together instead of each.
    pub runs: bool,
    /// The replacement.
    pub by: &'static str,
}

impl ReplaceCharacters {
    /// Replaces the characters in each element of x.
    ///
    /// # Errors
    ///
    /// If y has other dims than x, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        arena: &mut StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, ArenaStr, R>,
    ) -> Result<View<'y, ArenaStr, R>> {
        check_dims(&x.dims(), &y.dims())?;
        for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
            let mut replaced = false;
            *y = arena.map(x, self.by.len(), |character, add| {
                let replaces = character.is_ascii() && self.set >> u32::from(character) & 1 == 1;
                if !replaces {
                    add(character);
                } else if !(self.runs && replaced) {
                    self.by.chars().for_each(add);
                }
                replaced = replaces;
            })?;
        }
        Ok(y.into_view())
    }
}
