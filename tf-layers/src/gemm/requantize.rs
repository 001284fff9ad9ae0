//! The epilogues of products of bytes.

use core::hint::black_box;
use core::ops::Range;

use super::Epilogue;
use super::epilogue::{Tile, load, store};
use crate::checked::part;
use crate::simd::{Accumulators, PANEL, Portable, Simd, copy_front};

/// How floats become bytes: clamp(round(x)) + zero point.
///
/// x is rounded to the nearest integer, ties to even. NaN becomes the least result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub zero_point: i32,
    /// The least and greatest result without the zero point.
    pub low: i32,
    pub high: i32,
    /// The bit that makes unsigned bytes of the results.
    pub flip: u8,
}

impl Rounding {
    /// Rounds a vector of floats.
    #[inline(always)]
    pub fn round<S: Simd>(&self, s: S, x: S::F32) -> S::I32 {
        // With the bound on the right, NaN becomes the bound.
        let clamped = s.min(s.max(x, s.splat(self.low as f32)), s.splat(self.high as f32));
        s.iadd(s.to_i32(clamped), s.isplat(self.zero_point))
    }

    /// Rounds four vectors of floats to bytes in the order of [`Simd::pack_bytes`].
    #[inline(always)]
    pub fn pack<S: Simd>(&self, s: S, x: [S::F32; 4]) -> S::I32 {
        let high = s.splat(self.high as f32);
        let mut ints = [s.isplat(0); 4];
        for i in 0..4 {
            // With the bound on the left, NaN stays NaN.
            ints[i] = s.to_i32_or_min(s.min(high, x[i]));
        }
        let offset = self.zero_point + i32::from(self.flip);
        let least = self.low + offset;
        let offset = s.isplat(offset.wrapping_mul(0x1_0001));
        let bytes = s.pack_bytes(ints, offset, s.isplat(i32::from_ne_bytes([least as u8; 4])));
        s.xor(bytes, s.isplat(i32::from_ne_bytes([self.flip; 4])))
    }
}

/// The zero points of B, and what they take from the sums: A·(B − columns) = A·B − row sums·columns.
#[derive(Clone, Copy)]
pub(crate) struct ZeroPoints<'a> {
    /// A zero point for each column, from −2¹⁵ to 2¹⁵ − 1.
    pub columns: &'a [i32],
    /// The sum of each row of A, less than 2²⁹.
    pub row_sums: &'a [i32],
}

impl ZeroPoints<'_> {
    fn columns(self, range: Range<usize>) -> Self {
        Self { columns: part(self.columns, range), ..self }
    }

    #[inline(always)]
    fn rows(self, first: usize) -> Self {
        Self { row_sums: part(self.row_sums, first..), ..self }
    }

    /// The sums of a tile minus the products of its row sums and zero points.
    #[inline(always)]
    fn subtract<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
    ) -> Accumulators<S, i32, MR, P> {
        const BITS: i32 = 14;
        let columns = load::<S, i32, P>(s, tile.columns_of(self.columns));
        // A loop, not unrolled, as in `Requantize::store`.
        let mut sums = black_box(sums);
        for (sums, &row) in sums.iter_mut().zip(part(self.row_sums, tile.row..)) {
            // `imul` takes 15 bits.
            let [high, low] = [row >> BITS, row & ((1 << BITS) - 1)].map(|bits| s.isplat(bits));
            for j in 0..P {
                for lane in 0..PANEL / S::LANES {
                    let zero = columns[j][lane];
                    let products = s.iadd(s.shl::<BITS>(s.imul(high, zero)), s.imul(low, zero));
                    sums[j][lane] = s.isub(sums[j][lane], products);
                }
            }
        }
        sums
    }
}

/// Rounds products of bytes to bytes: C = clamp(round((A·(B − zero points) + bias)·multipliers)) + zero point.
///
/// The product with a multiplier is rounded to `f32` once, then to the nearest integer, ties to even. Therefore the result
/// has the same bits on all instruction sets.
#[derive(Clone, Copy)]
pub(crate) struct Requantize<'a> {
    /// One integer for each column.
    pub bias: &'a [i32],
    /// Those of B, if they are not all 0.
    pub zero_points: Option<ZeroPoints<'a>>,
    /// One number for each column.
    pub multipliers: &'a [f32],
    pub rounding: Rounding,
}

