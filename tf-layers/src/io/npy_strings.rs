//! Arrays of strings in NumPy's NPY format.
//!
//! The dtype `<U5` stands for strings of up to five characters: each element takes five UTF-32 code units, and NULs follow
//! a shorter string.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::npy::{RawArray, bytes, check_size, unusable};
use crate::error::{Error, Result};
use crate::tensor::{Shape, len};

/// The size of a UTF-32 code unit.
const UNIT: usize = 4;

/// An array of strings within an NPZ archive.
///
/// ```
/// use tf_layers::io::NpzWriter;
/// use tf_layers::prelude::*;
///
/// let mut writer = NpzWriter::new();
/// writer.add_strings("words", &[2], &["sun", "größe"])?;
/// let archive = writer.finish();
/// assert_eq!(Npz::parse(&archive)?.get_strings("words")?.to_vec()?, ["sun", "größe"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct NpyStrings<'a> {
    shape: Shape,
    data: &'a [u8],
    /// The number of bytes of an element.
    size: usize,
}

impl<'a> NpyStrings<'a> {
    pub(super) fn parse(name: &str, file: &'a [u8]) -> Result<Self> {
        let RawArray { descr, shape, data } = RawArray::parse(name, file)?;
        let units = descr.strip_prefix("<U").and_then(|units| units.parse::<usize>().ok());
        let size =
            units.filter(|&units| units > 0).and_then(|units| units.checked_mul(UNIT)).ok_or_else(|| {
                unusable(
                    name,
                    &format!("has dtype {descr}, but strings are expected; convert it with `astype(str)`"),
                )
            })?;
        check_size(name, &shape, size, data)?;
        Ok(Self { shape, data, size })
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Copies the strings, in row-major order.
    ///
    /// # Errors
    ///
    /// If an element is not Unicode text, or there is not enough memory.
    pub fn to_vec(&self) -> Result<Vec<String>> {
        let count = len(&self.shape)?;
        let mut strings = Vec::new();
        let size = count.saturating_mul(size_of::<String>());
        strings.try_reserve_exact(count).map_err(|_| Error::Memory { bytes: size })?;
        for (position, element) in self.data.chunks_exact(self.size).enumerate() {
            let len = element.iter().rposition(|&byte| byte != 0).map_or(0, |last| last / UNIT + 1);
            let units = element.chunks_exact(UNIT).take(len);
            let characters =
                units.map(|unit| bytes(unit, 0).map(u32::from_le_bytes).and_then(char::from_u32));
            let text: Option<String> = characters.collect();
            strings.push(text.ok_or_else(|| {
                Error::Npz(format!(
                    "element {position} of an array of strings is not Unicode text; export it again"
                ))
            })?);
        }
        Ok(strings)
    }
}

/// The dtype of an array of these strings, and its elements.
pub(super) fn encode<S: AsRef<str>>(strings: &[S]) -> (String, Vec<u8>) {
    let longest = strings.iter().map(|text| text.as_ref().chars().count()).max();
    let width = longest.unwrap_or(0).max(1);
    let mut data = Vec::new();
    for text in strings {
        let mut units = text.as_ref().chars();
        for _ in 0..width {
            data.extend_from_slice(&units.next().map_or(0, u32::from).to_le_bytes());
        }
    }
    (format!("<U{width}"), data)
}
