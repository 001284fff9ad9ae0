//! Tables that map strings or numbers to others.

use core::cmp::Ordering;

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::ops::offsets::resolve;
use crate::tensor::{ArenaStr, Index, StringArena, View, ViewMut, check_dims};

/// The strings of a model, borrowed from its weights.
///
/// ```
/// use tf_layers::text::StringTable;
///
/// let table = StringTable { bytes: b"catdog", ends: &[3, 6] };
/// assert_eq!(table.get(1)?, "dog");
/// assert_eq!((table.find("dog"), table.find("do")), (Some(1), None));
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringTable<'w> {
    /// The strings in UTF-8, one after the other. [`find`](Self::find) requires them in the order of their bytes.
    pub bytes: &'w [u8],
    /// The offset of the end of each string.
    pub ends: &'w [u32],
}

impl<'w> StringTable<'w> {
    /// The string at `index`.
    ///
    /// # Errors
    ///
    /// If there is no such string, or the table is damaged.
    pub fn get(&self, index: usize) -> Result<&'w str> {
        self.bytes_of(index)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .ok_or(Error::Weights("a table of strings is damaged; build the crate again"))
    }

    /// The index of `text` in a sorted table.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<usize> {
        self.find_by(|key| key.cmp(text.as_bytes()))
    }

    /// Maps indices to the strings of the table. Negative indices count from the end; `input` is the name of the index
    /// tensor for error messages.
    ///
    /// # Errors
    ///
    /// If y has other dims than x, an index is outside the table, or there is not enough memory.
    pub fn gather<'y, I: Index, const R: usize>(
        &self,
        arena: &mut StringArena,
        input: &'static str,
        x: View<'_, I, R>,
        mut y: ViewMut<'y, ArenaStr, R>,
    ) -> Result<View<'y, ArenaStr, R>> {
        check_dims(&x.dims(), &y.dims())?;
        let (x, size) = (x.as_slice()?, self.ends.len());
        for (position, y) in y.as_mut_slice()?.iter_mut().enumerate() {
            *y = arena.add(self.get(resolve(input, position, x, size)?)?)?;
        }
        Ok(y.into_view())
    }

    /// Writes all strings to y: a constant of the model.
    ///
    /// # Errors
    ///
    /// If y does not have an element for each string, or there is not enough memory.
    pub fn write<'y, const R: usize>(
        &self,
        arena: &mut StringArena,
        mut y: ViewMut<'y, ArenaStr, R>,
    ) -> Result<View<'y, ArenaStr, R>> {
        check_len("y", self.ends.len(), y.as_mut_slice()?.len())?;
        for (index, y) in y.as_mut_slice()?.iter_mut().enumerate() {
            *y = arena.add(self.get(index)?)?;
        }
        Ok(y.into_view())
    }

    /// The index of the string for which `compare` returns `Equal`, where the order of the table is that of `compare`.
    pub(super) fn find_by(&self, mut compare: impl FnMut(&[u8]) -> Ordering) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match compare(self.bytes_of(middle)?) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    fn bytes_of(&self, index: usize) -> Option<&'w [u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.bytes.get(start..end)
    }
}

/// Maps strings to values: ONNX' `LabelEncoder` with keys that are strings, Keras' `StringLookup`.
///
/// ```
/// use tf_layers::text::{StringLookup, StringTable};
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::StringArena;
///
/// let keys = StringTable { bytes: b"catdog", ends: &[3, 6] };
/// let lookup = StringLookup { keys, values: &[7_i64, 5], default: -1 };
/// let mut arena = StringArena::default();
/// let x = [arena.add("dog")?, arena.add("cow")?];
/// let mut y = [0; 2];
/// let y = lookup.run(&arena, View::new(&x, [2])?, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [5, -1]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StringLookup<'w, V> {
    /// The keys, sorted by their bytes.
    pub keys: StringTable<'w>,
    /// The value of each key.
    pub values: &'w [V],
    /// The value of strings that are not among the keys.
    pub default: V,
}

impl<V: Copy> StringLookup<'_, V> {
    /// Looks up each element of x.
    ///
    /// # Errors
    ///
    /// If y has other dims than x.
    pub fn run<'y, const R: usize>(
        &self,
        arena: &StringArena,
        x: View<'_, ArenaStr, R>,
        mut y: ViewMut<'y, V, R>,
    ) -> Result<View<'y, V, R>> {
        check_dims(&x.dims(), &y.dims())?;
        require(self.values.len() == self.keys.ends.len(), "values", "have an element for each key")?;
        for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
            *y = self.keys.find(arena.get(x)?).map_or(self.default, |at| self.values[at]);
        }
        Ok(y.into_view())
    }
}

/// Maps numbers to values: ONNX' `LabelEncoder` with keys that are numbers, Keras' `IntegerLookup`.
///
/// NaN is equal to NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberLookup<'w, K, V> {
    /// The keys in ascending order, NaN last.
    pub keys: &'w [K],
    /// The value of each key.
    pub values: &'w [V],
    /// The value of numbers that are not among the keys.
    pub default: V,
}

impl<K: Copy + PartialOrd, V: Copy> NumberLookup<'_, K, V> {
    /// Looks up each element of x.
    ///
    /// # Errors
    ///
    /// If y has other dims than x.
    pub fn run<'y, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, K, R>,
        mut y: ViewMut<'y, V, R>,
    ) -> Result<View<'y, V, R>> {
        check_dims(&x.dims(), &y.dims())?;
        require(self.values.len() == self.keys.len(), "values", "have an element for each key")?;
        for (y, &x) in y.as_mut_slice()?.iter_mut().zip(x.as_slice()?) {
            let found = self.keys.binary_search_by(|key| ascending(key, &x));
            *y = found.map_or(self.default, |at| self.values[at]);
        }
        Ok(y.into_view())
    }
}

/// The order of numbers with NaN last.
fn ascending<K: PartialOrd>(a: &K, b: &K) -> Ordering {
    let is_nan = |x: &K| x.partial_cmp(x).is_none();
    a.partial_cmp(b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}
