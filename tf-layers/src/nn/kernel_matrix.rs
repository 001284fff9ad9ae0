//! The kernels of layers that compute in `f32`: floats, or weights that take fewer bits.

use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::{Result, check_len};
use crate::gemm::im2col::Windows;
use crate::gemm::{Epilogue, Gemm, Lhs, Linear, Matrix, RowMajor, Scaled, ScaledMatrix, Weight, widen};
use crate::nn::{Conv2d, Dense};
use crate::simd::{F32, F32BF16, F32F16, F32I8, Isa, MAX_NR, PANEL, SmallWeights};
use crate::tensor::{BF16, Columns, F16, len};

/// The kernel of a [`Dense`] layer or of a convolution: a [`Matrix`] of `f32`, [`F16`] or [`BF16`], or a [`ScaledMatrix`].
///
/// Layers compute in `f32`. A product with few rows widens weights in registers while it multiplies, so it reads less
/// memory. A product with many rows widens some columns at a time, once, into scratch memory.
#[allow(private_bounds)] // sealed
pub trait KernelMatrix: sealed::Compiled {}

/// A product with this many rows or more widens weights once. With fewer rows, each weight is widened at most twice.
const MANY_ROWS: usize = 9;
/// The columns that are widened at a time.
const STRIP: usize = MAX_NR;

/// C = linear(A·B), where B is matrix `group` of a kernel. C has `m` rows, `ldc` elements apart.
pub(crate) struct Product<'a> {
    pub group: usize,
    pub m: usize,
    pub linear: Linear<'a>,
    pub ldc: usize,
    pub c: &'a mut [f32],
}

pub(crate) mod sealed {
    use super::{Columns, Context, Conv2d, Dense, F32, Product, Result, RowMajor, Windows};

    /// What a product must know of its kernel.
    pub(crate) trait Operand: Copy {
        /// The number of matrices, and the rows and columns of each.
        fn sizes(&self) -> [usize; 3];
        /// An error if there is not one scale for each column.
        fn check(&self) -> Result<()> {
            Ok(())
        }
        /// The product with the rows of a matrix.
        fn multiply(&self, cx: &mut Context<'_>, product: Product<'_>, a: RowMajor<'_, f32>) -> Result<()>;
        /// The product with the windows of images.
        fn convolve(&self, cx: &mut Context<'_>, product: Product<'_>, a: Windows<'_, F32>) -> Result<()>;
    }

    /// The layers with this kernel. Not generic, so that a program has one copy of the matrix products.
    pub(crate) trait Compiled: Operand {
        fn dense(
            layer: &Dense<'_, Self>,
            cx: &mut Context<'_>,
            rows: usize,
            x: &[f32],
            y: Columns<'_>,
            accumulate: bool,
        ) -> Result<()>;
        fn conv(
            layer: &Conv2d<'_, Self>,
            cx: &mut Context<'_>,
            x: (&[f32], [usize; 4]),
            y: (Columns<'_>, [usize; 3]),
            accumulate: bool,
        ) -> Result<()>;
    }
}

use sealed::Operand;

macro_rules! compiled {
    ($($kernel:ty),+) => {$(
        impl KernelMatrix for $kernel {}
        impl sealed::Compiled for $kernel {
            fn dense(
                layer: &Dense<'_, Self>,
                cx: &mut Context<'_>,
                rows: usize,
                x: &[f32],
                y: Columns<'_>,
                accumulate: bool,
            ) -> Result<()> {
                layer.compute(cx, rows, x, y, accumulate)
            }
            fn conv(
                layer: &Conv2d<'_, Self>,
                cx: &mut Context<'_>,
                x: (&[f32], [usize; 4]),
                y: (Columns<'_>, [usize; 3]),
                accumulate: bool,
            ) -> Result<()> {
                layer.compute(cx, x, y, accumulate)
            }
        }
    )+};
}

compiled!(Matrix<'_>, Matrix<'_, F16>, Matrix<'_, BF16>, ScaledMatrix<'_>);

impl Operand for Matrix<'_> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 3] {
        [self.groups(), self.rows(), self.cols()]
    }
    #[inline(always)]
    fn multiply(&self, cx: &mut Context<'_>, product: Product<'_>, a: RowMajor<'_, f32>) -> Result<()> {
        product.by_floats(cx.isa, self, a);
        Ok(())
    }
    #[inline(always)]
    fn convolve(&self, cx: &mut Context<'_>, product: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
        product.by_floats(cx.isa, self, a);
        Ok(())
    }
}

macro_rules! small_floats {
    ($($weight:ty: $product:ty;)+) => {$(
        impl Operand for Matrix<'_, $weight> {
            #[inline(always)]
            fn sizes(&self) -> [usize; 3] {
                [self.groups(), self.rows(), self.cols()]
            }
            #[inline(always)]
            fn multiply(&self, cx: &mut Context<'_>, p: Product<'_>, a: RowMajor<'_, f32>) -> Result<()> {
                if p.m >= MANY_ROWS {
                    return p.widened::<$product>(cx, self, None, a);
                }
                let epilogue = p.linear;
                p.by_small::<$product, _>(cx.isa, self, epilogue, a);
                Ok(())
            }
            #[inline(always)]
            fn convolve(&self, cx: &mut Context<'_>, p: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
                p.widened::<$product>(cx, self, None, a)
            }
        }
    )+};
}

small_floats! {
    F16: F32F16;
    BF16: F32BF16;
}

impl ScaledMatrix<'_> {
    /// The scales of the columns of matrix `group`.
    fn scales(&self, group: usize) -> &[f32] {
        let columns = self.integers.cols();
        part(self.scales, group * columns..(group + 1) * columns)
    }
}

