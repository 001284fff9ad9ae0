//! The number types of a matrix product: what is multiplied, and what the products are summed in.

use core::hint::black_box;
use core::marker::PhantomData;

use super::strip::float_pairs;
use super::wide::{WideBytes, WideOperands};
use super::{COPIES, MAX_SEGMENT, PANEL, Pod, Simd};
use crate::tensor::{BF16, F16};

/// The largest [`MulAdd::STEP`].
pub(super) const MAX_STEP: usize = 4;

/// The instruction that multiplies tile registers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TileProduct {
    /// u8 × i8 → i32
    Bytes,
    /// bf16 × bf16 → f32
    Bf16,
}

/// The type that products are summed in. Vector registers hold the sums of a panel.
pub(crate) trait Accumulator: Pod + Default + Send + Sync + 'static {
    /// The vectors that hold [`PANEL`] sums.
    type Panel<S: Simd>: Copy;

    /// [`PANEL`] zeros.
    fn zero<S: Simd>(s: S) -> Self::Panel<S>;
    /// a + b
    fn add<S: Simd>(s: S, a: Self::Panel<S>, b: Self::Panel<S>) -> Self::Panel<S>;
    /// Loads up to [`PANEL`] sums. The others are zero.
    fn load<S: Simd>(s: S, from: &[Self]) -> Self::Panel<S>;
    /// Stores the first `to.len()` sums, at most [`PANEL`].
    fn store<S: Simd>(s: S, sums: Self::Panel<S>, to: &mut [Self]);
}

/// The accumulators of a register tile: `MR` rows by `P` panels.
pub(crate) type Accumulators<S, A, const MR: usize, const P: usize> = [[<A as Accumulator>::Panel<S>; P]; MR];