impl Requantize<'_> {
    /// The results of a vector of sums.
    #[inline(always)]
    fn round<S: Simd>(&self, s: S, sums: S::I32, multipliers: S::F32) -> S::I32 {
        self.rounding.round(s, s.mul(s.to_f32(sums), multipliers))
    }

    /// The results of four vectors of sums, in the order of [`Simd::pack_bytes`].
    #[inline(always)]
    pub fn pack<S: Simd>(&self, s: S, sums: [S::I32; 4], mut multipliers: [S::F32; 4]) -> S::I32 {
        for i in 0..4 {
            multipliers[i] = s.mul(s.to_f32(sums[i]), multipliers[i]);
        }
        self.rounding.pack(s, multipliers)
    }

    /// The result of a sum.
    pub fn round_one(&self, sum: i32, multiplier: f32) -> u8 {
        let s = Portable;
        self.round(s, s.isplat(sum), s.splat(multiplier))[0] as u8
    }

    /// Stores the results of a panel of sums in the columns of `c`.
    #[inline(always)]
    pub fn store_panel<S: Simd>(&self, s: S, mut sums: S::IntPanel, multipliers: S::Panel, c: &mut [u8]) {
        for lane in 0..PANEL / S::LANES {
            sums[lane] = self.round(s, sums[lane], multipliers[lane]);
        }
        s.store_bytes(sums, c);
    }
}

/// Copies `N` bytes.
#[inline(always)]
fn copy_array<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
}

/// The vectors that hold `panels` panels.
const fn vectors<S: Simd>(panels: usize) -> usize {
    panels * (PANEL / S::LANES)
}

impl Requantize<'_> {
    /// Stores a register tile, four vectors of sums at a time: those of one row, or of several rows if there are fewer in a
    /// row.
    #[inline(always)]
    fn store_packed<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: &Accumulators<S, i32, MR, P>,
        multipliers: [S::Panel; P],
        c: &mut [u8],
    ) {
        let in_row = const { vectors::<S>(P) };
        let rows = const { 4 / vectors::<S>(P) };
        let mut repeated = [s.splat(0.0); 4];
        for at in 0..rows * in_row {
            let column = at % in_row;
            repeated[at] = multipliers[column / vectors::<S>(1)][column % vectors::<S>(1)];
        }
        let mut row = 0;
        while row < MR {
            let mut group = [s.isplat(0); 4];
            for at in 0..rows * in_row {
                let column = at % in_row;
                let sums = &sums[(row + at / in_row).min(MR - 1)];
                group[at] = sums[column / vectors::<S>(1)][column % vectors::<S>(1)];
            }
            let bytes = s.in_order(self.pack(s, group, repeated));
            if const { vectors::<S>(P) == 4 } {
                s.store_quads(bytes, tile.row_of(row, c));
            } else {
                let mut all = [0; 4 * PANEL];
                s.store_quads(bytes, &mut all);
                for (i, bytes) in all.chunks_exact(P * PANEL).enumerate().take(rows.min(MR - row)) {
                    let c = tile.row_of(row + i, c);
                    // Usually a whole row, which the compiler stores without a detour through memory.
                    match P {
                        1 if c.len() == PANEL => copy_array::<PANEL>(c, bytes),
                        2 if c.len() == 2 * PANEL => copy_array::<{ 2 * PANEL }>(c, bytes),
                        _ => copy_front(c, bytes),
                    }
                }
            }
            row += rows;
        }
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
        Self {
            bias: part(self.bias, range.clone()),
            zero_points: self.zero_points.map(|zero_points| zero_points.columns(range.clone())),
            multipliers: part(self.multipliers, range),
            ..self
        }
    }

    #[inline(always)]
    fn rows(self, first: usize) -> Self {
        Self { zero_points: self.zero_points.map(|zero_points| zero_points.rows(first)), ..self }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::IntPanel; P]; MR] {
        let sums = [load::<S, i32, P>(s, tile.columns_of(self.bias)); MR];
        match self.zero_points {
            Some(zero_points) => zero_points.subtract(s, tile, sums),
            None => sums,
        }
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
        c: &mut [u8],
    ) {
        // A loop over the rows, not unrolled: the code of a tile would otherwise be several times as long. The loop reads
        // the sums in memory; hidden from the compiler, they stay in registers until here.
        let sums = black_box(sums);
        let multipliers = load::<S, f32, P>(s, tile.columns_of(self.multipliers));
        if const { S::PACKS && vectors::<S>(P) <= 4 } {
            return self.store_packed(s, tile, &sums, multipliers, c);
        }
        for (i, sums) in sums.iter().enumerate() {
            let (whole, rest) = tile.row_of(i, c).as_chunks_mut::<PANEL>();
            if let Some(whole) = whole.first_chunk_mut::<P>() {
                for j in 0..P {
                    self.store_panel(s, sums[j], multipliers[j], &mut whole[j]);
                }
                continue;
            }
            for (c, (&sums, &multipliers)) in whole.iter_mut().zip(sums.iter().zip(&multipliers)) {
                self.store_panel(s, sums, multipliers, c);
            }
            self.store_panel(s, sums[P - 1], multipliers[P - 1], rest);
        }
    }
}

