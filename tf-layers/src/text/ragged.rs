//! Ragged tensors: rows of different lengths, as TensorFlow stores them.
//!
//! The rows follow each other in one vector of values; row i is `splits[i]..splits[i + 1]`.

use core::ops::Range;

use crate::error::{Result, check_len, require};
use crate::tensor::{ArenaStr, Index, Number, StringArena, View, ViewMut, check_dims};
use crate::text::StringSplit;
use crate::text::split::Parts;

impl StringSplit {
    /// The number of parts of all strings.
    ///
    /// # Errors
    ///
    /// If a string does not belong to the arena.
    pub fn total(&self, arena: &StringArena, x: View<'_, ArenaStr, 1>) -> Result<usize> {
        let mut total = 0;
        for &text in x.as_slice()? {
            total += self.parts(arena.get(text)?).count();
        }
        Ok(total)
    }

    /// Splits each string into a row of a ragged tensor: `values` `[total]`, `splits` `[x + 1]`.
    ///
    /// # Errors
    ///
    /// If the dims of an output do not match x and the [`total`](Self::total).
    #[allow(clippy::type_complexity)]
    pub fn run_ragged<'v, 's>(
        &self,
        arena: &StringArena,
        x: View<'_, ArenaStr, 1>,
        mut values: ViewMut<'v, ArenaStr, 1>,
        mut splits: ViewMut<'s, i64, 1>,
    ) -> Result<(View<'v, ArenaStr, 1>, View<'s, i64, 1>)> {
        let (x, ends) = (x.as_slice()?, first_split(&mut splits, x.dims()[0])?);
        let mut free = values.as_mut_slice()?.iter_mut();
        let mut written = 0;
        for (&text, end) in x.iter().zip(ends) {
            let parts: Parts<'_> = self.parts(arena.get(text)?);
            for part in parts {
                let value = free.next();
                require(value.is_some(), "values", "have an element for each part")?;
                if let Some(value) = value {
                    *value = arena.slice(text, part.start, part.end)?;
                }
                written += 1;
            }
            *end = written;
        }
        require(free.next().is_none(), "values", "have an element for each part")?;
        Ok((values.into_view(), splits.into_view()))
    }
}

/// Sets the first of `rows + 1` splits to 0, and lends the others.
fn first_split<'s>(splits: &'s mut ViewMut<'_, i64, 1>, rows: usize) -> Result<&'s mut [i64]> {
    let splits = splits.as_mut_slice()?;
    match splits.split_first_mut() {
        Some((first, ends)) if ends.len() == rows => {
            *first = 0;
            Ok(ends)
        }
        _ => {
            require(false, "splits", "have an element more than there are rows")?;
            Ok(&mut [])
        }
    }
}

/// The ranges of the rows in `len` values.
///
/// # Errors
///
/// While iterating, if the splits decrease or exceed the values.
fn rows(splits: &[i64], len: usize) -> impl Iterator<Item = Result<Range<usize>>> + '_ {
    splits.windows(2).map(move |pair| {
        let range = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
        let range = range.filter(|&(start, end)| start <= end && end <= len);
        require(range.is_some(), "splits", "ascend from 0 to the number of values")?;
        Ok(range.map_or(0..0, |(start, end)| start..end))
    })
}

/// The length of the longest row.
///
/// # Errors
///
/// If the splits have gaps between them or decrease.
pub fn ragged_width(splits: View<'_, i64, 1>) -> Result<usize> {
    let mut width = 0;
    for row in rows(splits.as_slice()?, usize::MAX) {
        width = width.max(row?.len());
    }
    Ok(width)
}

/// Writes the rows of a ragged tensor to y `[rows, width]`: longer rows are cut, shorter ones padded with the only element
/// of `default`.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::text;
///
/// let (values, splits) = (View::new(&[1, 2, 3, 4], [4])?, View::new(&[0_i64, 1, 1, 4], [4])?);
/// let mut y = [0; 6];
/// let default = View::new(&[9], [])?;
/// let y = text::ragged_to_dense(splits, values, default, ViewMut::new(&mut y, [3, 2])?)?;
/// assert_eq!(y.as_slice()?, [1, 9, 9, 9, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If y has another number of rows, or the splits do not describe rows of the values.
pub fn ragged_to_dense<'y, T: Copy, const D: usize>(
    splits: View<'_, i64, 1>,
    values: View<'_, T, 1>,
    default: View<'_, T, D>,
    mut y: ViewMut<'y, T, 2>,
) -> Result<View<'y, T, 2>> {
    let [count, width] = y.dims();
    let (splits, values) = (splits.as_slice()?, values.as_slice()?);
    check_len("splits", count.saturating_add(1), splits.len())?;
    let y_rows = y.as_mut_slice()?;
    y_rows.fill(crate::ops::item(default)?);
    if width > 0 {
        for (row, y) in rows(splits, values.len()).zip(y_rows.chunks_exact_mut(width)) {
            let values = &values[row?];
            let len = values.len().min(width);
            y[..len].copy_from_slice(&values[..len]);
        }
    }
    Ok(y.into_view())
}

