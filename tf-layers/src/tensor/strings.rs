//! Strings as elements of tensors.

use alloc::string::String;

use crate::error::{Error, Result, require};

/// A string in a [`StringArena`]: the element type of intermediate tensors of strings.
///
/// Copying one copies no characters, so every operator that only moves elements accepts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArenaStr {
    start: usize,
    len: usize,
}

/// The characters of the strings of one run.
///
/// Strings are only appended; [`clear`](Self::clear) frees all of them at once and keeps the memory for the next run.
///
/// ```
/// use tf_layers::tensor::StringArena;
///
/// let mut arena = StringArena::default();
/// let name = arena.add("Ada")?;
/// assert_eq!(arena.get(name)?, "Ada");
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct StringArena {
    text: String,
}

impl StringArena {
    /// Removes all strings. Elements of earlier tensors become invalid.
    pub fn clear(&mut self) {
        self.text.clear();
    }

    /// Appends a string.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub fn add(&mut self, text: &str) -> Result<ArenaStr> {
        self.reserve(text.len())?;
        let start = self.text.len();
        self.text.push_str(text);
        Ok(ArenaStr { start, len: text.len() })
    }

    /// The characters of a string.
    ///
    /// # Errors
    ///
    /// If the string belongs to another arena, or the arena was cleared.
    pub fn get(&self, text: ArenaStr) -> Result<&str> {
        let end = text.start.checked_add(text.len);
        let found = end.and_then(|end| self.text.get(text.start..end));
        found.ok_or(Error::Dims { what: "strings", must: "belong to the arena of the run" })
    }

    /// The number of bytes that the arena has allocated.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// The bytes `start..end` of a string of this arena, without copying them.
    ///
    /// # Errors
    ///
    /// If the range exceeds the string or splits a character.
    pub(crate) fn slice(&self, text: ArenaStr, start: usize, end: usize) -> Result<ArenaStr> {
        require(
            start <= end && self.get(text)?.get(start..end).is_some(),
            "range",
            "be within the string and split no character",
        )?;
        Ok(ArenaStr { start: text.start + start, len: end - start })
    }

    /// Appends the strings of this arena one after the other, as a new string.
    pub(crate) fn concat(&mut self, parts: &[ArenaStr]) -> Result<ArenaStr> {
        let start = self.text.len();
        for &part in parts {
            let len = self.get(part)?.len();
            self.reserve(len)?;
            self.text.extend_from_within(part.start..part.start + len);
        }
        Ok(ArenaStr { start, len: self.text.len() - start })
    }

    /// Appends strings of this arena with a separator between them, as a new string.
    pub(crate) fn join(&mut self, parts: &[ArenaStr], separator: ArenaStr) -> Result<ArenaStr> {
        let start = self.text.len();
        for (i, &part) in parts.iter().enumerate() {
            if i > 0 {
                self.concat(&[separator])?;
            }
            self.concat(&[part])?;
        }
        Ok(ArenaStr { start, len: self.text.len() - start })
    }

    /// Appends what `map` makes of each character of a string of this arena, as a new string.
    ///
    /// `map` calls its second argument for each character of the result, at most `most` bytes for one character.
    pub(crate) fn map(
        &mut self,
        text: ArenaStr,
        most: usize,
        mut map: impl FnMut(char, &mut dyn FnMut(char)),
    ) -> Result<ArenaStr> {
        let len = self.get(text)?.len();
        self.reserve(len)?;
        let (start, mut at, end) = (self.text.len(), text.start, text.start + len);
        while let Some(character) = self.text.get(at..end).and_then(|rest| rest.chars().next()) {
            at += character.len_utf8();
            self.reserve(most.max(character.len_utf8()))?;
            map(character, &mut |new| self.text.push(new));
        }
        Ok(ArenaStr { start, len: self.text.len() - start })
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.text.try_reserve(bytes).map_err(|_| Error::Memory { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_slices_of_the_arena() {
        let mut arena = StringArena::default();
        let word = arena.add("größer").unwrap();
        let part = arena.slice(word, 2, 4).unwrap();
        assert_eq!(arena.get(part), Ok("ö"));
        let twice = arena.concat(&[part, word, part]).unwrap();
        assert_eq!(arena.get(twice), Ok("ögrößerö"));
        let upper = arena.map(word, 12, |c, add| c.to_uppercase().for_each(add)).unwrap();
        assert_eq!(arena.get(upper), Ok("GRÖSSER"));
        assert!(arena.slice(word, 3, 4).is_err());
        assert!(arena.slice(word, 4, 3).is_err());
        assert!(arena.slice(word, 0, 99).is_err());
        assert_eq!(arena.get(ArenaStr::default()), Ok(""));
        arena.clear();
        assert!(arena.get(upper).is_err());
        assert!(arena.get(ArenaStr { start: usize::MAX, len: 2 }).is_err());
    }
}
