//! Packs weights in a build script: those of one model, or those of several in a blob that they share.
//!
//! Build scripts are not optimized, so packing copies complete rows with `copy_from_slice`. Only matrices of small
//! weights, whose rows are interleaved, and the kernels of Winograd convolutions, which are transformed, are processed
//! one number at a time.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::element::Dtype;
use super::element::sealed::Bytes;
use super::entry::Entry;
use super::format::{ENTRIES, HEADER, MAGIC, RECORD, VERSION};
use super::npy::NpyArray;
use super::npz::Npz;
use super::packing::Packing;
use crate::error::{Error, Result};
use crate::nn::conv::winograd::{kernel_factor, tile};
use crate::simd::PANEL;
use crate::tensor::len;

/// The alignment of arrays: a cache line.
const ALIGN: usize = 64;

/// The next multiple of [`ALIGN`].
fn align(offset: usize) -> Result<usize> {
    offset.checked_next_multiple_of(ALIGN).ok_or(Error::Overflow)
}

impl Entry {
    /// The array of the entry; an error if it is missing or has another type or size.
    fn find<'a>(&self, npz: &Npz<'a>) -> Result<NpyArray<'a>> {
        let array = npz.get(self.name)?;
        let (dtype, expected) = (self.dtype, self.packing.elements()?);
        let found = len(array.shape())?;
        if array.dtype() != dtype || found != expected {
            return Err(Error::Npz(format!(
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
    let table = table_len(entries)?;
    let mut blob = Vec::new();
    let mut end = table;
    for entry in entries {
        end = align(end)?.checked_add(entry.packing.packed_bytes(entry.dtype)?).ok_or(Error::Overflow)?;
    }
    blob.try_reserve_exact(end).map_err(|_| Error::Memory { bytes: end })?;
    blob.resize(table, 0);
    write_header(&mut blob, 0, entries, architecture)?;
    for (index, entry) in entries.iter().enumerate() {
        let array = entry.find(npz)?;
        let offset = align(blob.len())?;
        blob.resize(offset, 0);
        write_record(&mut blob, 0, index, entry, offset)?;
        entry.packing.pack(entry.dtype, array.bytes(), &mut blob)?;
    }
    Ok(blob)
}

/// The weights of a model, for [`pack_models`].
#[derive(Debug, Clone, Copy)]
pub struct ModelWeights<'a> {
    /// The archive with the arrays.
    pub npz: &'a Npz<'a>,
    /// The arrays, in the order of their indices.
    pub entries: &'a [Entry],
    /// The hash that ties the blob to the list.
    pub architecture: [u8; 32],
}

/// Packs the weights of several models into one blob, in which arrays with equal bytes occur once.
///
/// Returns the blob, and the offset at which the weights of each model begin. Everything from there on is a part for
/// [`Blob::parse`](super::Blob::parse): the tables are in front of all arrays, and each refers to those of its model.
///
/// # Errors
///
/// The same as [`pack`].
pub fn pack_models(models: &[ModelWeights<'_>]) -> Result<(Vec<u8>, Vec<usize>)> {
    let (mut blob, mut starts) = (Vec::new(), Vec::new());
    for model in models {
        let start = align(blob.len())?;
        let end = start.checked_add(table_len(model.entries)?).ok_or(Error::Overflow)?;
        reserve(&mut blob, end)?;
        blob.resize(end, 0);
        write_header(&mut blob, start, model.entries, model.architecture)?;
        starts.push(start);
    }
    // The offsets of the arrays by their lengths.
    let mut packed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (model, &start) in models.iter().zip(&starts) {
        for (index, entry) in model.entries.iter().enumerate() {
            let array = entry.find(model.npz)?;
            let (end, offset) = (blob.len(), align(blob.len())?);
            let len = entry.packing.packed_bytes(entry.dtype)?;
            reserve(&mut blob, offset.checked_add(len).ok_or(Error::Overflow)?)?;
            blob.resize(offset, 0);
            entry.packing.pack(entry.dtype, array.bytes(), &mut blob)?;
            let known = packed.entry(len).or_default();
            let equal = known.iter().copied().find(|&other| blob[other..other + len] == blob[offset..]);
            if equal.is_some() {
                blob.truncate(end);
            } else {
                known.push(offset);
            }
            write_record(&mut blob, start, index, entry, equal.unwrap_or(offset) - start)?;
        }
    }
    Ok((blob, starts))
}

/// The length of a header with the table of `entries`.
fn table_len(entries: &[Entry]) -> Result<usize> {
    entries.len().checked_mul(RECORD).and_then(|len| len.checked_add(HEADER)).ok_or(Error::Overflow)
}

/// Reserves memory for `blob` to have `len` bytes.
fn reserve(blob: &mut Vec<u8>, len: usize) -> Result<()> {
    blob.try_reserve(len - blob.len()).map_err(|_| Error::Memory { bytes: len })
}

/// Writes the header of a table at `start`.
fn write_header(blob: &mut [u8], start: usize, entries: &[Entry], architecture: [u8; 32]) -> Result<()> {
    let count = u32::try_from(entries.len()).map_err(|_| Error::Overflow)?;
    write(blob, start, MAGIC);
    write(blob, start + 8, &VERSION.to_le_bytes());
    write(blob, start + ENTRIES, &count.to_le_bytes());
    write(blob, start + 16, &architecture);
    Ok(())
}

/// Writes record `index` of the table at `start`; `offset` is that of the array, from `start` on.
fn write_record(blob: &mut [u8], start: usize, index: usize, entry: &Entry, offset: usize) -> Result<()> {
    let [groups, a, b] = entry.packing.dims()?;
    let at = start + HEADER + index * RECORD;
    write(blob, at, &entry.packing.tag(entry.dtype).to_le_bytes());
    write(blob, at + 4, &u32::try_from(groups).map_err(|_| Error::Overflow)?.to_le_bytes());
    for (i, field) in [offset, a, b].into_iter().enumerate() {
        write(blob, at + 8 * (i + 1), &(field as u64).to_le_bytes());
    }
    Ok(())
}

fn write(blob: &mut [u8], at: usize, bytes: &[u8]) {
    blob[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Packing {
    /// The number of elements of the array.
    pub fn elements(self) -> Result<usize> {
        match self {
            Self::Vector { len } => Ok(len),
            Self::Matrices { groups, rows, cols } => len(&[groups, rows, cols]),
            Self::Winograd { lines, taps, channels, cols } => len(&[lines, taps, channels, cols]),
        }
    }

    /// Packs an array of `dtype` with these bytes and appends it.
    pub fn pack(self, dtype: Dtype, bytes: &[u8], blob: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Vector { .. } => blob.extend_from_slice(bytes),
            Self::Matrices { groups, rows, cols } => {
                for group in 0..groups {
                    if dtype.step() > 1 {
                        pack_steps(
                            bytes,
                            [dtype.size(), dtype.step()],
                            rows,
                            groups * cols,
                            group * cols,
                            cols,
                            blob,
                        );
                    } else {
                        pack_matrix(bytes, dtype.size(), rows, groups * cols, group * cols, cols, blob);
                    }
                }
            }
            Self::Winograd { lines, taps, channels, cols } => {
                for value in 0..tile(taps) {
                    let matrix = transformed(bytes, value, [lines, taps, channels, cols])?;
                    pack_matrix(&matrix, dtype.size(), lines * channels, cols, 0, cols, blob);
                }
            }
        }
        Ok(())
    }
}

/// A matrix of a transformed kernel: the sum of the taps along the width, times the factors of `value`.
fn transformed(kernel: &[u8], value: usize, sizes: [usize; 4]) -> Result<Vec<u8>> {
    let [lines, taps, channels, cols] = sizes;
    let row = channels * cols;
    let mut matrix = Vec::new();
    let size = len(&[lines, row, size_of::<f32>()])?;
    matrix.try_reserve_exact(size).map_err(|_| Error::Memory { bytes: size })?;
    let factors: Vec<f64> = (0..taps).map(|tap| kernel_factor(value, tap, taps)).collect();
    for line in kernel.chunks_exact((taps * row * size_of::<f32>()).max(1)) {
        for at in (0..row * size_of::<f32>()).step_by(size_of::<f32>()) {
            let mut sum = 0.0;
            for (tap, factor) in factors.iter().enumerate() {
                let tap = at + tap * row * size_of::<f32>();
                sum += factor * f64::from(<f32 as Bytes>::read(&line[tap..tap + size_of::<f32>()]));
            }
            matrix.extend_from_slice(&(sum as f32).to_le_bytes());
        }
    }
    Ok(matrix)
}

/// Appends the panels of columns `first..first + cols` of a row-major matrix of `rows` × `stride` elements of `size` bytes.
fn pack_matrix(
    bytes: &[u8],
    size: usize,
    rows: usize,
    stride: usize,
    first: usize,
    cols: usize,
    blob: &mut Vec<u8>,
) {
    for column in (0..cols).step_by(PANEL) {
        let width = PANEL.min(cols - column) * size;
        let mut start = (first + column) * size;
        for _ in 0..rows {
            blob.extend_from_slice(&bytes[start..start + width]);
            if width < PANEL * size {
                blob.resize(blob.len() + PANEL * size - width, 0);
            }
            start += stride * size;
        }
    }
}

/// As [`pack_matrix`], for elements of `size` bytes whose panels have `step` elements of a column side by side.
fn pack_steps(
    bytes: &[u8],
    [size, step]: [usize; 2],
    rows: usize,
    stride: usize,
    first: usize,
    cols: usize,
    blob: &mut Vec<u8>,
) {
    for column in (0..cols).step_by(PANEL) {
        let width = PANEL.min(cols - column) * size;
        for row in (0..rows).step_by(step) {
            let start = blob.len();
            blob.resize(start + PANEL * step * size, 0);
            for i in 0..step.min(rows - row) {
                let from = &bytes[((row + i) * stride + first + column) * size..][..width];
                for byte in 0..size {
                    let to = blob[start + i * size + byte..].iter_mut().step_by(step * size);
                    for (to, &from) in to.zip(from[byte..].iter().step_by(size)) {
                        *to = from;
                    }
                }
            }
        }
    }
}
