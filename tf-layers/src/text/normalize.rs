//! `StringNormalizer`: removes words and changes the case.

use crate::error::{Result, require};
use crate::tensor::{ArenaStr, StringArena, View, ViewMut};
use crate::text::StringTable;

/// The largest number of bytes of the lower or upper case of a character: three characters of four bytes.
const MOST: usize = 12;

/// A change of the case of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// The case stays.
    Unchanged,
    /// Unicode's lower case of each character.
    Lower,
    /// Unicode's upper case of each character.
    Upper,
    /// The lower case of ASCII letters, as in `tf.strings.lower`.
    AsciiLower,
    /// The upper case of ASCII letters, as in `tf.strings.upper`.
    AsciiUpper,
}

impl LetterCase {
    /// Changes the case of each string of x.
    ///
    /// # Errors
    ///
    /// If y has other dims than x, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        self,
        arena: &mut StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, ArenaStr, R>,
    ) -> Result<View<'y, ArenaStr, R>> {
        crate::tensor::check_dims(&x.dims(), &y.dims())?;
        for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
            *y = self.apply(arena, x)?;
        }
        Ok(y.into_view())
    }

    fn apply(self, arena: &mut StringArena, x: ArenaStr) -> Result<ArenaStr> {
        match self {
            Self::Unchanged => Ok(x),
            Self::Lower => arena.map(x, MOST, |c, add| c.to_lowercase().for_each(add)),
            Self::Upper => arena.map(x, MOST, |c, add| c.to_uppercase().for_each(add)),
            Self::AsciiLower => arena.map(x, MOST, |c, add| add(c.to_ascii_lowercase())),
            Self::AsciiUpper => arena.map(x, MOST, |c, add| add(c.to_ascii_uppercase())),
        }
    }
}

/// `StringNormalizer`: removes stop words from a list of words, then changes the case of the others.
///
/// ```
/// use tf_layers::text::{LetterCase, StringNormalizer, StringTable};
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
///
/// let stop_words = StringTable { bytes: b"athe", ends: &[1, 4] };
/// let normalizer = StringNormalizer { stop_words, is_case_sensitive: false, case: LetterCase::Upper };
/// let mut arena = StringArena::default();
/// let x = [arena.add("The")?, arena.add("cat")?];
/// let x = View::new(&x, [2])?;
/// let mut y = Buffer::default();
/// let count = normalizer.count(&arena, x)?;
/// let y = normalizer.run(&mut arena, x, y.tensor([count])?)?;
/// assert_eq!(arena.get(y.as_slice()?[0])?, "CAT");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StringNormalizer<'w> {
    /// The words to remove, sorted by their bytes; in lower case unless the comparison is case-sensitive.
    pub stop_words: StringTable<'w>,
    /// Whether words that differ from a stop word only in the case of letters stay.
    pub is_case_sensitive: bool,
    /// The change of the other words.
    pub case: LetterCase,
}

impl StringNormalizer<'_> {
    /// The number of words in the result: of those that stay, or 1 if none does.
    ///
    /// # Errors
    ///
    /// If a string does not belong to the arena.
    pub fn count<const R: usize>(&self, arena: &StringArena, x: View<'_, ArenaStr, R>) -> Result<usize> {
        let mut count = 0;
        for &word in x.as_slice()? {
            count += usize::from(!self.removes(arena.get(word)?));
        }
        Ok(count.max(1))
    }

    /// Writes the words that stay to y `[count]` or `[1, count]`; the empty string if none does.
    ///
    /// # Errors
    ///
    /// If y does not have [`count`](Self::count) elements, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        arena: &mut StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, ArenaStr, R>,
    ) -> Result<View<'y, ArenaStr, R>> {
        let words = y.as_mut_slice()?;
        require(words.len() == self.count(arena, x)?, "y", "have an element for each word that stays")?;
        words.fill(ArenaStr::default());
        let mut free = words.iter_mut();
        for &word in x.as_slice()? {
            if !self.removes(arena.get(word)?)
                && let Some(y) = free.next()
            {
                *y = self.case.apply(arena, word)?;
            }
        }
        Ok(y.into_view())
    }

    fn removes(&self, word: &str) -> bool {
        if self.is_case_sensitive {
            return self.stop_words.find(word).is_some();
        }
        // The order of strings by bytes is that by characters.
        let mut buffer = [0; 4];
        let found = self.stop_words.find_by(|key| {
            let mut rest = key;
            for character in word.chars().flat_map(char::to_lowercase) {
                let bytes = character.encode_utf8(&mut buffer).as_bytes();
                match rest.get(..bytes.len()).unwrap_or(rest).cmp(bytes) {
                    core::cmp::Ordering::Equal => rest = &rest[bytes.len()..],
                    other => return other,
                }
            }
            if rest.is_empty() { core::cmp::Ordering::Equal } else { core::cmp::Ordering::Greater }
        });
        found.is_some()
    }
}