/// Scales products of bytes to floats: C = clamp((A·(B − zero points) + `factor`·offsets)·(`scale`·multipliers) + bias).
///
/// A layer whose input has a scale and a zero point of its own at each call passes them as `scale` and `factor`. For
/// others, both are 1. Each product and sum of floats is rounded to `f32`.
///
/// Wide register tiles are faster, but take 90 kB of code more on a processor with AVX-512 VNNI. A layer that is usually the
/// last one of a model, with few columns, sets `NARROW`.
#[derive(Clone, Copy)]
pub(crate) struct Dequantize<'a, const NARROW: bool = false> {
    /// One integer for each column.
    pub offsets: &'a [i32],
    pub factor: i32,
    /// Those of B, if they are not all 0.
    pub zero_points: Option<ZeroPoints<'a>>,
    /// One number for each column.
    pub multipliers: &'a [f32],
    pub scale: f32,
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
    /// The least and the greatest result.
    pub bounds: [f32; 2],
}

/// No bounds of results.
pub(crate) const UNBOUNDED: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

impl<const NARROW: bool> Epilogue<i32> for Dequantize<'_, NARROW> {
    type Output = f32;
    const PARTIAL_SUMS: bool = false;
    const NARROW: bool = NARROW;

    #[inline(always)]
    fn block(self, _first: bool, _last: bool) -> Self {
        self
    }

    fn columns(self, range: Range<usize>) -> Self {
        Self {
            offsets: part(self.offsets, range.clone()),
            zero_points: self.zero_points.map(|zero_points| zero_points.columns(range.clone())),
            multipliers: part(self.multipliers, range.clone()),
            bias: self.bias.map(|bias| part(bias, range)),
            ..self
        }
    }

    #[inline(always)]
    fn rows(self, first: usize) -> Self {
        Self { zero_points: self.zero_points.map(|zero_points| zero_points.rows(first)), ..self }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::IntPanel; P]; MR] {
        let offsets = tile.columns_of(self.offsets);
        let mut scaled = [[0; PANEL]; P];
        for (scaled, offset) in scaled.as_flattened_mut().iter_mut().zip(offsets) {
            *scaled = offset.wrapping_mul(self.factor);
        }
        let sums = [load::<S, i32, P>(s, part(scaled.as_flattened(), 0..offsets.len())); MR];
        match self.zero_points {
            Some(zero_points) => zero_points.subtract(s, tile, sums),
            None => sums,
        }
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
        c: &mut [f32],
    ) {
        // As in `Requantize::store`.
        let sums = black_box(sums);
        let mut multipliers = load::<S, f32, P>(s, tile.columns_of(self.multipliers));
        let mut bias = [s.panel(0.0); P];
        if let Some(given) = self.bias {
            bias = load::<S, f32, P>(s, tile.columns_of(given));
        }
        let scale = s.splat(self.scale);
        for j in 0..P {
            for lane in 0..PANEL / S::LANES {
                multipliers[j][lane] = s.mul(scale, multipliers[j][lane]);
            }
        }
        let [low, high] = [s.splat(self.bounds[0]), s.splat(self.bounds[1])];
        for (i, sums) in sums.iter().enumerate() {
            let mut results = bias;
            for j in 0..P {
                for lane in 0..PANEL / S::LANES {
                    // Not fused, so that all instruction sets give the same bits.
                    let product = s.mul(s.to_f32(sums[j][lane]), multipliers[j][lane]);
                    results[j][lane] = s.add(product, results[j][lane]);
                }
                results[j] = s.panel_clamp(results[j], low, high);
            }
            store::<S, f32, P>(s, results, tile.row_of(i, c));
        }
    }
}
