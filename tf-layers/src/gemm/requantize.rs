//! The epilogues of products of bytes.

use core::ops::Range;

use super::Epilogue;
use super::epilogue::{Tile, load, store};
use crate::checked::part_mut;
use crate::simd::{Accumulators, PANEL, Simd};

/// Rounds products of bytes to bytes: C = clamp(round((A·B + bias)·multipliers)) + zero point.
///
/// The product with a multiplier is rounded to `f32` once, then to the nearest integer, ties to even. Therefore the result
/// has the same bits on all instruction sets.
#[derive(Clone, Copy)]
pub(crate) struct Requantize<'a> {
    /// One integer for each column.
    pub bias: &'a [i32],
    /// One number for each column.
    pub multipliers: &'a [f32],
    pub zero_point: i32,
    /// The least and greatest result without the zero point. They are integers.
    pub low: f32,
    pub high: f32,
}

impl Requantize<'_> {
    /// Stores the results of a panel of sums in the columns of `c`.
    #[inline(always)]
    pub fn store_panel<S: Simd>(&self, s: S, mut sums: S::IntPanel, multipliers: S::Panel, c: &mut [u8]) {
        let (low, high, zero) = (s.splat(self.low), s.splat(self.high), s.isplat(self.zero_point));
        for lane in 0..PANEL / S::LANES {
            let scaled = s.mul(s.to_f32(sums[lane]), multipliers[lane]);
            // With the bound on the right, NaN becomes the bound.
            let clamped = s.min(s.max(scaled, low), high);
            sums[lane] = s.iadd(s.to_i32(clamped), zero);
        }
        s.store_bytes(sums, c);
    }
}

impl Epilogue<i32> for Requantize<'_> {
    type Output = u8;
    const PARTIAL_SUMS: bool = false;

    #[inline(always)]
    fn block(self, _first: bool, _last: bool) -> Self {
        self
    }

    fn columns(self, range: Range<usize>) -> Self {
        Self { bias: &self.bias[range.clone()], multipliers: &self.multipliers[range], ..self }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::IntPanel; P]; MR] {
        [load::<S, i32, P>(s, tile.columns_of(self.bias)); MR]
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
        c: &mut [u8],
    ) {
        let multipliers = load::<S, f32, P>(s, tile.columns_of(self.multipliers));
        for i in 0..MR {
            let row = tile.row_of(i, c);
            for j in 0..P {
                self.store_panel(
                    s,
                    sums[i][j],
                    multipliers[j],
                    part_mut(row, j * PANEL..tile.width.min((j + 1) * PANEL)),
                );
            }
        }
    }
}

/// Scales products of bytes to floats: C = (A·B + offsets)·multipliers + bias.
#[derive(Clone, Copy)]
pub(crate) struct Dequantize<'a> {
    /// One integer for each column.
    pub offsets: &'a [i32],
    /// One number for each column.
    pub multipliers: &'a [f32],
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
}

impl Epilogue<i32> for Dequantize<'_> {
    type Output = f32;
    const PARTIAL_SUMS: bool = false;

    #[inline(always)]
    fn block(self, _first: bool, _last: bool) -> Self {
        self
    }

    fn columns(self, range: Range<usize>) -> Self {
        Self {
            offsets: &self.offsets[range.clone()],
            multipliers: &self.multipliers[range.clone()],
            bias: self.bias.map(|bias| &bias[range]),
        }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::IntPanel; P]; MR] {
        [load::<S, i32, P>(s, tile.columns_of(self.offsets)); MR]
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
        c: &mut [f32],
    ) {
        let multipliers = load::<S, f32, P>(s, tile.columns_of(self.multipliers));
        let mut bias = [s.panel(0.0); P];
        if let Some(from) = self.bias {
            bias = load::<S, f32, P>(s, tile.columns_of(from));
        }
        for i in 0..MR {
            let mut row = [s.panel(0.0); P];
            for j in 0..P {
                for lane in 0..PANEL / S::LANES {
                    let scaled = s.mul(s.to_f32(sums[i][j][lane]), multipliers[j][lane]);
                    // Not fused, so that all instruction sets give the same bits.
                    row[j][lane] = s.add(scaled, bias[j][lane]);
                }
            }
            store::<S, f32, P>(s, row, tile.row_of(i, c));
        }
    }
}
