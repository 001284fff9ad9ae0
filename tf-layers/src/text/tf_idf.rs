//! `TfIdfVectorizer`: counts of n-grams.

use core::cmp::Ordering;

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::tensor::{View, ViewMut};

/// The n-grams of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NGrams<'w> {
    /// The number of symbols in each, at least 1.
    pub len: usize,
    /// The symbols of all n-grams, one n-gram after the other, in lexicographic order.
    pub symbols: &'w [i64],
    /// The column of the result in which each n-gram is counted.
    pub columns: &'w [i64],
}

impl NGrams<'_> {
    /// The column of the n-gram of the symbols at `start`, `start + step`, …
    fn column(&self, row: &[i64], start: usize, step: usize) -> Option<usize> {
        let gram = || (0..self.len).filter_map(|i| row.get(start + i * step));
        let (mut low, mut high) = (0, self.columns.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.symbols.get(middle * self.len..(middle + 1) * self.len)?.iter().cmp(gram()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return usize::try_from(self.columns[middle]).ok(),
            }
        }
        None
    }
}

/// `TfIdfVectorizer`: counts the n-grams in rows of symbols, the indices of words in a table.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::text::{NGrams, TfIdf};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let pairs = NGrams { len: 2, symbols: &[0, 1, 1, 1], columns: &[1, 0] };
/// let count = TfIdf { ngrams: [pairs], max_skips: 0, weights: None, is_binary: false };
/// let x = View::new(&[0, 1, 1, 1], [1, 4])?;
/// let mut y = [0.0; 2];
/// let y = count.run(cx, x, ViewMut::new(&mut y, [1, 2])?)?;
/// assert_eq!(y.as_slice()?, [2.0, 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TfIdf<'w, const N: usize> {
    /// The n-grams by length.
    pub ngrams: [NGrams<'w>; N],
    /// The largest number of symbols between two symbols of an n-gram.
    pub max_skips: usize,
    /// The factor of each column.
    pub weights: Option<&'w [f32]>,
    /// Count an n-gram that occurs several times once.
    pub is_binary: bool,
}

impl<const N: usize> TfIdf<'_, N> {
    /// Counts the n-grams of each row of x in the same row of y.
    ///
    /// # Errors
    ///
    /// If x and y have different numbers of rows, or the weights do not match the columns of y.
    pub fn run<'y, const P: usize, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, i64, P>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        require(x.rows() == y.rows(), "y", "have a row for each row of x")?;
        require(self.ngrams.iter().all(|ngrams| ngrams.len > 0), "ngrams", "have symbols")?;
        let (width, columns) = (x.columns(), y.columns());
        let (x, counts) = (x.as_slice()?, y.as_mut_slice()?);
        counts.fill(0.0);
        if width > 0 && columns > 0 {
            for (row, counts) in x.chunks_exact(width).zip(counts.chunks_exact_mut(columns)) {
                self.count(row, counts);
            }
        }
        if let Some(weights) = self.weights {
            check_len("weights", columns, weights.len())?;
            for counts in counts.chunks_exact_mut(columns.max(1)) {
                for (count, weight) in counts.iter_mut().zip(weights) {
                    *count *= weight;
                }
            }
        }
        Ok(y.into_view())
    }

    fn count(&self, row: &[i64], counts: &mut [f32]) {
        for ngrams in &self.ngrams {
            // The symbols of a single one have no distance.
            let most = if ngrams.len == 1 { 0 } else { self.max_skips.min(row.len()) };
            for step in 1..=most + 1 {
                let starts = row.len().saturating_sub((ngrams.len - 1).saturating_mul(step));
                for start in 0..starts {
                    if let Some(count) = ngrams.column(row, start, step).and_then(|at| counts.get_mut(at)) {
                        *count = if self.is_binary { 1.0 } else { *count + 1.0 };
                    }
                }
            }
        }
    }
}
