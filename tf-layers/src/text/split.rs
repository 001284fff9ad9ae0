//! `StringSplit`: the parts of strings between delimiters.

use core::ops::Range;

use crate::error::{Result, check_len, require};
use crate::tensor::{ArenaStr, StringArena, View, ViewMut};

/// `StringSplit`: splits each string at a delimiter, as Python's `str.split` does.
///
/// ```
/// use tf_layers::text::StringSplit;
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
///
/// let split = StringSplit::at_whitespace();
/// let mut arena = StringArena::default();
/// let x = [arena.add(" to be  or")?, arena.add("not")?];
/// let x = View::new(&x, [2])?;
/// let (mut y, mut counts) = (Buffer::default(), [0; 2]);
/// let width = split.width(&arena, x)?;
/// let (y, counts) = split.run(&arena, x, y.tensor([2, width])?, ViewMut::new(&mut counts, [2])?)?;
/// assert_eq!((y.dims(), counts.as_slice()?), ([2, 3], &[3, 1][..]));
/// assert_eq!(arena.get(y.as_slice()?[1])?, "be");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringSplit {
    /// What separates two parts.
    pub at: Separator,
    /// The number of splits after which the rest of the string is one part.
    pub max_splits: usize,
}

/// What separates two parts of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// A run of Unicode's white space, which is ignored at the ends of the string.
    Whitespace,
    /// The same with ASCII's white space, as in TensorFlow.
    AsciiWhitespace,
    /// A string that is not empty.
    Delimiter(&'static str),
    /// Nothing: every character is a part.
    Nothing,
}

impl StringSplit {
    /// Splits at Unicode's white space, without a limit.
    #[must_use]
    pub const fn at_whitespace() -> Self {
        Self { at: Separator::Whitespace, max_splits: usize::MAX }
    }

    /// The largest number of parts of a string of x.
    ///
    /// # Errors
    ///
    /// If a string does not belong to the arena.
    pub fn width<const R: usize>(&self, arena: &StringArena, x: View<'_, ArenaStr, R>) -> Result<usize> {
        let mut width = 0;
        for &text in x.as_slice()? {
            width = width.max(self.parts(arena.get(text)?).count());
        }
        Ok(width)
    }

    /// Writes the parts to y `[.., width]`, padded with empty strings, and their numbers to `counts` `[..]`.
    ///
    /// # Errors
    ///
    /// If the dims of y or `counts` do not match x and the [`width`](Self::width).
    #[allow(clippy::type_complexity)]
    pub fn run<'y, 'c, const R: usize, const S: usize>(
        &self,
        arena: &StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, ArenaStr, S>,
        mut counts: ViewMut<'c, i64, R>,
    ) -> Result<(View<'y, ArenaStr, S>, View<'c, i64, R>)> {
        let (x, width) = (x.as_slice()?, y.columns());
        check_len("counts", x.len(), counts.as_mut_slice()?.len())?;
        check_len("y", x.len().saturating_mul(width), y.as_mut_slice()?.len())?;
        y.as_mut_slice()?.fill(ArenaStr::default());
        let mut rows = y.as_mut_slice()?.chunks_exact_mut(width.max(1));
        for (&text, count) in x.iter().zip(counts.as_mut_slice()?) {
            let row = rows.next().unwrap_or_default();
            let mut found = 0;
            for part in self.parts(arena.get(text)?) {
                require(found < row.len(), "y", "have a column for each part")?;
                row[found] = arena.slice(text, part.start, part.end)?;
                found += 1;
            }
            *count = found as i64;
        }
        Ok((y.into_view(), counts.into_view()))
    }

    /// The byte ranges of the parts of `text`.
    pub(super) fn parts<'t>(&self, text: &'t str) -> Parts<'t> {
        let mut parts = Parts { text, at: Some(0), separator: self.at, left: self.max_splits };
        parts.skip_separators();
        parts
    }
}

/// An iterator over the parts of a string.
pub(super) struct Parts<'t> {
    text: &'t str,
    /// The offset of the next part; `None` after the last.
    at: Option<usize>,
    separator: Separator,
    /// The number of splits that may follow.
    left: usize,
}

impl Parts<'_> {
    /// Moves to the next part of a string that may have none.
    fn skip_separators(&mut self) {
        let Some(at) = self.at else { return };
        let rest = &self.text[at..];
        let rest = match self.separator {
            Separator::Whitespace => rest.trim_start_matches(char::is_whitespace),
            Separator::AsciiWhitespace => rest.trim_start_matches(is_ascii_space),
            Separator::Delimiter(_) => return,
            Separator::Nothing => rest,
        };
        self.at = if rest.is_empty() { None } else { Some(self.text.len() - rest.len()) };
    }
}

fn is_ascii_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

impl Iterator for Parts<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at?;
        let rest = &self.text[start..];
        // The length of the part and of what separates it from the next.
        let found = match self.separator {
            _ if self.left == 0 => None,
            Separator::Whitespace => rest.find(char::is_whitespace).map(|len| (len, 0)),
            Separator::AsciiWhitespace => rest.find(is_ascii_space).map(|len| (len, 0)),
            Separator::Delimiter(delimiter) => rest.find(delimiter).map(|len| (len, delimiter.len())),
            Separator::Nothing => rest.chars().next().map(|character| (character.len_utf8(), 0)),
        };
        let Some((len, between)) = found else {
            self.at = None;
            return Some(start..self.text.len());
        };
        self.left -= 1;
        self.at = Some(start + len + between);
        self.skip_separators();
        Some(start..start + len)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn parts_are_those_of_python() {
        use Separator::{Delimiter, Nothing, Whitespace};
        let cases: [(&str, Separator, usize, &[&str]); 14] = [
            ("a b", Whitespace, usize::MAX, &["a", "b"]),
            ("  a \t\u{3000}b\n", Whitespace, usize::MAX, &["a", "b"]),
            ("a b  c ", Whitespace, 1, &["a", "b  c "]),
            (" a ", Whitespace, 0, &["a "]),
            ("", Whitespace, usize::MAX, &[]),
            (" \n", Whitespace, usize::MAX, &[]),
            ("a--b-", Delimiter("-"), usize::MAX, &["a", "", "b", ""]),
            ("a--b-", Delimiter("-"), 1, &["a", "-b-"]),
            ("", Delimiter("-"), usize::MAX, &[""]),
            ("aaaa", Delimiter("aa"), usize::MAX, &["", "", ""]),
            ("über—ö", Delimiter("—"), usize::MAX, &["über", "ö"]),
            ("ü b", Nothing, usize::MAX, &["ü", " ", "b"]),
            ("über", Nothing, 1, &["ü", "ber"]),
            ("", Nothing, usize::MAX, &[]),
        ];
        for (text, at, max_splits, expected) in cases {
            let parts = StringSplit { at, max_splits }.parts(text);
            assert_eq!(parts.map(|part| &text[part]).collect::<Vec<_>>(), expected, "{text:?} {at:?}");
        }
    }

    #[test]
    fn other_white_space_than_that_of_ascii_is_part_of_a_word() {
        let split = StringSplit { at: Separator::AsciiWhitespace, ..StringSplit::at_whitespace() };
        let text = "\u{b}a\u{a0}b\u{c}c\u{3000}";
        let parts: Vec<_> = split.parts(text).map(|part| &text[part]).collect();
        assert_eq!(parts, ["a\u{a0}b", "c\u{3000}"]);
    }
}
