//! Products of bytes, as layers call them.

use core::ops::Range;

use super::Byte;
use crate::gemm::im2col::Windows;
use crate::gemm::{Dequantize, Epilogue, Gemm, Requantize, RowMajor};
use crate::simd::{Isa, MulAdd};
use crate::window::Axis;

/// A product C = epilogue(A·B) with B of `k` rows and `n` columns, and C of `m` rows. The types of A are erased.
pub(crate) struct Product<'a, E: Epilogue<i32>> {
    pub isa: Isa,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: Operand<'a>,
    /// B, in panels.
    pub b: &'a [i8],
    pub epilogue: E,
    pub c: &'a mut [E::Output],
    /// Elements from one row of C to the next.
    pub ldc: usize,
}

/// Where the bits of A come from.
pub(crate) enum Operand<'a> {
    /// A row-major matrix without gaps.
    Matrix(&'a [u8]),
    /// The windows of some channels of images.
    Windows {
        x: &'a [u8],
        axes: [Axis; 2],
        channels: usize,
        group: Range<usize>,
        /// The padding of the images; see `Windows::padding`.
        padding: Option<&'a [u8]>,
    },
}

impl<E: Epilogue<i32>> Product<'_, E> {
    #[inline(always)]
    pub fn run<T: MulAdd<A = u8, B = i8, Acc = i32>>(self) {
        let Self { isa, m, k, n, a, b, epilogue, c, ldc } = self;
        let gemm = Gemm::<T, E>::with_epilogue(b, k, n, epilogue).ldc(ldc);
        match a {
            Operand::Matrix(data) => gemm.run_parallel(isa, m, RowMajor { data, stride: k }, c),
            Operand::Windows { x, axes, channels, group, padding } => {
                let mut windows = Windows::new(x, axes, channels, group);
                if let Some(padding) = padding {
                    windows = windows.padding(padding);
                }
                gemm.run_parallel(isa, m, windows, c);
            }
        }
    }
}

/// An epilogue of a product of bytes.
pub(crate) trait BytesEpilogue: Epilogue<i32> {
    /// Computes a product whose A has the bits of `X`.
    fn multiply<X: Byte>(product: Product<'_, Self>);
}

impl BytesEpilogue for Requantize<'_> {
    #[inline]
    fn multiply<X: Byte>(product: Product<'_, Self>) {
        X::requantize(product);
    }
}

impl BytesEpilogue for Dequantize<'_> {
    #[inline]
    fn multiply<X: Byte>(product: Product<'_, Self>) {
        X::dequantize(product);
    }
}
