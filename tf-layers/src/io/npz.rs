//! Reading NPZ archives.

use alloc::format;
use alloc::vec::Vec;

use super::npy::NpyArray;
use super::zip::{File, files};
use crate::error::{Error, Result};

/// An uncompressed NPZ archive, as `numpy.savez` writes it.
#[derive(Debug, Clone)]
pub struct Npz<'a> {
    files: Vec<File<'a>>,
}

impl<'a> Npz<'a> {
    /// Reads the archive's directory. Hostile bytes give an error, never a panic or a large allocation.
    pub fn parse(archive: &'a [u8]) -> Result<Self> {
        Ok(Self { files: files(archive)? })
    }

    /// The names of the arrays, in the order of the archive.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| stem(&file.name))
    }

    /// The array called `name`; an error if there is none or it cannot be read.
    pub fn get(&self, name: &str) -> Result<NpyArray<'a>> {
        let file = self.files.iter().find(|file| stem(&file.name) == name);
        let file = file.ok_or_else(|| Error::Npz(format!("there is no array `{name}` in it")))?;
        NpyArray::parse(name, file.data)
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}
