//! Packed weight matrices.

use super::packed_len;
use crate::error::{Result, check_len};
use crate::simd::PANEL;

/// One or more k×n matrices of weights, packed in panels of 16 columns.
///
/// A panel holds k rows of 16 elements. The last panel of a matrix is padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix<'w> {
    data: &'w [f32],
    groups: usize,
    rows: usize,
    cols: usize,
}

impl<'w> Matrix<'w> {
    /// Wraps the panels of `groups` matrices of `rows` × `cols`.
    ///
    /// # Errors
    ///
    /// If `data` has another length.
    pub fn new(data: &'w [f32], groups: usize, rows: usize, cols: usize) -> Result<Self> {
        check_len("packed matrix", packed_len(groups, rows, cols)?, data.len())?;
        Ok(Self { data, groups, rows, cols })
    }

    /// The number of matrices, which is 1 except for grouped, 3-D and Winograd convolutions.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// k, the rows of each matrix.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// n, the columns of each matrix.
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// The panels of matrix `group` and of those after it. Empty if there is no such matrix.
    pub(crate) fn group(&self, group: usize) -> &'w [f32] {
        let len = self.cols.div_ceil(PANEL) * self.rows * PANEL;
        self.data.get(group * len..).unwrap_or(&[])
    }
}
