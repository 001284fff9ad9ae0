//! The layouts of arrays in a blob.

use super::element::Dtype;
use crate::error::{Error, Result};
use crate::gemm::packed_len;
use crate::nn::conv::winograd::tile;
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

    /// The number of bytes in a blob.
    pub fn packed_bytes(self, dtype: Dtype) -> Result<usize> {
        let [groups, rows, cols] = self.dims()?;
        let elements = match self {
            Self::Vector { len } => len,
            Self::Matrices { .. } | Self::Winograd { .. } => packed_len(dtype.step(), groups, rows, cols)?,
        };
        elements.checked_mul(dtype.size()).ok_or(Error::Overflow)
    }
}
