//! Products of bytes, as layers call them.

use core::ops::Range;

use crate::gemm::im2col::Windows;
use crate::gemm::{Dequantize, Epilogue, Gemm, Requantize, RowMajor};
use crate::simd::{Isa, U8I8};
use crate::window::Axis;

/// A product C = epilogue(A·B) with B of `k` rows and `n` columns, and C of `m` rows. A is the bits of `u8` or `i8`.
pub(crate) struct Product<'a, E: Epilogue<i32>> {
    pub isa: Isa,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: Operand<'a>,
    /// The bits of A to flip to make its bytes unsigned.
    pub flip: u8,
    /// B, in panels.
    pub b: &'a [i8],
    pub epilogue: E,
    pub c: &'a mut [E::Output],
    /// Elements from one row of C to the next.
    pub ldc: usize,
}

/// Where the bits of A come from.
pub(crate) enum Operand<'a> {
    Matrix(RowMajor<'a, u8>),
    /// The windows of some channels of images.
    Windows {
        x: &'a [u8],
        axes: [Axis; 2],
        channels: usize,
        group: Range<usize>,
        /// The padding of the images; see `Windows::padding`.
        padding: &'a [u8],
    },
}

impl<E: Epilogue<i32>> Product<'_, E> {
    #[inline(always)]
    fn compute(self) {
        let Self { isa, m, k, n, a, flip, b, epilogue, c, ldc } = self;
        let gemm = Gemm::<U8I8, E>::with_epilogue(b, k, n, epilogue).setup(flip).ldc(ldc);
        match a {
            Operand::Matrix(rows) => gemm.run_parallel(isa, m, rows, c),
            Operand::Windows { x, axes, channels, group, padding } => {
                let skips_padding = padding.first() == Some(&flip);
                let windows = Windows::new(x, axes, channels, group).padding(padding, skips_padding);
                gemm.run_parallel(isa, m, windows, c);
            }
        }
    }
}

/// An epilogue of a product of bytes.
pub(crate) trait BytesEpilogue: Epilogue<i32> {
    /// Computes a product. Not generic, so that a program has one copy of the kernels.
    fn multiply(product: Product<'_, Self>);
}

impl BytesEpilogue for Requantize<'_> {
    fn multiply(product: Product<'_, Self>) {
        product.compute();
    }
}

impl BytesEpilogue for Dequantize<'_> {
    fn multiply(product: Product<'_, Self>) {
        product.compute();
    }
}

impl BytesEpilogue for Dequantize<'_, true> {
    fn multiply(product: Product<'_, Self>) {
        product.compute();
    }
}
