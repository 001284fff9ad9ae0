//! The kernel whose products round their left operand.

use super::sealed::Operand;
use super::{Images, MANY_ROWS, Product, Products, strip_len, windows};
use crate::Context;
use crate::checked::{part, part_mut, split_mut};
use crate::error::{Error, Result};
use crate::gemm::{Gemm, Lhs, Matrix, RoundingMatrix, RowMajor, round_bf16, round_floats};
use crate::parallel::threads;
use crate::simd::{BF16BF16, BLOCK_ROWS, F32, F32BF16, Isa, PANEL, TILE_BYTES, bf16_mut};
use crate::tensor::{BF16, Buffer, len};
use crate::window::{Axis, Padded};

/// Bytes of rows that are rounded together, so that they stay in the level-2 cache.
const ROUNDED_BYTES: usize = 512 * 1024;

impl Operand for RoundingMatrix<'_> {
    #[inline(always)]
    fn sizes(&self) -> [usize; 3] {
        self.0.sizes()
    }
    #[inline(always)]
    fn multiply(&self, cx: &mut Context<'_>, p: Product<'_>, a: RowMajor<'_, f32>) -> Result<()> {
        let (isa, RowMajor { data: x, stride }) = (cx.isa, a);
        if isa.has_bf16() {
            return self.multiply_rounded(isa, cx.scratch, p, a);
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
    #[inline(always)]
    fn convolve(&self, cx: &mut Context<'_>, products: &mut Products<'_, '_>, a: &Images<'_>) -> Result<()> {
        let (isa, scratch) = (cx.isa, &mut *cx.scratch);
        if !isa.has_bf16() {
            let (x, strip) = self.rounded_floats(isa, scratch, a.x)?;
            for (group, windows) in windows::<F32>(x, a.axes, a.channels, a.groups) {
                products.group(group).widened::<F32BF16>(isa, strip, &self.0, None, windows);
            }
            return Ok(());
        }
        let [m, k] = [products.m, self.0.rows()];
        // A stride skips the other pixels.
        if a.axes.iter().all(Axis::is_single) {
            let y = bf16_mut(scratch.write(len(&[m, k])?.div_ceil(2))?);
            let line = a.axes[1].output * k;
            for (group, windows) in a.windows() {
                for (x, y) in windows.lines(m).zip(y.chunks_exact_mut(line.max(1))) {
                    round_bf16(isa, x, k, (y, k));
                }
                products.group(group).by_bf16(isa, &self.0, RowMajor { data: part(y, ..m * k), stride: k });
            }
            return Ok(());
        }
        let (x, axes) = a.rounded(isa, scratch)?;
        for (group, windows) in windows::<BF16BF16>(x, axes, a.channels, a.groups) {
            products.group(group).by_bf16(isa, &self.0, windows);
        }
        Ok(())
    }
}

impl Images<'_> {
    /// The images as `BF16` and with their padding, in scratch memory, and the windows of them.
    fn rounded<'s>(&self, isa: Isa, scratch: &'s mut Buffer<f32>) -> Result<(&'s [BF16], [Axis; 2])> {
        let Self { x, batch, axes, channels, .. } = *self;
        let images = Padded { batch, axes, channels };
        let len = images.len()?;
        let y = part_mut(bf16_mut(scratch.write(len.div_ceil(2))?), ..len);
        if len == x.len() {
            round_bf16(isa, (x, len), len, (&mut *y, len));
        } else {
            images.write(x, BF16::default(), y, |x, y| round_bf16(isa, (x, x.len()), x.len(), (y, x.len())));
        }
        Ok((y, axes.map(Axis::padded)))
    }
}

impl RoundingMatrix<'_> {
    /// The product of rows that are rounded some at a time.
    fn multiply_rounded(
        &self,
        isa: Isa,
        scratch: &mut Buffer<f32>,
        p: Product<'_>,
        a: RowMajor<'_, f32>,
    ) -> Result<()> {
        let ([_, k, n], RowMajor { data: x, stride }) = (self.0.sizes(), a);
        let Product { group, m, linear, ldc, c } = p;
        // An odd number of cache lines between long rows, so that neighbours are in different sets of the cache.
        let line = TILE_BYTES / size_of::<BF16>();
        let pitch = if k >= 8 * line && k.is_multiple_of(2 * line) { k + line } else { k };
        let workers = threads(m.saturating_mul(k).saturating_mul(n)).max(1);
        let most = (ROUNDED_BYTES / size_of::<BF16>() / pitch.max(1)).max(BLOCK_ROWS) * workers;
        // Parts of nearly equal height.
        let most = m.div_ceil(m.div_ceil(most).max(1)).next_multiple_of(BLOCK_ROWS).min(m);
        let y = bf16_mut(scratch.write(len(&[most, pitch])?.div_ceil(2))?);
        for first in (0..m).step_by(most.max(1)) {
            let rows = most.min(m - first);
            round_bf16(
                isa,
                (part(x, first * stride..(first + rows - 1) * stride + k), stride),
                k,
                (&mut *y, pitch),
            );
            let a = RowMajor { data: part(y, ..(rows - 1) * pitch + k), stride: pitch };
            let c = part_mut(c, first * ldc..);
            Product { group, m: rows, linear, ldc, c }.by_bf16(isa, &self.0, a);
        }
        Ok(())
    }

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

impl Product<'_> {
    /// The product of `BF16`.
    #[inline(always)]
    fn by_bf16(self, isa: Isa, b: &Matrix<'_, BF16>, a: impl Lhs<BF16BF16>) {
        let Self { group, m, linear, ldc, c } = self;
        let gemm = Gemm::<BF16BF16, _>::with_epilogue(b.group(group), b.rows(), b.cols(), linear);
        gemm.ldc(ldc).run_parallel(isa, m, a, c);
    }
}