/// The multiply-add of a product A·B: the types of the operands and of their sum, and the instruction.
///
/// One multiply-add takes `STEP` neighbouring elements of a row of A. A row of a packed panel of B holds the matching
/// elements of [`PANEL`] columns, the `STEP` elements of a column side by side. An instruction that multiplies four
/// pairs of bytes, for example, has a `STEP` of 4.
pub(crate) trait MulAdd: Copy + Send + Sync + 'static {
    /// An element of A.
    type A: Pod + Default + Send + Sync + 'static;
    /// An element of B.
    type B: Pod + Default + Send + Sync + 'static;
    /// What products are summed in.
    type Acc: Accumulator;

    /// The memory for copied windows of a convolution.
    type Copies: Copy + AsRef<[Self::A]> + AsMut<[Self::A]>;

    /// What a product must know of its A besides the type.
    type Setup: Copy + Send + Sync + 'static;

    /// Elements of k that one multiply-add takes, at most [`MAX_STEP`].
    const STEP: usize;
    /// The usual setup.
    const SETUP: Self::Setup;
    /// Whether it multiplies bytes, for which some instruction sets have dot products.
    const BYTES: bool;
    /// Whether it multiplies `BF16` on both sides, for which some instruction sets have dot products.
    const BF16: bool = false;
    /// Whether [`mul_add_half`](Self::mul_add_half) is faster than [`mul_add`](Self::mul_add).
    const HALVES: bool = false;
    /// Whether there is a micro-kernel for strips of rows.
    const STRIPS: bool = false;
    /// Whether a vector of products of half a panel can hold those of two k, if the instruction set has `PAIRS`.
    const PAIRS: bool = false;
    /// How tile registers multiply it, if they can.
    const TILES: Option<TileProduct> = None;
    /// The usual padding of an image, [`MAX_SEGMENT`] zeros.
    const ZEROS: &'static [Self::A];
    /// Memory without windows: at least [`COPIES`] zeros.
    const COPIES: Self::Copies;

    /// The size of a register tile.
    type Tile<S: Simd>: TileShape;
    /// The setup in registers.
    type Ready<S: Simd>: Copy;
    /// `STEP` elements of a row of A, repeated for the columns of a panel.
    type Broadcast<S: Simd>: Copy;
    /// A row of a panel of B.
    type Row<S: Simd>: Copy;

    /// Memory for operands that are widened before they are multiplied, if `Simd::WIDENS`.
    type Wide<S: Simd>: WideOperands<S, Self>;

    /// The bits to flip in every byte of A.
    #[inline(always)]
    fn flip(_: Self::Setup) -> u8 {
        0
    }
    /// Loads the setup.
    fn ready<S: Simd>(s: S, setup: Self::Setup) -> Self::Ready<S>;
    /// Broadcasts `STEP` elements of a row of A.
    fn broadcast<S: Simd>(s: S, ready: Self::Ready<S>, x: &[Self::A]) -> Self::Broadcast<S>;
    /// Loads a row of a panel: `STEP` · [`PANEL`] elements.
    fn row<S: Simd>(s: S, w: &[Self::B]) -> Self::Row<S>;
    /// x·w + sums
    fn mul_add<S: Simd>(
        s: S,
        x: Self::Broadcast<S>,
        w: Self::Row<S>,
        sums: <Self::Acc as Accumulator>::Panel<S>,
    ) -> <Self::Acc as Accumulator>::Panel<S>;
    /// Adds to the sums of every row what [`mul_add`](Self::mul_add) leaves out if it takes x less a constant.
    ///
    /// Only called for bytes, if `Simd::OFFSETS`.
    #[inline(always)]
    fn add_offset<S: Simd>(
        _: S,
        _: Self::Row<S>,
        sums: <Self::Acc as Accumulator>::Panel<S>,
    ) -> <Self::Acc as Accumulator>::Panel<S> {
        sums
    }
    /// As [`mul_add`](Self::mul_add) for the first half of the columns. The other sums have no meaning.
    #[inline(always)]
    fn mul_add_half<S: Simd>(
        s: S,
        x: Self::Broadcast<S>,
        w: Self::Row<S>,
        sums: <Self::Acc as Accumulator>::Panel<S>,
    ) -> <Self::Acc as Accumulator>::Panel<S> {
        Self::mul_add(s, x, w, sums)
    }
    /// Adds the products of `len` elements of k to sums of pairs: neighbouring lanes hold the products of a column with elements at
    /// even and at odd places. Only the first half of the columns is computed.
    ///
    /// Only called if `PAIRS`, as is `add_pairs`.
    ///
    /// # Safety
    /// `len` elements must be readable from each of `rows`, as many rows of a panel from `panel`.
    #[inline(always)]
    unsafe fn mul_add_pairs<S: Simd, const MR: usize>(
        _s: S,
        _len: usize,
        _rows: [*const Self::A; MR],
        _panel: *const Self::B,
        pairs: [<Self::Acc as Accumulator>::Panel<S>; MR],
    ) -> [<Self::Acc as Accumulator>::Panel<S>; MR] {
        pairs
    }
    /// The sums of the first half of the columns, whose two parts are in `pairs`.
    #[inline(always)]
    fn add_pairs<S: Simd>(
        _s: S,
        pairs: <Self::Acc as Accumulator>::Panel<S>,
    ) -> <Self::Acc as Accumulator>::Panel<S> {
        pairs
    }
}

/// The rows and columns of a register tile of C.
pub(crate) trait TileShape {
    const MR: usize;
    const NR: usize;
}

/// The register tile of floats.
pub(crate) struct FloatTile<S>(PhantomData<S>);

impl<S: Simd> TileShape for FloatTile<S> {
    const MR: usize = S::MR;
    const NR: usize = S::NR;
}

/// The register tile of products of floats with weights of fewer bits, which are widened for each tile. Products with
/// many rows widen them once, so low tiles suffice.
pub(crate) struct LowTile<S>(PhantomData<S>);

impl<S: Simd> TileShape for LowTile<S> {
    const MR: usize = if S::MR < 4 { S::MR } else { 4 };
    const NR: usize = S::NR;
}

/// The register tile of products of bytes.
pub(crate) struct BytesTile<S>(PhantomData<S>);

impl<S: Simd> TileShape for BytesTile<S> {
    const MR: usize = S::BYTES_MR;
    const NR: usize = S::BYTES_NR;
}

