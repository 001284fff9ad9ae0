//! Packed weight matrices.

use super::packed_len;
use crate::error::{Result, check_len};
use crate::simd::{F32, F32BF16, F32F16, MulAdd, PANEL, U8I8};
use crate::tensor::{BF16, F16};

/// The element types of packed matrices: `f32`, `F16`, `BF16` and `i8`.
pub trait Weight: Copy + sealed::Packed {}

pub(crate) mod sealed {
    /// How a matrix is packed.
    pub trait Packed: 'static {
        /// The neighbouring elements of a column that are side by side in a panel.
        const STEP: usize;
    }
}

macro_rules! weights {
    ($($weight:ty: $product:ty;)+) => {$(
        impl Weight for $weight {}
        impl sealed::Packed for $weight {
            const STEP: usize = <$product>::STEP;
        }
    )+};
}

weights! {
    f32: F32;
    F16: F32F16;
    BF16: F32BF16;
    i8: U8I8;
}

/// One or more k×n matrices of weights, packed in panels of 16 columns.
///
/// A panel of `f32` or `F16` holds k rows of 16 elements. A panel of `i8` holds ⌈k/4⌉ rows of 16 · 4 elements, where the
/// elements of four rows of the matrix are side by side for each column. A panel of `BF16` has two rows side by side. The last panel of a matrix and the last row of each panel are
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

    /// The panels from the one with column `column` of matrix `group` on. Empty if there is none.
    pub(crate) fn panels(&self, group: usize, column: usize) -> &'w [B] {
        let len = self.rows.next_multiple_of(B::STEP) * PANEL;
        self.group(group).get(column / PANEL * len..).unwrap_or(&[])
    }

    /// The panels of matrix `group` and of those after it. Empty if there is no such matrix.
    pub(crate) fn group(&self, group: usize) -> &'w [B] {
        let len = self.cols.div_ceil(PANEL) * self.rows.next_multiple_of(B::STEP) * PANEL;
        self.data.get(group * len..).unwrap_or(&[])
    }
}

/// A k×n matrix of 8-bit integers with a scale for each column: column j is `integers[.., j] · scales[j]`.
///
/// ```
/// use tf_layers::gemm::ScaledMatrix;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // One row is padded to 4, one column to 16.
/// let mut integers = [0i8; 64];
/// integers[0] = 3;
/// let kernel = ScaledMatrix { integers: Matrix::new(&integers, 1, 1, 1)?, scales: &[0.5] };
/// let mut y = [0.0];
/// let y = Dense::new(kernel).run(cx, View::new(&[2.0], [1, 1])?, ViewMut::new(&mut y, [1, 1])?)?;
/// assert_eq!(y.as_slice()?, [3.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledMatrix<'w> {
    /// One or more matrices, as in [`Matrix`].
    pub integers: Matrix<'w, i8>,
    /// `[groups · n]`
    pub scales: &'w [f32],
}

/// A k×n matrix of [`BF16`] whose left operand is rounded to [`BF16`], too, to nearest with ties to even. Products are summed
/// in `f32`.
///
/// The weights should be finite: tile registers multiply some of them by zeros that are no part of the product. Instructions for
/// `BF16` treat subnormal numbers as zero; instruction sets without them multiply floats. The order of the sums depends on
/// the instruction set, as in products of floats.
///
/// ```
/// use tf_layers::gemm::RoundingMatrix;
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::BF16;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // One row is padded to 2, one column to 16.
/// let mut weights = [BF16::default(); 32];
/// weights[0] = BF16::from_f32(3.0);
/// let kernel = RoundingMatrix(Matrix::new(&weights, 1, 1, 1)?);
/// let mut y = [0.0];
/// let y = Dense::new(kernel).run(cx, View::new(&[1.0 + 0.005], [1, 1])?, ViewMut::new(&mut y, [1, 1])?)?;
/// // Between 1 and 2, `BF16` are 1/128 apart.
/// assert_eq!(y.as_slice()?, [3.0 + 3.0 / 128.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundingMatrix<'w>(pub Matrix<'w, BF16>);
