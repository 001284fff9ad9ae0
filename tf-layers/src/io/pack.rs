//! Packs weights in a build script.
//!
//! Build scripts are not optimized, so packing copies complete rows with `copy_from_slice`. Only the kernels of Winograd
//! convolutions, which are transformed, are processed one number at a time.

use alloc::format;
use alloc::vec::Vec;

use super::element::Dtype;
use super::format::{ALIGN, HEADER, MAGIC, RECORD, VERSION, align};
use super::npy::NpyArray;
use super::npz::Npz;
use super::packing::Packing;
use crate::error::{Error, Result};
use crate::tensor::len;

/// An array of a model: its name in the NPZ archive, and its packing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    name: &'static str,
    dtype: Dtype,
    packing: Packing,
}

impl Entry {
    /// A vector of `len` floats; the array may have any shape with this number of elements.
    #[must_use]
    pub const fn vector(name: &'static str, len: usize) -> Self {
        Self::typed(name, Dtype::F32, len)
    }

    /// A vector of `len` elements of any type.
    #[must_use]
    pub const fn typed(name: &'static str, dtype: Dtype, len: usize) -> Self {
        Self { name, dtype, packing: Packing::Vector { len } }
    }

    /// A matrix of `rows` × `cols`. The array may have more than two dims, whose last is `cols`, such as a convolution
    /// kernel `[height, width, in_channels, out_channels]`.
    #[must_use]
    pub const fn matrix(name: &'static str, rows: usize, cols: usize) -> Self {
        Self::matrices(name, 1, rows, cols)
    }

    /// The matrices of a grouped convolution, each `rows` × `cols`. The array is `[rows, groups · cols]`, as in Keras.
    #[must_use]
    pub const fn matrices(name: &'static str, groups: usize, rows: usize, cols: usize) -> Self {
        Self { name, dtype: Dtype::F32, packing: Packing::Matrices { groups, rows, cols } }
    }

    /// The transformed kernel of a [`WinogradConv2d`](crate::nn::WinogradConv2d). The array is `[kernel_height,
    /// kernel_width, in_channels, out_channels]`.
    #[must_use]
    pub const fn winograd(name: &'static str, kernel_size: [usize; 2], channels: usize, cols: usize) -> Self {
        let [lines, taps] = kernel_size;
        Self { name, dtype: Dtype::F32, packing: Packing::Winograd { lines, taps, channels, cols } }
    }

    /// The array of the entry; an error if it is missing or has another type or size.
    fn find<'a>(&self, npz: &Npz<'a>) -> Result<NpyArray<'a>> {
        let array = npz.get(self.name)?;
        let (dtype, expected) = (self.dtype, self.packing.elements()?);
        let found = len(array.shape())?;
        if array.dtype() != dtype || found != expected {
            return Err(Error::Weights(format!(
                "`{}` has {found} elements of type {:?}, but the model expects {expected} of type {dtype:?}",
                self.name,
                array.dtype(),
            )));
        }
        Ok(array)
    }
}

/// Packs arrays of `npz` into a blob, in the order of `entries`. [`Blob`](super::Blob) finds them by their index in this
/// list. `architecture` is a hash that ties the blob to the list.
///
/// Allocates little more memory than the blob itself.
///
/// # Errors
///
/// If an array is missing or has another type or size, or there is not enough memory.
pub fn pack(npz: &Npz<'_>, entries: &[Entry], architecture: [u8; 32]) -> Result<Vec<u8>> {
    let table =
        entries.len().checked_mul(RECORD).and_then(|n| n.checked_add(HEADER)).ok_or(Error::Overflow)?;
    let count = u32::try_from(entries.len()).map_err(|_| Error::Overflow)?;
    let mut header = Vec::with_capacity(table);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&count.to_le_bytes());
    header.extend_from_slice(&architecture);
    header.resize(HEADER, 0);
    let mut end = table;
    for entry in entries {
        let [groups, a, b] = entry.packing.dims()?;
        let offset = align(end)?;
        header.extend_from_slice(&entry.packing.tag(entry.dtype).to_le_bytes());
        header.extend_from_slice(&u32::try_from(groups).map_err(|_| Error::Overflow)?.to_le_bytes());
        for field in [offset, a, b] {
            header.extend_from_slice(&(field as u64).to_le_bytes());
        }
        end = offset.checked_add(entry.packing.packed_bytes(entry.dtype)?).ok_or(Error::Overflow)?;
    }
    let mut blob = Vec::new();
    blob.try_reserve_exact(end).map_err(|_| Error::Memory { bytes: end })?;
    blob.extend_from_slice(&header);
    for entry in entries {
        let array = entry.find(npz)?;
        blob.resize(blob.len().next_multiple_of(ALIGN), 0);
        entry.packing.pack(array.bytes(), &mut blob)?;
    }
    Ok(blob)
}
