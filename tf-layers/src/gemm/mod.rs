//! Matrix products: the kernel of dense layers, convolutions, recurrences and attention.
//!
//! The macro-kernel cuts a product into blocks that fit the caches and those into register tiles, which
//! `simd` computes. The right operand is packed in panels of 16 columns ([`Matrix`]); the left one is read where it lies,
//! be it a plain matrix or the windows of a convolution.

use core::ops::Range;

use crate::error::{Result, check_len};
use crate::parallel::{SLOW, each_piece, threads};
use crate::simd::{Isa, MAX_ROWS, STRIP};

pub(crate) mod im2col;
pub(crate) mod macro_kernel;
mod matrix;
pub(crate) mod operand;

use macro_kernel::Product;
pub use matrix::Matrix;
pub(crate) use matrix::packed_len;
use operand::{Plain, Rows, Start, Weights};

/// Bounds that leave every number as it is.
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

/// What the sums start with: the bias, of which there must be `n` numbers.
pub(crate) fn start(bias: Option<&[f32]>, n: usize) -> Result<Start<'_>> {
    let Some(bias) = bias else { return Ok(Start::Zero) };
    check_len("bias", n, bias.len())?;
    Ok(Start::Bias(bias))
}

/// A product of plain matrices.
pub(crate) struct Run<'a, 'y> {
    pub rows: usize,
    pub x: Plain<'a>,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Run<'_, '_> {
    /// All of it on one thread.
    pub fn here(self, isa: Isa) {
        isa.run(Product { rows: Rows::Plain(self.x), count: self.rows, weights: self.weights, y: self.y });
    }

    /// All of it, on several threads where that pays.
    pub fn on(self, isa: Isa) {
        let Self { rows, x: Plain { x, stride }, weights, y } = self;
        each_part(rows, weights, y, |rows, weights, y| {
            let x = Plain { x: &x[rows.start * stride..], stride };
            Run { rows: rows.len(), x, weights, y }.here(isa);
        });
    }
}

/// Runs `run` for a whole product: for pieces of its rows, or of its columns if there is one row, each with its own part
/// of y.
#[inline(always)]
pub(crate) fn each_part(
    rows: usize,
    weights: Weights<'_>,
    y: &mut [f32],
    run: impl Fn(Range<usize>, Weights<'_>, &mut [f32]) + Sync,
) {
    let work = rows.saturating_mul(weights.k).saturating_mul(weights.n);
    // In a product with one row each weight is read for one multiply-add.
    let threads = threads(if rows == 1 { work.saturating_mul(SLOW) } else { work });
    if threads <= 1 {
        return run(0..rows, weights, y);
    }
    if rows == 1 {
        let (n, begin) = (weights.n, |strip| strip * STRIP);
        let strips = (n / STRIP).max(1);
        each_piece(strips, threads, begin, y, &mut [], |piece, y, _| {
            let end = if piece.end == strips { n } else { begin(piece.end) };
            run(0..1, weights.columns(begin(piece.start)..end), y);
        });
        return;
    }
    // The largest tile of every instruction set divides the highest; what is left over belongs to the last one.
    let (tiles, begin) = ((rows / MAX_ROWS).max(1), |tile| tile * MAX_ROWS * weights.stride);
    each_piece(tiles, threads, begin, y, &mut [], |piece, y, _| {
        let end = if piece.end == tiles { rows } else { piece.end * MAX_ROWS };
        run(piece.start * MAX_ROWS..end, weights, y);
    });
}
