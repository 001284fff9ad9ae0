//! The layouts of arrays in a blob.

use alloc::vec::Vec;

use super::element::Dtype;
use super::element::sealed::Bytes;
use crate::error::{Error, Result};
use crate::gemm::packed_len;
use crate::nn::conv::winograd::{kernel_factor, tile};
use crate::simd::PANEL;
use crate::tensor::len;

/// The layout of an array, and its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// `len` elements of any shape, unchanged.
    Vector { len: usize },
    /// `groups` matrices of `rows` × `cols` that are concatenated along the columns, each packed in panels of 16
    /// columns.
    Matrices { groups: usize, rows: usize, cols: usize },
    /// A kernel `[lines, taps, channels, cols]`, transformed: a matrix of `lines · channels` × `cols` for each value of
    /// a Winograd tile, packed as above.
    Winograd { lines: usize, taps: usize, channels: usize, cols: usize },
}

impl Packing {
    /// The first field of the record of an array of `dtype`.
    pub fn tag(self, dtype: Dtype) -> u32 {
        let packing = match self {
            Self::Vector { .. } => 0,
            Self::Matrices { .. } => 1,
            Self::Winograd { .. } => 2,
        };
        packing << 8 | dtype as u32
    }

    /// The number of matrices, and the rows and columns of each. For a vector 1, its length and 1.
    pub fn dims(self) -> Result<[usize; 3]> {
        Ok(match self {
            Self::Vector { len } => [1, len, 1],
            Self::Matrices { groups, rows, cols } => [groups, rows, cols],
            Self::Winograd { lines, taps, channels, cols } => [tile(taps), len(&[lines, channels])?, cols],
        })
    }

    /// The number of elements of the array.
    pub fn elements(self) -> Result<usize> {
        match self {
            Self::Vector { len } => Ok(len),
            Self::Matrices { groups, rows, cols } => len(&[groups, rows, cols]),
            Self::Winograd { lines, taps, channels, cols } => len(&[lines, taps, channels, cols]),
        }
    }

    /// The number of bytes in a blob.
    pub fn packed_bytes(self, dtype: Dtype) -> Result<usize> {
        let [groups, rows, cols] = self.dims()?;
        let elements = match self {
            Self::Vector { len } => len,
            Self::Matrices { .. } | Self::Winograd { .. } => packed_len(groups, rows, cols)?,
        };
        elements.checked_mul(dtype.size()).ok_or(Error::Overflow)
    }

    /// Packs an array with these bytes and appends it.
    pub fn pack(self, bytes: &[u8], blob: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Vector { .. } => blob.extend_from_slice(bytes),
            Self::Matrices { groups, rows, cols } => {
                for group in 0..groups {
                    pack_matrix(bytes, rows, groups * cols, group * cols, cols, blob);
                }
            }
            Self::Winograd { lines, taps, channels, cols } => {
                for value in 0..tile(taps) {
                    let matrix = transformed(bytes, value, [lines, taps, channels, cols])?;
                    pack_matrix(&matrix, lines * channels, cols, 0, cols, blob);
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
