//! The list of the arrays of a model.

use super::element::Dtype;
use super::packing::Packing;

/// An array of a model: its name in the NPZ archive, and its packing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub(super) name: &'static str,
    pub(super) dtype: Dtype,
    pub(super) packing: Packing,
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
        Self::typed_matrices(name, Dtype::F32, groups, rows, cols)
    }

    /// As [`matrix`](Self::matrix), with elements of any type.
    #[must_use]
    pub const fn typed_matrix(name: &'static str, dtype: Dtype, rows: usize, cols: usize) -> Self {
        Self::typed_matrices(name, dtype, 1, rows, cols)
    }

    /// As [`matrices`](Self::matrices), with elements of any type.
    #[must_use]
    pub const fn typed_matrices(
        name: &'static str,
        dtype: Dtype,
        groups: usize,
        rows: usize,
        cols: usize,
    ) -> Self {
        Self { name, dtype, packing: Packing::Matrices { groups, rows, cols } }
    }

    /// The transformed kernel of a [`WinogradConv2d`](crate::nn::WinogradConv2d). The array is `[kernel_height,
    /// kernel_width, in_channels, out_channels]`.
    #[must_use]
    pub const fn winograd(name: &'static str, kernel_size: [usize; 2], channels: usize, cols: usize) -> Self {
        let [lines, taps] = kernel_size;
        Self { name, dtype: Dtype::F32, packing: Packing::Winograd { lines, taps, channels, cols } }
    }
}
