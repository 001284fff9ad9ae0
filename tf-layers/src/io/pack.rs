//! Packing weights when a crate is built.
//!
//! Build scripts are compiled without optimisation, so everything here moves whole rows with
//! `copy_from_slice` and, but for kernels that are transformed, never touches single numbers.

use alloc::format;
use alloc::vec::Vec;

use super::element::Dtype;
use super::element::sealed::Bytes;
use super::format::{ALIGN, HEADER, MAGIC, MATRIX, RECORD, VECTOR, VERSION, align, tag};
use super::npy::NpyArray;
use super::npz::Npz;
use crate::error::{Error, Result};
use crate::gemm::packed_len;
use crate::nn::conv::winograd::{kernel_factor, tile};
use crate::simd::PANEL;
use crate::tensor::len;

/// One array of a model: its name in the NPZ archive, and how the kernels want it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Vector { dtype: Dtype, len: usize },
    Matrices { groups: usize, rows: usize, cols: usize },
    Winograd { lines: usize, taps: usize, channels: usize, cols: usize },
}

impl Entry {
    /// A vector of `len` floats; the array may have any shape of so many elements.
    #[must_use]
    pub const fn vector(name: &'static str, len: usize) -> Self {
        Self::typed(name, Dtype::F32, len)
    }

    /// A vector of `len` elements of any type.
    #[must_use]
    pub const fn typed(name: &'static str, dtype: Dtype, len: usize) -> Self {
        Self { name, kind: Kind::Vector { dtype, len } }
    }

    /// A matrix of k rows and n columns; the array is row-major, its last dim n (e.g. `[kh, kw, cin, cout]`).
    #[must_use]
    pub const fn matrix(name: &'static str, rows: usize, cols: usize) -> Self {
        Self::matrices(name, 1, rows, cols)
    }

    /// The matrices of a grouped convolution: the array is `[k, groups·n]`, as Keras has it, `cols` is the n
    /// of one group.
    #[must_use]
    pub const fn matrices(name: &'static str, groups: usize, rows: usize, cols: usize) -> Self {
        Self { name, kind: Kind::Matrices { groups, rows, cols } }
    }

    /// The matrices of a [`WinogradConv2d`](crate::nn::WinogradConv2d): the array is a row-major
    /// `[kernel_height, kernel_width, in_channels, out_channels]`. [`Blob::matrices`](super::Blob::matrices) finds them
    /// as six groups of `kernel_height · in_channels` rows, or eight from a width of 4 on.
    #[must_use]
    pub const fn winograd(name: &'static str, kernel_size: [usize; 2], channels: usize, cols: usize) -> Self {
        let [lines, taps] = kernel_size;
        Self { name, kind: Kind::Winograd { lines, taps, channels, cols } }
    }

    /// The first field of the record, the groups, both dims, and the bytes of the packed array.
    fn record(&self) -> Result<(u32, usize, usize, usize, usize)> {
        Ok(match self.kind {
            Kind::Vector { dtype, len } => {
                (tag(VECTOR, dtype), 1, len, 1, len.checked_mul(dtype.size()).ok_or(Error::Overflow)?)
            }
            Kind::Matrices { groups, rows, cols } => {
                let bytes = packed_len(groups, rows, cols)?.checked_mul(4).ok_or(Error::Overflow)?;
                (tag(MATRIX, Dtype::F32), groups, rows, cols, bytes)
            }
            Kind::Winograd { lines, taps, channels, cols } => {
                let rows = len(&[lines, channels])?;
                return Self { name: self.name, kind: Kind::Matrices { groups: tile(taps), rows, cols } }
                    .record();
            }
        })
    }

    /// The entry's array, if it has the right type and size.
    fn find<'a>(&self, npz: &Npz<'a>) -> Result<NpyArray<'a>> {
        let array = npz.get(self.name)?;
        let (dtype, expected) = match self.kind {
            Kind::Vector { dtype, len } => (dtype, len),
            Kind::Matrices { groups, rows, cols } => (Dtype::F32, len(&[groups, rows, cols])?),
            Kind::Winograd { lines, taps, channels, cols } => {
                (Dtype::F32, len(&[lines, taps, channels, cols])?)
            }
        };
        let found = len(array.shape())?;
        if array.dtype() != dtype || found != expected {
            return Err(Error::Weights(format!(
                "`{}` has {found} elements of {:?}, the model takes {expected} of {dtype:?}",
                self.name,
                array.dtype(),
            )));
        }
        Ok(array)
    }
}

/// Packs the arrays of `npz` into a blob, in the order of `entries`, by whose index [`Blob`](super::Blob)
/// finds them. Holds no more memory than the blob itself.
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
        let (tag, groups, a, b, bytes) = entry.record()?;
        let offset = align(end)?;
        header.extend_from_slice(&tag.to_le_bytes());
        header.extend_from_slice(&u32::try_from(groups).map_err(|_| Error::Overflow)?.to_le_bytes());
        for field in [offset, a, b] {
            header.extend_from_slice(&(field as u64).to_le_bytes());
        }
        end = offset.checked_add(bytes).ok_or(Error::Overflow)?;
    }
    let mut blob = Vec::new();
    blob.try_reserve_exact(end).map_err(|_| Error::Memory { bytes: end })?;
    blob.extend_from_slice(&header);
    for entry in entries {
        let array = entry.find(npz)?;
        blob.resize(blob.len().next_multiple_of(ALIGN), 0);
        match entry.kind {
            Kind::Vector { .. } => blob.extend_from_slice(array.bytes()),
            Kind::Matrices { groups, rows, cols } => {
                for group in 0..groups {
                    pack_matrix(array.bytes(), rows, groups * cols, group * cols, cols, &mut blob);
                }
            }
            Kind::Winograd { lines, taps, channels, cols } => {
                for value in 0..tile(taps) {
                    let matrix = transformed(array.bytes(), value, [lines, taps, channels, cols])?;
                    pack_matrix(&matrix, lines * channels, cols, 0, cols, &mut blob);
                }
            }
        }
    }
    Ok(blob)
}

/// One of the matrices of a kernel: its taps along the width, summed up with the factors of `value`.
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

/// Appends the panels of columns `first..first + cols` of a row-major matrix of `rows` × `stride` floats.
fn pack_matrix(bytes: &[u8], rows: usize, stride: usize, first: usize, cols: usize, blob: &mut Vec<u8>) {
    const FLOAT: usize = size_of::<f32>();
    for column in (0..cols).step_by(PANEL) {
        let width = PANEL.min(cols - column) * FLOAT;
        let mut start = (first + column) * FLOAT;
        if width == PANEL * FLOAT {
            for _ in 0..rows {
                blob.extend_from_slice(&bytes[start..start + PANEL * FLOAT]);
                start += stride * FLOAT;
            }
        } else {
            let mut row = [0; PANEL * FLOAT];
            for _ in 0..rows {
                row[..width].copy_from_slice(&bytes[start..start + width]);
                blob.extend_from_slice(&row);
                start += stride * FLOAT;
            }
        }
    }
}
