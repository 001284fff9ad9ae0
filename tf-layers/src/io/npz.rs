//! Reading NPZ archives.

use alloc::format;
use alloc::vec::Vec;

use super::npy::NpyArray;
use super::npy_strings::NpyStrings;
use super::zip::{File, files};
use crate::error::{Error, Result};

/// An uncompressed NPZ archive, as written by `numpy.savez`.
///
/// ```
/// use tf_layers::io::NpzWriter;
/// use tf_layers::prelude::*;
///
/// let mut writer = NpzWriter::new();
/// writer.add("bias", &[2], &[0.5_f32, -0.5])?;
/// let archive = writer.finish();
///
/// let npz = Npz::parse(&archive)?;
/// assert_eq!(npz.names().collect::<Vec<_>>(), ["bias"]);
/// assert_eq!(npz.get("bias")?.to_vec::<f32>()?, [0.5, -0.5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Npz<'a> {
    files: Vec<File<'a>>,
}

impl<'a> Npz<'a> {
    /// Parses the directory of the archive. Malformed input never causes a panic or a large allocation.
    ///
    /// # Errors
    ///
    /// If the archive is damaged, or an entry is compressed or encrypted.
    pub fn parse(archive: &'a [u8]) -> Result<Self> {
        Ok(Self { files: files(archive)? })
    }

    /// The names of the arrays, in the order of the archive.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| stem(&file.name))
    }

    /// The array `name`.
    ///
    /// # Errors
    ///
    /// If there is no such array, or it is not a little-endian, row-major array of a supported type.
    pub fn get(&self, name: &str) -> Result<NpyArray<'a>> {
        NpyArray::parse(name, self.file(name)?)
    }

    /// The array of strings `name`, which NumPy stores with the dtype `<U`.
    ///
    /// # Errors
    ///
    /// If there is no such array, or it does not contain strings.
    pub fn get_strings(&self, name: &str) -> Result<NpyStrings<'a>> {
        NpyStrings::parse(name, self.file(name)?)
    }

    fn file(&self, name: &str) -> Result<&'a [u8]> {
        let file = self.files.iter().find(|file| stem(&file.name) == name);
        let file =
            file.ok_or_else(|| Error::Npz(format!("there is no array `{name}`; add it to the archive")))?;
        Ok(file.data)
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}
