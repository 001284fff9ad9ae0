//! Packs weights in a build script.
//!
//! Build scripts are not optimized, so packing copies complete rows with `copy_from_slice`. Only matrices of bytes, whose
//! rows are interleaved, and the kernels of Winograd convolutions, which are transformed, are processed one number at a
//! time.

use alloc::format;
use alloc::vec::Vec;

use super::element::Dtype;
use super::element::sealed::Bytes;
use super::entry::Entry;
use super::format::{HEADER, MAGIC, RECORD, VERSION};
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
        entry.packing.pack(entry.dtype, array.bytes(), &mut blob)?;
    }
    Ok(blob)
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
                        pack_steps(bytes, dtype.step(), rows, groups * cols, group * cols, cols, blob);
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

/// As [`pack_matrix`], for bytes whose panels have `step` elements of a column side by side.
fn pack_steps(
    bytes: &[u8],
    step: usize,
    rows: usize,
    stride: usize,
    first: usize,
    cols: usize,
    blob: &mut Vec<u8>,
) {
    for column in (0..cols).step_by(PANEL) {
        let width = PANEL.min(cols - column);
        for row in (0..rows).step_by(step) {
            let start = blob.len();
            blob.resize(start + PANEL * step, 0);
            for i in 0..step.min(rows - row) {
                let from = &bytes[(row + i) * stride + first + column..][..width];
                for (to, &from) in blob[start + i..].iter_mut().step_by(step).zip(from) {
                    *to = from;
                }
            }
        }
    }
}