impl Accumulator for f32 {
    type Panel<S: Simd> = S::Panel;

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::Panel {
        s.panel(0.0)
    }
    #[inline(always)]
    fn add<S: Simd>(s: S, a: S::Panel, b: S::Panel) -> S::Panel {
        s.panel_add(a, b)
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32]) -> S::Panel {
        if from.len() == PANEL {
            return s.load_panel(from);
        }
        if const { S::COMPACT } {
            // Copying takes less code than a branch for each column.
            let mut columns = [0.0; PANEL];
            copy_some(&mut columns, from);
            return s.load_panel(&columns);
        }
        s.panel_load_partial(from)
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, sums: S::Panel, to: &mut [f32]) {
        if to.len() == PANEL {
            s.store_panel(sums, to);
        } else if const { S::COMPACT } {
            let mut columns = [0.0; PANEL];
            s.store_panel(sums, &mut columns);
            copy_some(to, &columns);
        } else {
            s.panel_store_partial(sums, to);
        }
    }
}

/// Copies as many elements as both slices have.
#[inline(always)]
fn copy_some(to: &mut [f32], from: &[f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

/// What the products of floats with weights of any type have in common.
macro_rules! floats_times {
    ($weight:ty) => {
        type A = f32;
        type B = $weight;
        type Acc = f32;
        type Copies = [f32; COPIES];
        type Setup = ();

        const SETUP: () = ();
        const BYTES: bool = false;
        const ZEROS: &'static [f32] = &[0.0; MAX_SEGMENT];
        const COPIES: [f32; COPIES] = [0.0; COPIES];

        type Ready<S: Simd> = ();
        type Wide<S: Simd> = ();

        #[inline(always)]
        fn ready<S: Simd>(_: S, (): ()) {}
    };
}

/// f32 × f32 → f32
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32;

impl MulAdd for F32 {
    floats_times!(f32);

    const STEP: usize = 1;
    const HALVES: bool = true;
    const STRIPS: bool = true;
    const PAIRS: bool = true;

    type Tile<S: Simd> = FloatTile<S>;
    type Broadcast<S: Simd> = S::F32;
    type Row<S: Simd> = S::Panel;

    #[inline(always)]
    fn broadcast<S: Simd>(s: S, (): (), x: &[f32]) -> S::F32 {
        s.splat(x[0])
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[f32]) -> S::Panel {
        s.load_panel(w)
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: S::F32, w: S::Panel, sums: S::Panel) -> S::Panel {
        s.panel_fma(x, w, sums)
    }
    #[inline(always)]
    fn mul_add_half<S: Simd>(s: S, x: S::F32, w: S::Panel, sums: S::Panel) -> S::Panel {
        s.panel_fma_half(x, w, sums)
    }
    #[inline(always)]
    unsafe fn mul_add_pairs<S: Simd, const MR: usize>(
        s: S,
        len: usize,
        rows: [*const f32; MR],
        panel: *const f32,
        pairs: [S::Panel; MR],
    ) -> [S::Panel; MR] {
        // SAFETY: by the caller's contract.
        unsafe { float_pairs(s, len, rows, panel, pairs) }
    }
    #[inline(always)]
    fn add_pairs<S: Simd>(s: S, pairs: S::Panel) -> S::Panel {
        s.add_pairs(pairs)
    }
}

/// A product of floats with weights that take fewer bits.
pub(crate) trait SmallWeights: MulAdd<A = f32, Acc = f32, Setup = ()> {
    /// Stores a row of a panel as floats: one row for each of the `STEP` elements of a column.
    fn store_row<S: Simd>(s: S, row: Self::Row<S>, to: &mut [f32]);
}

/// f32 × f16 → f32
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32F16;

impl MulAdd for F32F16 {
    floats_times!(F16);

    const STEP: usize = 1;

    type Tile<S: Simd> = LowTile<S>;
    type Broadcast<S: Simd> = S::F32;
    type Row<S: Simd> = S::Panel;

    #[inline(always)]
    fn broadcast<S: Simd>(s: S, (): (), x: &[f32]) -> S::F32 {
        s.splat(x[0])
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[F16]) -> S::Panel {
        match w.first_chunk() {
            Some(w) => s.load_f16(w),
            None => s.panel(0.0),
        }
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: S::F32, w: S::Panel, sums: S::Panel) -> S::Panel {
        s.panel_fma(x, w, sums)
    }
}

impl SmallWeights for F32F16 {
    #[inline(always)]
    fn store_row<S: Simd>(s: S, row: S::Panel, to: &mut [f32]) {
        s.store_panel(row, to);
    }
}

/// f32 × bf16 → f32, two elements of k at a time: the two bf16 of a column are an integer, and each needs one operation
/// to become a float.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32BF16;

impl MulAdd for F32BF16 {
    floats_times!(BF16);

    const STEP: usize = 2;

    type Tile<S: Simd> = LowTile<S>;
    type Broadcast<S: Simd> = [S::F32; 2];
    type Row<S: Simd> = [S::Panel; 2];

    #[inline(always)]
    fn broadcast<S: Simd>(s: S, (): (), x: &[f32]) -> [S::F32; 2] {
        let [a, b] = x.first_chunk().copied().unwrap_or_default();
        [s.splat(a), s.splat(b)]
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[BF16]) -> [S::Panel; 2] {
        let pairs = s.load_words(w);
        let (mut panels, upper) = ([s.panel(0.0); 2], s.isplat(0xffff << 16));
        for i in 0..PANEL / S::LANES {
            panels[0][i] = s.float(s.shl::<16>(pairs[i]));
            panels[1][i] = s.float(s.and(pairs[i], upper));
        }
        panels
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: [S::F32; 2], w: [S::Panel; 2], sums: S::Panel) -> S::Panel {
        s.panel_fma(x[1], w[1], s.panel_fma(x[0], w[0], sums))
    }
}

impl SmallWeights for F32BF16 {
    #[inline(always)]
    fn store_row<S: Simd>(s: S, row: [S::Panel; 2], to: &mut [f32]) {
        for (row, to) in row.into_iter().zip(to.chunks_exact_mut(PANEL)) {
            s.store_panel(row, to);
        }
    }
}

/// bf16 × bf16 → f32, two elements of k at a time. Instruction sets with the dot product treat subnormal numbers as zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BF16BF16;

impl MulAdd for BF16BF16 {
    type A = BF16;
    type B = BF16;
    type Acc = f32;
    /// For the windows of several register tiles.
    type Copies = [BF16; 4 * COPIES];
    type Setup = ();

    const STEP: usize = F32BF16::STEP;
    const SETUP: () = ();
    const BYTES: bool = false;
    const BF16: bool = true;
    const TILES: Option<TileProduct> = Some(TileProduct::Bf16);
    const ZEROS: &'static [BF16] = &[BF16::from_bits(0); MAX_SEGMENT];
    const COPIES: [BF16; 4 * COPIES] = [BF16::from_bits(0); 4 * COPIES];

    type Tile<S: Simd> = FloatTile<S>;
    type Ready<S: Simd> = ();
    type Wide<S: Simd> = ();
    type Broadcast<S: Simd> = S::I32;
    type Row<S: Simd> = S::IntPanel;

    #[inline(always)]
    fn ready<S: Simd>(_: S, (): ()) {}
    #[inline(always)]
    fn broadcast<S: Simd>(s: S, (): (), x: &[BF16]) -> S::I32 {
        let [a, b] = x.first_chunk().copied().unwrap_or_default();
        s.isplat((u32::from(b.to_bits()) << 16 | u32::from(a.to_bits())).cast_signed())
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[BF16]) -> S::IntPanel {
        s.load_words(w)
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: S::I32, w: S::IntPanel, mut sums: S::Panel) -> S::Panel {
        if const { S::BF16 } {
            return s.dot_bf16(x, w, sums);
        }
        let upper = s.isplat(0xffff << 16);
        for i in 0..PANEL / S::LANES {
            sums[i] = s.fma(s.float(s.and(x, upper)), s.float(s.and(w[i], upper)), sums[i]);
            sums[i] = s.fma(s.float(s.shl::<16>(x)), s.float(s.shl::<16>(w[i])), sums[i]);
        }
        sums
    }
}

/// f32 × i8 → f32, four elements of k at a time, because matrices of bytes are packed so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32I8;

/// 2⁻²⁴: `Simd::split_fours` returns bytes times 2²⁴, because that takes fewer instructions.
const BYTE: f32 = f32::from_bits((127 - 24) << 23);

impl MulAdd for F32I8 {
    floats_times!(i8);

    const STEP: usize = U8I8::STEP;

    type Tile<S: Simd> = LowTile<S>;
    type Broadcast<S: Simd> = [S::F32; 4];
    type Row<S: Simd> = [S::Panel; 4];

    #[inline(always)]
    fn broadcast<S: Simd>(s: S, (): (), x: &[f32]) -> [S::F32; 4] {
        let [a, b, c, d] = x.first_chunk().copied().unwrap_or_default();
        [s.splat(a * BYTE), s.splat(b * BYTE), s.splat(c * BYTE), s.splat(d * BYTE)]
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[i8]) -> [S::Panel; 4] {
        s.split_fours(s.load_words(w))
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: [S::F32; 4], w: [S::Panel; 4], sums: S::Panel) -> S::Panel {
        let sums = s.panel_fma(x[0], w[0], sums);
        let sums = s.panel_fma(x[1], w[1], sums);
        let sums = s.panel_fma(x[2], w[2], sums);
        s.panel_fma(x[3], w[3], sums)
    }
}

impl SmallWeights for F32I8 {
    #[inline(always)]
    fn store_row<S: Simd>(s: S, row: [S::Panel; 4], to: &mut [f32]) {
        let factor = s.splat(BYTE);
        for (mut row, to) in row.into_iter().zip(to.chunks_exact_mut(PANEL)) {
            for lane in 0..PANEL / S::LANES {
                row[lane] = s.mul(row[lane], factor);
            }
            s.store_panel(row, to);
        }
    }
}

impl Accumulator for i32 {
    type Panel<S: Simd> = S::IntPanel;

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::IntPanel {
        s.int_panel(0)
    }
    #[inline(always)]
    fn add<S: Simd>(s: S, mut a: S::IntPanel, b: S::IntPanel) -> S::IntPanel {
        for i in 0..PANEL / S::LANES {
            a[i] = s.iadd(a[i], b[i]);
        }
        a
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[i32]) -> S::IntPanel {
        s.load_ints(from)
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, sums: S::IntPanel, to: &mut [i32]) {
        s.store_ints(sums, to);
    }
}

/// u8 × i8 → i32, four elements of k at a time. An i8 on the left is (i8 + 128) × i8: dot products of bytes want unsigned ones
/// there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct U8I8;

impl MulAdd for U8I8 {
    type A = u8;
    type B = i8;
    type Acc = i32;
    /// For the windows of several register tiles.
    type Copies = [u8; 4 * COPIES];
    /// Bits of A to flip: 0x80 if they are those of `i8`, which adds 128.
    type Setup = u8;

    const STEP: usize = 4;
    const SETUP: u8 = 0;
    const BYTES: bool = true;
    const TILES: Option<TileProduct> = Some(TileProduct::Bytes);
    const ZEROS: &'static [u8] = &[0; MAX_SEGMENT];
    const COPIES: [u8; 4 * COPIES] = [0; 4 * COPIES];

    type Tile<S: Simd> = BytesTile<S>;
    type Ready<S: Simd> = S::I32;
    type Broadcast<S: Simd> = S::Quad;
    type Row<S: Simd> = S::Weights;
    type Wide<S: Simd> = WideBytes<S>;

    #[inline(always)]
    fn flip(flip: u8) -> u8 {
        flip
    }
    #[inline(always)]
    fn ready<S: Simd>(s: S, flip: u8) -> S::I32 {
        // Hidden from the compiler, which would otherwise flip the bits of each quad before it is broadcast, and then needs
        // a shuffle to broadcast it.
        black_box(s.isplat(i32::from_ne_bytes([flip; 4])))
    }
    #[inline(always)]
    fn broadcast<S: Simd>(s: S, flip: S::I32, x: &[u8]) -> S::Quad {
        let quad = x.first_chunk().copied().unwrap_or_default();
        s.quad(s.xor(s.isplat(i32::from_le_bytes(quad)), flip))
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[i8]) -> S::Weights {
        match w.first_chunk() {
            Some(w) => s.weights(w),
            None => s.weights(&[0; 4 * PANEL]),
        }
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: S::Quad, w: S::Weights, sums: S::IntPanel) -> S::IntPanel {
        s.dot(x, w, sums)
    }
    #[inline(always)]
    fn add_offset<S: Simd>(s: S, w: S::Weights, sums: S::IntPanel) -> S::IntPanel {
        s.dot_offset(w, sums)
    }
}