impl Operand for ScaledMatrix<'_> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 3] {
        [self.integers.groups(), self.integers.rows(), self.integers.cols()]
    }
    fn check(&self) -> Result<()> {
        let [groups, _, columns] = self.sizes();
        check_len("scales", len(&[groups, columns])?, self.scales.len())
    }
    #[inline(always)]
    fn multiply(&self, cx: &mut Context<'_>, p: Product<'_>, a: RowMajor<'_, f32>) -> Result<()> {
        let scales = self.scales(p.group);
        if p.m >= MANY_ROWS {
            return p.widened::<F32I8>(cx, &self.integers, Some(scales), a);
        }
        let epilogue = Scaled { scales, linear: p.linear };
        p.by_small::<F32I8, _>(cx.isa, &self.integers, epilogue, a);
        Ok(())
    }
    #[inline(always)]
    fn convolve(&self, cx: &mut Context<'_>, p: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
        let scales = self.scales(p.group);
        p.widened::<F32I8>(cx, &self.integers, Some(scales), a)
    }
}

impl Product<'_> {
    /// The product with panels of floats.
    #[inline(always)]
    fn by_floats(self, isa: Isa, b: &Matrix<'_>, a: impl Lhs<F32>) {
        let Self { group, m, linear, ldc, c } = self;
        Gemm::from_matrix(b, group).linear(linear).ldc(ldc).run_parallel(isa, m, a, c);
    }

    /// The product with weights that are widened in registers.
    #[inline(always)]
    fn by_small<T: SmallWeights, E: Epilogue<f32, Output = f32>>(
        self,
        isa: Isa,
        b: &Matrix<'_, T::B>,
        epilogue: E,
        a: RowMajor<'_, f32>,
    ) where
        T::B: Weight,
    {
        let gemm = Gemm::<T, E>::with_epilogue(b.group(self.group), b.rows(), b.cols(), epilogue);
        gemm.ldc(self.ldc).run_parallel(isa, self.m, a, self.c);
    }

    /// The product with weights that are widened to scratch memory, some columns at a time.
    #[inline(always)]
    fn widened<T: SmallWeights>(
        self,
        cx: &mut Context<'_>,
        b: &Matrix<'_, T::B>,
        scales: Option<&[f32]>,
        a: impl Lhs<F32>,
    ) -> Result<()>
    where
        T::B: Weight,
    {
        let Self { group, m, linear, ldc, c } = self;
        let (k, n) = (b.rows(), b.cols());
        let isa = cx.isa;
        let strip = cx.scratch.write(len(&[k, STRIP.min(n.next_multiple_of(PANEL))])?)?;
        for first in (0..n).step_by(STRIP) {
            let columns = first..n.min(first + STRIP);
            let scales = scales.map(|scales| part(scales, columns.clone()));
            widen::<T>(isa, b.panels(group, first), [k, columns.len()], scales, strip);
            let gemm = Gemm::new(strip, k, columns.len()).linear(linear.columns(columns)).ldc(ldc);
            gemm.run_parallel(isa, m, a, part_mut(c, first..));
        }
        Ok(())
    }
}
