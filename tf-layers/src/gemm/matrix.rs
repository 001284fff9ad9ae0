//! Packed weight matrices.

use super::packed_len;
use crate::error::{Result, check_len};
use crate::simd::{F32, MulAdd, PANEL, U8I8};

/// The element types of packed matrices: `f32` and `i8`.
pub trait Weight: Copy + sealed::Packed {}

pub(crate) mod sealed {
    /// How a matrix is packed.
    pub trait Packed: 'static {
        /// The neighbouring elements of a column that are side by side in a panel.
        const STEP: usize;
    }
}

impl Weight for f32 {}
impl sealed::Packed for f32 {
    const STEP: usize = F32::STEP;
}

impl Weight for i8 {}
impl sealed::Packed for i8 {
    const STEP: usize = U8I8::STEP;
}

/// One or more k×n matrices of weights, packed in panels of 16 columns.
///
/// A panel of `f32` holds k rows of 16 elements. A panel of `i8` holds ⌈k/4⌉ rows of 16 · 4 elements, where the elements of
/// four rows of the matrix are side by side for each column. The last panel of a matrix and the last row of each panel are
/// padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix<'w, B = f32> {
    data: &'w [B],
    groups: usize,
    rows: usize,
    cols: usize,
}

impl<'w, B: Weight> Matrix<'w, B> {
    /// Wraps the panels of `groups` matrices of `rows` × `cols`.
    ///
    /// # Errors
    ///
    /// If `data` has another length.
    pub fn new(data: &'w [B], groups: usize, rows: usize, cols: usize) -> Result<Self> {
        check_len("packed matrix", packed_len(B::STEP, groups, rows, cols)?, data.len())?;
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
    pub(crate) fn group(&self, group: usize) -> &'w [B] {
        let len = self.cols.div_ceil(PANEL) * self.rows.next_multiple_of(B::STEP) * PANEL;
        self.data.get(group * len..).unwrap_or(&[])
    }
}
