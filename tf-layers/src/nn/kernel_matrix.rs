//! The kernels of layers that compute in `f32`: floats, or weights that take fewer bits.

mod rounding;

use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::{Result, check_len};
use crate::gemm::im2col::Windows;
use crate::gemm::{
    Epilogue, Gemm, Lhs, Linear, Matrix, RoundingMatrix, RowMajor, Scaled, ScaledMatrix, Weight, widen,
};
use crate::nn::{Conv2d, Dense};
use crate::simd::{F32, F32BF16, F32F16, F32I8, Isa, MAX_NR, MulAdd, PANEL, SmallWeights};
use crate::tensor::{BF16, Columns, F16, len};
use crate::window::Axis;

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

/// The products of a convolution, one for each group.
pub(crate) struct Products<'a, 'y> {
    /// The rows of each product.
    pub m: usize,
    /// The columns of each product.
    pub n: usize,
    /// The epilogue of all columns.
    pub linear: Linear<'a>,
    pub y: &'a mut Columns<'y>,
}

impl Products<'_, '_> {
    fn group(&mut self, group: usize) -> Product<'_> {
        let first = group * self.n;
        let linear = self.linear.columns(first..first + self.n);
        Product { group, m: self.m, linear, ldc: self.y.of, c: self.y.from(first) }
    }
}

/// The images of a convolution.
pub(crate) struct Images<'a> {
    pub x: &'a [f32],
    pub batch: usize,
    /// Vertical and horizontal.
    pub axes: [Axis; 2],
    pub channels: usize,
    /// The number of groups of channels.
    pub groups: usize,
}

impl<'a> Images<'a> {
    /// The windows of each group, and the number of it.
    fn windows(&self) -> impl Iterator<Item = (usize, Windows<'a, F32>)> {
        windows(self.x, self.axes, self.channels, self.groups)
    }
}

/// The windows of each group of channels, and the number of it.
fn windows<T: MulAdd>(
    x: &[T::A],
    axes: [Axis; 2],
    channels: usize,
    groups: usize,
) -> impl Iterator<Item = (usize, Windows<'_, T>)> {
    let depth = channels / groups.max(1);
    (0..groups).map(move |i| (i, Windows::new(x, axes, channels, i * depth..(i + 1) * depth)))
}

pub(crate) mod sealed {
    use super::{Columns, Context, Conv2d, Dense, Images, Product, Products, Result, RowMajor};

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
        /// The products with the windows of images.
        fn convolve(
            &self,
            cx: &mut Context<'_>,
            products: &mut Products<'_, '_>,
            a: &Images<'_>,
        ) -> Result<()>;
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
    fn convolve(&self, cx: &mut Context<'_>, products: &mut Products<'_, '_>, a: &Images<'_>) -> Result<()> {
        for (group, windows) in a.windows() {
            products.group(group).by_floats(cx.isa, self, windows);
        }
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
            fn convolve(
                &self,
                cx: &mut Context<'_>,
                products: &mut Products<'_, '_>,
                a: &Images<'_>,
            ) -> Result<()> {
                let strip = cx.scratch.write(strip_len(self)?)?;
                for (group, windows) in a.windows() {
                    products.group(group).widened::<$product>(cx.isa, strip, self, None, windows);
                }
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
    fn convolve(&self, cx: &mut Context<'_>, products: &mut Products<'_, '_>, a: &Images<'_>) -> Result<()> {
        let strip = cx.scratch.write(strip_len(&self.integers)?)?;
        for (group, windows) in a.windows() {
            let scales = Some(self.scales(group));
            products.group(group).widened::<F32I8>(cx.isa, strip, &self.integers, scales, windows);
        }
        Ok(())
    }
}

/// The elements of a strip of columns that is widened at a time.
fn strip_len<B: Weight>(b: &Matrix<'_, B>) -> Result<usize> {
    len(&[b.rows(), STRIP.min(b.cols().next_multiple_of(PANEL))])
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
