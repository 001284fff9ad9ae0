//! The kernels of layers that compute in `f32`: floats, or weights that take fewer bits.

use crate::Context;
use crate::checked::{part, part_mut, split_mut};
use crate::error::{Error, Result, check_len};
use crate::gemm::im2col::Windows;
use crate::gemm::{
    Epilogue, Gemm, Lhs, Linear, Matrix, RoundingMatrix, RowMajor, Scaled, ScaledMatrix, Weight, round_bf16,
    round_floats, widen,
};
use crate::nn::{Conv2d, Dense};
use crate::simd::{BF16BF16, F32, F32BF16, F32F16, F32I8, Isa, MAX_NR, PANEL, SmallWeights, bf16_mut};
use crate::tensor::{BF16, Buffer, Columns, F16, len};

/// The kernel of a [`Dense`] layer or of a convolution: a [`Matrix`] of `f32`, [`F16`] or [`BF16`], a [`ScaledMatrix`], or a
/// [`RoundingMatrix`].
///
/// Layers compute in `f32`, except for the products of a [`RoundingMatrix`]. A product with few rows widens weights in registers while it multiplies, so it reads less
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

compiled!(Matrix<'_>, Matrix<'_, F16>, Matrix<'_, BF16>, ScaledMatrix<'_>, RoundingMatrix<'_>);

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
                    p.widened::<$product>(cx.isa, cx.scratch.write(strip_len(self)?)?, self, None, a);
                    return Ok(());
                }
                let epilogue = p.linear;
                p.by_small::<$product, _>(cx.isa, self, epilogue, a);
                Ok(())
            }
            #[inline(always)]
            fn convolve(&self, cx: &mut Context<'_>, p: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
                p.widened::<$product>(cx.isa, cx.scratch.write(strip_len(self)?)?, self, None, a);
                Ok(())
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
            let strip = cx.scratch.write(strip_len(&self.integers)?)?;
            p.widened::<F32I8>(cx.isa, strip, &self.integers, Some(scales), a);
            return Ok(());
        }
        let epilogue = Scaled { scales, linear: p.linear };
        p.by_small::<F32I8, _>(cx.isa, &self.integers, epilogue, a);
        Ok(())
    }
    #[inline(always)]
    fn convolve(&self, cx: &mut Context<'_>, p: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
        let scales = self.scales(p.group);
        let strip = cx.scratch.write(strip_len(&self.integers)?)?;
        p.widened::<F32I8>(cx.isa, strip, &self.integers, Some(scales), a);
        Ok(())
    }
}

impl Operand for RoundingMatrix<'_> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 3] {
        self.0.sizes()
    }
    #[inline(always)]
    fn multiply(&self, cx: &mut Context<'_>, p: Product<'_>, a: RowMajor<'_, f32>) -> Result<()> {
        let (isa, RowMajor { data: x, stride }) = (cx.isa, a);
        if isa.has_bf16() {
            let data = rounded(isa, cx.scratch, x)?;
            p.by_bf16(isa, &self.0, RowMajor { data, stride });
            return Ok(());
        }
        let (data, strip) = self.rounded_floats(isa, cx.scratch, x)?;
        let a = RowMajor { data, stride };
        if p.m >= MANY_ROWS {
            p.widened::<F32BF16>(isa, strip, &self.0, None, a);
            return Ok(());
        }
        let epilogue = p.linear;
        p.by_small::<F32BF16, _>(isa, &self.0, epilogue, a);
        Ok(())
    }
    /// Each group rounds all of x, except for pixels that a stride skips.
    #[inline(always)]
    fn convolve(&self, cx: &mut Context<'_>, p: Product<'_>, a: Windows<'_, F32>) -> Result<()> {
        let isa = cx.isa;
        if isa.has_bf16() {
            if let Some(pixels) = a.pixels(p.m) {
                let k = self.0.rows();
                let y = bf16_mut(cx.scratch.write(len(&[p.m, k])?.div_ceil(2))?);
                for (x, y) in pixels.zip(y.chunks_exact_mut(k.max(1))) {
                    round_bf16(isa, x, y);
                }
                p.by_bf16(isa, &self.0, RowMajor { data: y, stride: k });
                return Ok(());
            }
            let x = rounded(isa, cx.scratch, a.images())?;
            p.by_bf16(isa, &self.0, a.over::<BF16BF16>(x));
            return Ok(());
        }
        let (x, strip) = self.rounded_floats(isa, cx.scratch, a.images())?;
        p.widened::<F32BF16>(isa, strip, &self.0, None, a.over::<F32>(x));
        Ok(())
    }
}

/// x as `BF16`, in scratch memory.
fn rounded<'a>(isa: Isa, scratch: &'a mut Buffer<f32>, x: &[f32]) -> Result<&'a [BF16]> {
    let y = bf16_mut(scratch.write(x.len().div_ceil(2))?);
    round_bf16(isa, x, y);
    Ok(part(y, ..x.len()))
}

impl RoundingMatrix<'_> {
    /// x rounded to `BF16` as floats, and the memory for a strip of columns.
    fn rounded_floats<'a>(
        &self,
        isa: Isa,
        scratch: &'a mut Buffer<f32>,
        x: &[f32],
    ) -> Result<(&'a [f32], &'a mut [f32])> {
        // A strip begins with a cache line.
        let first = x.len().next_multiple_of(PANEL);
        let total = first.checked_add(strip_len(&self.0)?).ok_or(Error::Overflow)?;
        let (y, strip) = split_mut(scratch.write(total)?, first);
        let y = part_mut(y, ..x.len());
        round_floats(isa, x, y);
        Ok((y, strip))
    }
}

/// The elements of a strip of columns that is widened at a time.
fn strip_len<B: Weight>(b: &Matrix<'_, B>) -> Result<usize> {
    len(&[b.rows(), STRIP.min(b.cols().next_multiple_of(PANEL))])
}

impl Product<'_> {
    /// The product of `BF16`.
    #[inline(always)]
    fn by_bf16(self, isa: Isa, b: &Matrix<'_, BF16>, a: impl Lhs<BF16BF16>) {
        let Self { group, m, linear, ldc, c } = self;
        let gemm = Gemm::<BF16BF16, _>::with_epilogue(b.group(group), b.rows(), b.cols(), linear);
        gemm.ldc(ldc).run_parallel(isa, m, a, c);
    }

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

    /// The product with weights that are widened to `strip`, of [`strip_len`] elements, some columns at a time.
    #[inline(always)]
    fn widened<T: SmallWeights>(
        self,
        isa: Isa,
        strip: &mut [f32],
        b: &Matrix<'_, T::B>,
        scales: Option<&[f32]>,
        a: impl Lhs<F32>,
    ) where
        T::B: Weight,
    {
        let Self { group, m, linear, ldc, c } = self;
        let (k, n) = (b.rows(), b.cols());
        for first in (0..n).step_by(STRIP) {
            let columns = first..n.min(first + STRIP);
            let scales = scales.map(|scales| part(scales, columns.clone()));
            widen::<T>(isa, b.panels(group, first), [k, columns.len()], scales, strip);
            let gemm = Gemm::new(strip, k, columns.len()).linear(linear.columns(columns)).ldc(ldc);
            gemm.run_parallel(isa, m, a, part_mut(c, first..));
        }
    }
}