/// Counts the indices of each row of a ragged tensor: y `[rows, bins]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaggedBincount {
    /// Write 1 for each index that occurs instead of its number of occurrences.
    pub is_binary: bool,
}

impl RaggedBincount {
    /// Counts the indices. Those of `bins` or more are ignored.
    ///
    /// # Errors
    ///
    /// If y has another number of rows, the splits do not describe rows of the values, or an index is negative.
    pub fn run<'y, I: Index, T: Number>(
        self,
        splits: View<'_, i64, 1>,
        values: View<'_, I, 1>,
        mut y: ViewMut<'y, T, 2>,
    ) -> Result<View<'y, T, 2>> {
        let [count, bins] = y.dims();
        let (splits, values) = (splits.as_slice()?, values.as_slice()?);
        check_len("splits", count.saturating_add(1), splits.len())?;
        let counts = y.as_mut_slice()?;
        counts.fill(T::ZERO);
        if bins > 0 {
            for (row, counts) in rows(splits, values.len()).zip(counts.chunks_exact_mut(bins)) {
                for value in &values[row?] {
                    let index = value.index().and_then(|index| usize::try_from(index).ok());
                    require(index.is_some(), "values", "not be negative")?;
                    if let Some(count) = index.and_then(|index| counts.get_mut(index)) {
                        *count = if self.is_binary { T::ONE } else { count.add(T::ONE) };
                    }
                }
            }
        }
        Ok(y.into_view())
    }
}

/// The n-grams of each row of a ragged tensor of strings: runs of neighbours, joined by a separator.
///
/// A row holds those of the first width, then those of the second, and so on.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
/// use tf_layers::text::StringNGrams;
///
/// let ngrams = StringNGrams { widths: &[1, 2], separator: " " };
/// let mut arena = StringArena::default();
/// let words = [arena.add("to")?, arena.add("be")?];
/// let (values, splits) = (View::new(&words, [2])?, View::new(&[0, 2], [2])?);
/// let (mut y, mut ends) = (Buffer::default(), [0; 2]);
/// let total = ngrams.total(splits)?;
/// let (y, _) = ngrams.run(&mut arena, splits, values, y.tensor([total])?, ViewMut::new(&mut ends, [2])?)?;
/// assert_eq!(arena.get(y.as_slice()?[2])?, "to be");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringNGrams {
    /// The numbers of strings in an n-gram.
    pub widths: &'static [usize],
    /// The string between two strings of an n-gram.
    pub separator: &'static str,
}

impl StringNGrams {
    /// The number of n-grams of all rows.
    ///
    /// # Errors
    ///
    /// If the splits decrease.
    pub fn total(&self, splits: View<'_, i64, 1>) -> Result<usize> {
        let mut total: usize = 0;
        for row in rows(splits.as_slice()?, usize::MAX) {
            let len = row?.len();
            total = self.widths.iter().fold(total, |total, &width| total.saturating_add(count(len, width)));
        }
        Ok(total)
    }

    /// Writes the n-grams to the ragged tensor `y` `[total]`, `y_splits` `[rows + 1]`.
    ///
    /// # Errors
    ///
    /// If an output has other dims, the splits do not describe rows of the values, or there is not enough memory.
    #[allow(clippy::type_complexity)]
    pub fn run<'y, 's>(
        &self,
        arena: &mut StringArena,
        splits: View<'_, i64, 1>,
        values: View<'_, ArenaStr, 1>,
        mut y: ViewMut<'y, ArenaStr, 1>,
        mut y_splits: ViewMut<'s, i64, 1>,
    ) -> Result<(View<'y, ArenaStr, 1>, View<'s, i64, 1>)> {
        check_dims(&[self.total(splits)?], &y.dims())?;
        check_dims(&splits.dims(), &y_splits.dims())?;
        let (splits, values) = (splits.as_slice()?, values.as_slice()?);
        let ends = first_split(&mut y_splits, splits.len().saturating_sub(1))?;
        let separator = arena.add(self.separator)?;
        let (grams, mut at) = (y.as_mut_slice()?, 0);
        for (row, end) in rows(splits, values.len()).zip(ends) {
            let words = &values[row?];
            for &width in self.widths {
                for gram in words.windows(width.max(1)).take(count(words.len(), width)) {
                    grams[at] = arena.join(gram, separator)?;
                    at += 1;
                }
            }
            *end = at as i64;
        }
        Ok((y.into_view(), y_splits.into_view()))
    }
}

/// The number of n-grams in a row.
fn count(len: usize, width: usize) -> usize {
    if width == 0 { 0 } else { (len + 1).saturating_sub(width) }
}
