//! Packed matrices.

use super::packed_len;
use crate::error::{Result, check_len};
use crate::simd::PANEL;

/// One or more k×n matrices, packed in panels of 16 columns that are read from the first row to the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix<'w> {
    data: &'w [f32],
    groups: usize,
    rows: usize,
    cols: usize,
}

impl<'w> Matrix<'w> {
    /// Takes packed panels for `groups` matrices of `rows` × `cols`; an error if the length differs.
    pub fn new(data: &'w [f32], groups: usize, rows: usize, cols: usize) -> Result<Self> {
        check_len("packed matrix", packed_len(groups, rows, cols)?, data.len())?;
        Ok(Self { data, groups, rows, cols })
    }

    /// The number of matrices: 1 but for grouped convolutions.
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

    /// The panels of one group, one after the other, and those of the groups behind it; empty if there is no such group.
    pub(crate) fn group(&self, group: usize) -> &'w [f32] {
        let len = self.cols.div_ceil(PANEL) * self.rows * PANEL;
        self.data.get(group * len..).unwrap_or(&[])
    }
}
