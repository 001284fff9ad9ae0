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
    /// The string between two parts. If it is empty, runs of white space separate parts, and white space at the ends is
    /// ignored.
    pub delimiter: &'static str,
    /// The number of splits after which the rest of the string is one part.
    pub max_splits: usize,
    /// Whether only ASCII characters are white space, as in TensorFlow.
    pub is_ascii: bool,
}

impl StringSplit {
    /// Splits at Unicode's white space, without a limit.
    #[must_use]
    pub const fn at_whitespace() -> Self {
        Self { delimiter: "", max_splits: usize::MAX, is_ascii: false }
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

    fn is_space(self, character: char) -> bool {
        if self.is_ascii { matches!(character, ' ' | '\t'..='\r') } else { character.is_whitespace() }
    }

    /// The byte ranges of the parts of `text`.
    pub(super) fn parts<'t>(&self, text: &'t str) -> Parts<'t> {
        let mut parts = Parts { text, at: Some(0), split: *self, left: self.max_splits };
        parts.skip_whitespace();
        parts
    }
}

/// An iterator over the parts of a string.
pub(super) struct Parts<'t> {
    text: &'t str,
    /// The offset of the next part; `None` after the last.
    at: Option<usize>,
    split: StringSplit,
    /// The number of splits that may follow.
    left: usize,
}

impl Parts<'_> {
    /// Moves to the next part of a string that is split at white space.
    fn skip_whitespace(&mut self) {
        if let (Some(at), true) = (self.at, self.split.delimiter.is_empty()) {
            let rest = self.text[at..].trim_start_matches(|c| self.split.is_space(c));
            self.at = if rest.is_empty() { None } else { Some(self.text.len() - rest.len()) };
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at?;
        let rest = &self.text[start..];
        let found = match self.split.delimiter {
            _ if self.left == 0 => None,
            "" => rest.find(|c| self.split.is_space(c)),
            delimiter => rest.find(delimiter),
        };
        let Some(len) = found else {
            self.at = None;
            return Some(start..self.text.len());
        };
        self.left -= 1;
        self.at = Some(start + len + self.split.delimiter.len());
        self.skip_whitespace();
        Some(start..start + len)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn parts_are_those_of_python() {
        let cases: [(&str, &str, usize, &[&str]); 11] = [
            ("a b", "", usize::MAX, &["a", "b"]),
            ("  a \t\u{3000}b\n", "", usize::MAX, &["a", "b"]),
            ("a b  c ", "", 1, &["a", "b  c "]),
            (" a ", "", 0, &["a "]),
            ("", "", usize::MAX, &[]),
            (" \n", "", usize::MAX, &[]),
            ("a--b-", "-", usize::MAX, &["a", "", "b", ""]),
            ("a--b-", "-", 1, &["a", "-b-"]),
            ("", "-", usize::MAX, &[""]),
            ("aaaa", "aa", usize::MAX, &["", "", ""]),
            ("über—ö", "—", usize::MAX, &["über", "ö"]),
        ];
        for (text, delimiter, max_splits, expected) in cases {
            let parts = StringSplit { delimiter, max_splits, is_ascii: false }.parts(text);
            assert_eq!(parts.map(|part| &text[part]).collect::<Vec<_>>(), expected, "{text:?} {delimiter:?}");
        }
    }

    #[test]
    fn other_white_space_than_that_of_ascii_is_part_of_a_word() {
        let split = StringSplit { is_ascii: true, ..StringSplit::at_whitespace() };
        let text = "\u{b}a\u{a0}b\u{c}c\u{3000}";
        let parts: Vec<_> = split.parts(text).map(|part| &text[part]).collect();
        assert_eq!(parts, ["a\u{a0}b", "c\u{3000}"]);
    }
}
