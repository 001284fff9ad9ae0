//! Vector instructions behind one trait. This is the only module of the crate with `unsafe` code.
//!
//! [`Isa`] selects the instruction set. [`Isa::detect`] finds the widest one of the processor.
//!
//! A kernel is written once, as a `Kernel` that is generic over `Simd`. `Isa::run` compiles it for every instruction
//! set. Target features reach a kernel by inlining: every function between the `#[target_feature]` entry point and an
//! intrinsic is `#[inline(always)]`, and none is a closure.
//!
//! A value of a type that implements `Simd` exists only if the processor has its instructions. Therefore the methods of
//! the trait can be safe.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)]

#[macro_use]
mod macros;

#[cfg_attr(not(all(target_arch = "x86_64", target_os = "linux", feature = "std")), path = "no_amx.rs")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
mod depthwise;
mod isa;
mod lanewise;
mod microkernel;
mod mul_add;
#[cfg(target_arch = "aarch64")]
mod neon;
mod panel_rows;
mod scalar;
mod stencil;
mod strip;
mod tile;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
mod wide;

pub(crate) use amx::{Configured, Copied, MAY_EXIST as MAY_HAVE_TILES, Sums, Tiles};
pub(crate) use bytes::{Bits8, Pod, bf16_mut, bytes_mut, ints_mut, view, view_bools};
pub(crate) use depthwise::{Columns, MAX_TAPS, Rows, Taps, WIDEST, Window};
pub use isa::Isa;
pub(crate) use lanewise::{Lanewise, Source, lanewise};
pub(crate) use microkernel::{
    COPIES, MAX_MR, MAX_SEGMENT, Prefetch, Segment, TALL_MR, TARGET_MR, UNSPLIT_K, accumulate,
};
pub(crate) use mul_add::{
    Accumulator, Accumulators, BF16BF16, F32, F32BF16, F32F16, F32I8, MulAdd, SmallWeights, TileProduct,
    TileShape, U8I8,
};
pub(crate) use panel_rows::PanelRows;
pub(crate) use scalar::Portable;
pub(crate) use stencil::{Pixels, Reduction, Stencil};
pub(crate) use strip::{Lines, Strip, accumulate_strip};
pub(crate) use tile::{
    BLOCK_PANELS, BLOCK_ROWS, CacheLines, Steps, Streamed, TILE_BYTES, TILE_ROWS, TileRows,
};
pub(crate) use wide::WideOperands;

use core::ops::IndexMut;

use crate::checked::holds;
use crate::tensor::{BF16, F16};

/// The columns of a panel of packed weights: the lanes of the widest vector, and a multiple of those of all others.
pub(crate) const PANEL: usize = 16;

/// Fills `to` with the first bytes of `from`, which must be at least as long.
///
/// It copies whole chunks, the last of which may overlap the one before, because a loop over a few bytes is slow.
#[inline(always)]
pub(crate) fn copy_front(to: &mut [u8], from: &[u8]) {
    let len = to.len().min(from.len());
    let (to, from) = (&mut to[..len], &from[..len]);
    match len {
        16.. => copy_chunks::<16>(to, from),
        8.. => copy_chunks::<8>(to, from),
        4.. => copy_chunks::<4>(to, from),
        _ => {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = from;
            }
        }
    }
}

/// Copies at least `N` bytes.
#[inline(always)]
fn copy_chunks<const N: usize>(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}

/// Whether the `n` elements at `at` are among the `len` elements at `begin`. Loops over pointers assert it in debug
/// builds.
#[inline(always)]
fn within(begin: *const f32, len: usize, at: *const f32, n: usize) -> bool {
    let skipped = at.addr().wrapping_sub(begin.addr()) / size_of::<f32>();
    skipped <= len && n <= len - skipped
}

/// The largest `NR` of any instruction set.
pub(crate) const MAX_NR: usize = 4 * PANEL;

/// A computation that `Isa::run` compiles for every instruction set.
pub(crate) trait Kernel {
    type Output;
    /// Whether it uses `Simd::dot`. Other kernels are not compiled again for instruction sets that only add dot products.
    #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
    const BYTES: bool = false;
    /// Whether it uses `Simd::dot_bf16` or `Simd::round_bf16`. It is compiled for instruction sets that have them, and for
    /// [`Portable`], which others run.
    const BF16: bool = false;
    /// Runs the computation. Implementations must be `#[inline(always)]`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// The vector operations of an instruction set, on `LANES` floats or 32-bit integers at a time.
///
/// `min(a, b)` and `max(a, b)` return `b` if either is NaN. Conversions to integers are only defined for values in the
/// range of `i32`.
pub(crate) trait Simd: Copy {
    const LANES: usize;
    /// Whether `fma` rounds once, not twice.
    const FUSED: bool;
    /// Whether `fma_half` and `load_half_ptr` are faster than `fma` and `load_ptr`: processors may execute a wide vector in
    /// two parts.
    const HALVES: bool = false;
    /// Whether `splat_pair_ptr` takes no longer than loading one float, so that a vector of products of half a panel can hold
    /// those of two k.
    const PAIRS: bool = false;
    /// Whether small code is more important than speed, so that loops are not unrolled.
    const COMPACT: bool = false;
    /// Whether dot products of four neighbouring bytes are so fast that interleaving bytes for them pays.
    const QUADS: bool = false;
    /// Whether there are dot products of two neighbouring `BF16`.
    const BF16: bool = false;
    /// Whether products of bytes with many rows widen their operands to 16 bits first and use `dot_pairs`.
    const WIDENS: bool = false;
    /// Whether `pack_bytes` packs integers with saturation, so that they need not be clamped one vector at a time.
    const PACKS: bool = false;
    /// Whether `dot` multiplies bytes less 128, and `dot_offset` adds the rest.
    const OFFSETS: bool = false;
    /// The rows of a register tile. `MR` by `NR` accumulators fill the registers.
    const MR: usize;
    /// The columns of a register tile: 1 or 4 panels.
    const NR: usize;
    /// As `MR`, for products of bytes. It is at most `MR`.
    const BYTES_MR: usize = Self::MR;
    /// As `NR`, for products of bytes.
    const BYTES_NR: usize = Self::NR;

    type F32: Copy;
    type I32: Copy;
    type Mask: Copy;
    /// The vectors that hold `PANEL` floats.
    type Panel: Copy + IndexMut<usize, Output = Self::F32>;
    /// The vectors that hold `PANEL` 32-bit integers.
    type IntPanel: Copy + IndexMut<usize, Output = Self::I32>;
    /// Four unsigned bytes, repeated for the columns of a panel, in the form that `dot` takes.
    type Quad: Copy;
    /// Four weights of each column of a panel, in the form that `dot` takes.
    type Weights: Copy;
    /// Four bytes in each lane, in the form that `dot_lanes` takes.
    type Fours: Copy;

    fn splat(self, x: f32) -> Self::F32;
    /// Repeats `x` in all columns of a panel.
    fn panel(self, x: f32) -> Self::Panel;
    /// # Safety
    /// `PANEL` floats must be readable at `x`.
    unsafe fn panel_load(self, x: *const f32) -> Self::Panel;
    /// # Safety
    /// `PANEL` floats must be writable at `y`.
    unsafe fn panel_store(self, panel: Self::Panel, y: *mut f32);
    /// Clamps each element. NaN stays NaN.
    fn panel_clamp(self, panel: Self::Panel, low: Self::F32, high: Self::F32) -> Self::Panel;
    /// Each element, or its product with the slope of its column if it is negative.
    fn panel_leaky(self, panel: Self::Panel, slopes: Self::Panel) -> Self::Panel;
    fn panel_add(self, a: Self::Panel, b: Self::Panel) -> Self::Panel;
    /// Loads the first `x.len()` columns. The others are 0.
    fn panel_load_partial(self, x: &[f32]) -> Self::Panel;
    /// Stores the first `y.len()` columns.
    fn panel_store_partial(self, panel: Self::Panel, y: &mut [f32]);
    /// Repeats `x` in all columns of a panel.
    fn int_panel(self, x: i32) -> Self::IntPanel;
    /// The four bytes of `x` from the lowest to the highest.
    fn quad(self, x: Self::I32) -> Self::Quad;
    /// Loads the weights of a panel, the four of a column side by side.
    ///
    /// # Safety
    /// `4 · PANEL` weights must be readable at `w`.
    unsafe fn weights_ptr(self, w: *const i8) -> Self::Weights;
    /// sums + Σ x·w over the four products of each column. It neither saturates nor rounds.
    fn dot(self, x: Self::Quad, w: Self::Weights, sums: Self::IntPanel) -> Self::IntPanel;
    /// sums + 128·Σ w over the four weights of each column.
    ///
    /// Only called if `OFFSETS`.
    #[inline(always)]
    fn dot_offset(self, _w: Self::Weights, sums: Self::IntPanel) -> Self::IntPanel {
        sums
    }
    /// The weights at even places and those at odd places of each column, as pairs of 16-bit integers.
    ///
    /// Only called if `WIDENS`, as is `dot_pairs`.
    #[inline(always)]
    fn widen_weights(self, _w: &[i8; 4 * PANEL]) -> [Self::IntPanel; 2] {
        [self.int_panel(0); 2]
    }
    /// sums + Σ x·w over the two 16-bit integers of x and of each column.
    #[inline(always)]
    fn dot_pairs(self, _x: Self::I32, _w: Self::IntPanel, sums: Self::IntPanel) -> Self::IntPanel {
        sums
    }
    /// a·b for a in 0..2¹⁵ and b in −2¹⁵..2¹⁵.
    fn imul(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Transposes four vectors of bytes: each lane of the result has a byte of every row. Within each 16 bytes of the rows,
    /// vector j of the result has the bytes from 4·j on.
    ///
    /// Only called if `QUADS`, as are `fours`, `weight_fours` and `dot_lanes`.
    #[inline(always)]
    fn interleave(self, rows: [Self::I32; 4]) -> [Self::I32; 4] {
        rows
    }
    /// The four unsigned bytes of each lane.
    fn fours(self, x: Self::I32) -> Self::Fours;
    /// The four signed bytes of each lane.
    fn weight_fours(self, w: Self::I32) -> Self::Fours;
    /// sums + Σ x·w over the four products of each lane.
    fn dot_lanes(self, x: Self::Fours, w: Self::Fours, sums: Self::I32) -> Self::I32;
    /// sums + Σ x·w over the two `BF16` of each column. The second product is added first. Subnormal numbers count as zero.
    ///
    /// Only called if `BF16`, as is `round_bf16`.
    #[inline(always)]
    fn dot_bf16(self, _x: Self::I32, _w: Self::IntPanel, sums: Self::Panel) -> Self::Panel {
        sums
    }
    /// Rounds two vectors to `BF16`, to nearest with ties to even, side by side. Subnormal numbers become zero.
    #[inline(always)]
    fn round_bf16(self, first: Self::F32, _second: Self::F32) -> Self::I32 {
        self.bits(first)
    }
    /// The integers of four vectors as unsigned bytes, in the order of the rows that `interleave` takes. The 16-bit integers of
    /// `offset` are added, and then the bytes of `least` are the lower bound. Everything saturates.
    ///
    /// Only called if `PACKS`, as are `in_order` and `to_i32_or_min`.
    #[inline(always)]
    fn pack_bytes(self, lanes: [Self::I32; 4], _offset: Self::I32, _least: Self::I32) -> Self::I32 {
        lanes[0]
    }
    /// The bytes of `pack_bytes` in the order of the vectors: first those of the first vector.
    #[inline(always)]
    fn in_order(self, bytes: Self::I32) -> Self::I32 {
        bytes
    }
    /// Loads 4 · `LANES` bytes.
    ///
    /// # Safety
    /// They must be readable at `x`.
    #[inline(always)]
    unsafe fn load_quads_ptr(self, x: *const u8) -> Self::I32 {
        // SAFETY: by the caller's contract. Only instruction sets with vectors at any address set `QUADS`.
        self.bits(unsafe { self.load_ptr(x.cast()) })
    }
    /// Loads `PANEL` unsigned bytes as integers.
    ///
    /// # Safety
    /// `PANEL` bytes must be readable at `x`.
    unsafe fn load_bytes_ptr(self, x: *const u8) -> Self::IntPanel;
    /// Stores the lowest byte of each integer.
    ///
    /// # Safety
    /// `PANEL` bytes must be writable at `y`.
    unsafe fn store_bytes_ptr(self, panel: Self::IntPanel, y: *mut u8);
    /// x·w + sum
    fn panel_fma(self, x: Self::F32, w: Self::Panel, sum: Self::Panel) -> Self::Panel;
    /// x·w + sum for the first half of a panel. The other half of the result has no meaning.
    fn panel_fma_half(self, x: Self::F32, w: Self::Panel, sum: Self::Panel) -> Self::Panel;
    /// Repeats the two floats at `x` in all lanes.
    ///
    /// Only called if `PAIRS`, as are `splat_even`, `pair_halves` and `add_pairs`.
    ///
    /// # Safety
    /// They must be readable.
    #[inline(always)]
    unsafe fn splat_pair_ptr(self, _x: *const f32) -> Self::F32 {
        self.splat(0.0)
    }
    /// Repeats `x` in the even lanes. The others are 0.
    #[inline(always)]
    fn splat_even(self, x: f32) -> Self::F32 {
        self.splat(x)
    }
    /// The first halves of two panels, alternately.
    #[inline(always)]
    fn pair_halves(self, even: Self::Panel, _odd: Self::Panel) -> Self::Panel {
        even
    }
    /// The sums of neighbouring lanes in the first half of the panel. The other half of the result has no meaning.
    #[inline(always)]
    fn add_pairs(self, pairs: Self::Panel) -> Self::Panel {
        pairs
    }
    /// # Safety
    /// `LANES` floats must be readable at `x`.
    unsafe fn load_ptr(self, x: *const f32) -> Self::F32;
    /// Loads the first half of the lanes if the instruction set has `HALVES`, otherwise all. The other half has no meaning.
    ///
    /// # Safety
    /// As many floats must be readable at `x`.
    #[inline(always)]
    unsafe fn load_half_ptr(self, x: *const f32) -> Self::F32 {
        // SAFETY: by the caller's contract.
        unsafe { self.load_ptr(x) }
    }
    /// # Safety
    /// `LANES` floats must be writable at `y`.
    unsafe fn store_ptr(self, v: Self::F32, y: *mut f32);

    /// Prefetches the cache line at `x` to the level-2 cache, if the instruction set can.
    fn prefetch(self, x: *const f32);

    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a·b + c
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// a·b + c for the first half of the lanes. The other half of the result has no meaning.
    #[inline(always)]
    fn fma_half(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.fma(a, b, c)
    }
    /// c − a·b
    fn fnma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sqrt(self, a: Self::F32) -> Self::F32;
    /// Rounds to the nearest integer, ties to even.
    fn round(self, a: Self::F32) -> Self::F32;
    fn floor(self, a: Self::F32) -> Self::F32;

    fn lt(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    fn le(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    fn eq(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// In each lane `a` if `mask` is set, otherwise `b`.
    fn select(self, mask: Self::Mask, a: Self::F32, b: Self::F32) -> Self::F32;

    fn bits(self, a: Self::F32) -> Self::I32;
    fn float(self, a: Self::I32) -> Self::F32;
    /// Rounds each lane to the nearest integer.
    fn to_i32(self, a: Self::F32) -> Self::I32;
    /// As `to_i32`, and `i32::MIN` for NaN and for numbers below the range of `i32`.
    #[inline(always)]
    fn to_i32_or_min(self, a: Self::F32) -> Self::I32 {
        self.to_i32(a)
    }
    fn to_f32(self, a: Self::I32) -> Self::F32;
    fn isplat(self, x: i32) -> Self::I32;
    fn iadd(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn isub(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn and(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn or(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn xor(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Shifts left by `N` bits.
    fn shl<const N: i32>(self, a: Self::I32) -> Self::I32;
    /// Shifts right by `N` bits and copies the sign.
    fn shr<const N: i32>(self, a: Self::I32) -> Self::I32;

    /// x, or x·slope if x < 0.
    #[inline(always)]
    fn leaky(self, x: Self::F32, slope: Self::F32) -> Self::F32 {
        self.select(self.lt(x, self.splat(0.0)), self.mul(x, slope), x)
    }

    /// x·2ⁿ for integral n with |n| ≤ 252, rounded once. It overflows and underflows as IEEE 754 requires.
    #[inline(always)]
    fn scale(self, x: Self::F32, n: Self::F32) -> Self::F32 {
        // 2ⁿ may be out of range although x·2ⁿ is not, so x is multiplied by two powers of 2.
        let n = self.to_i32(n);
        let half = self.shr::<1>(n);
        let bias = self.isplat(127);
        let first = self.float(self.shl::<23>(self.iadd(half, bias)));
        let rest = self.float(self.shl::<23>(self.iadd(self.isub(n, half), bias)));
        self.mul(self.mul(x, first), rest)
    }

    /// x·2ⁿ for integral n, if x and the result are normal numbers.
    #[inline(always)]
    fn scale_normal(self, x: Self::F32, n: Self::F32) -> Self::F32 {
        self.float(self.iadd(self.bits(x), self.shl::<23>(self.to_i32(n))))
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F32 {
        if !holds(x.len() >= Self::LANES) {
            return self.splat(0.0);
        }
        // SAFETY: the length was checked.
        unsafe { self.load_ptr(x.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: Self::F32, y: &mut [f32]) {
        if !holds(y.len() >= Self::LANES) {
            return;
        }
        // SAFETY: the length was checked.
        unsafe { self.store_ptr(v, y.as_mut_ptr()) }
    }

    #[inline(always)]
    fn load_panel(self, x: &[f32]) -> Self::Panel {
        if !holds(x.len() >= PANEL) {
            return self.panel(0.0);
        }
        // SAFETY: the length was checked.
        unsafe { self.panel_load(x.as_ptr()) }
    }

    #[inline(always)]
    fn store_panel(self, panel: Self::Panel, y: &mut [f32]) {
        if !holds(y.len() >= PANEL) {
            return;
        }
        // SAFETY: the length was checked.
        unsafe { self.panel_store(panel, y.as_mut_ptr()) }
    }

    /// Loads four weights of each column of a panel.
    #[inline(always)]
    fn weights(self, w: &[i8; 4 * PANEL]) -> Self::Weights {
        // SAFETY: the array has this length.
        unsafe { self.weights_ptr(w.as_ptr()) }
    }

    /// Loads the four bytes or two 16-bit numbers of each column of a panel as one integer.
    ///
    /// The first one is in the lowest bits: packed weights exist only on little-endian processors.
    #[inline(always)]
    fn load_words<T: Pod>(self, x: &[T]) -> Self::IntPanel {
        if !holds(size_of_val(x) >= size_of::<[i32; PANEL]>()) {
            return self.int_panel(0);
        }
        // SAFETY: the size was checked, and numbers have no padding, so that their bytes are integers.
        let words = unsafe { x.as_ptr().cast::<[i32; PANEL]>().read_unaligned() };
        self.load_ints(&words)
    }

    /// Loads a panel of `F16`. Every one is an `f32`; a NaN stays one.
    #[inline(always)]
    fn load_f16(self, x: &[F16; PANEL]) -> Self::Panel {
        // The exponents of f16 are 112 less than those of f32. A product with 2¹¹² corrects them, and normalizes
        // subnormal numbers. Infinities and NaN need all bits of the exponent.
        let halves = self.load_ints(&x.map(|x| i32::from(x.to_bits())));
        let rebias = self.splat(f32::from_bits(0xef << 23));
        let special = self.float(self.isplat(0x1f << 23));
        let mut panel = self.panel(0.0);
        for i in 0..PANEL / Self::LANES {
            let sign = self.shl::<16>(self.and(halves[i], self.isplat(0x8000)));
            let size = self.float(self.shl::<13>(self.and(halves[i], self.isplat(0x7fff))));
            let infinite = self.float(self.or(self.bits(size), self.isplat(0xff << 23)));
            let size = self.select(self.lt(size, special), self.mul(size, rebias), infinite);
            panel[i] = self.float(self.or(self.bits(size), sign));
        }
        panel
    }

    /// The bytes of each column, from the lowest to the highest, as floats times 2²⁴.
    #[inline(always)]
    fn split_fours(self, fours: Self::IntPanel) -> [Self::Panel; 4] {
        let (mut panels, top) = ([self.panel(0.0); 4], self.isplat(0xff << 24));
        for i in 0..PANEL / Self::LANES {
            panels[0][i] = self.to_f32(self.shl::<24>(fours[i]));
            panels[1][i] = self.to_f32(self.and(self.shl::<16>(fours[i]), top));
            panels[2][i] = self.to_f32(self.and(self.shl::<8>(fours[i]), top));
            panels[3][i] = self.to_f32(self.and(fours[i], top));
        }
        panels
    }

    /// Loads the integers of the first `x.len()` columns, at most `PANEL`. The others are 0.
    #[inline(always)]
    fn load_ints(self, x: &[i32]) -> Self::IntPanel {
        let mut part = [0; PANEL];
        let mut from = x.as_ptr();
        if x.len() < PANEL {
            for (to, &x) in part.iter_mut().zip(x) {
                *to = x;
            }
            from = part.as_ptr();
        }
        let mut panel = self.int_panel(0);
        for i in 0..PANEL / Self::LANES {
            // SAFETY: `from` points to at least `PANEL` integers, which have the size of floats.
            panel[i] = self.bits(unsafe { self.load_ptr(from.add(i * Self::LANES).cast()) });
        }
        panel
    }

    /// Loads 4 · `LANES` bytes.
    #[inline(always)]
    fn load_quads(self, x: &[u8]) -> Self::I32 {
        if !holds(x.len() >= 4 * Self::LANES) {
            return self.isplat(0);
        }
        // SAFETY: the length was checked.
        unsafe { self.load_quads_ptr(x.as_ptr()) }
    }

    /// Stores the first `y.len()` of 4 · `LANES` bytes.
    #[inline(always)]
    fn store_quads(self, bytes: Self::I32, y: &mut [u8]) {
        let bytes = self.float(bytes);
        if y.len() >= 4 * Self::LANES {
            // SAFETY: the length was checked.
            return unsafe { self.store_ptr(bytes, y.as_mut_ptr().cast()) };
        }
        let mut all = [0; 4 * PANEL];
        // SAFETY: the array has 4 · `PANEL` bytes, and `PANEL` is at least `LANES`.
        unsafe { self.store_ptr(bytes, all.as_mut_ptr().cast()) };
        copy_front(y, &all);
    }

    /// Stores 2 · `LANES` `BF16`.
    #[inline(always)]
    fn store_bf16(self, pairs: Self::I32, y: &mut [BF16]) {
        if !holds(y.len() >= 2 * Self::LANES) {
            return;
        }
        // SAFETY: the length was checked, and two `BF16` have the size of a float.
        unsafe { self.store_ptr(self.float(pairs), y.as_mut_ptr().cast()) }
    }

    /// Stores `LANES` integers.
    #[inline(always)]
    fn store_lanes(self, ints: Self::I32, y: &mut [i32]) {
        if !holds(y.len() >= Self::LANES) {
            return;
        }
        // SAFETY: the length was checked, and integers have the size of floats.
        unsafe { self.store_ptr(self.float(ints), y.as_mut_ptr().cast()) };
    }

    /// Stores the integers of the first `y.len()` columns, at most `PANEL`.
    #[inline(always)]
    fn store_ints(self, panel: Self::IntPanel, y: &mut [i32]) {
        let mut part = [0; PANEL];
        let to = if y.len() < PANEL { part.as_mut_ptr() } else { y.as_mut_ptr() };
        for i in 0..PANEL / Self::LANES {
            // SAFETY: `to` points to at least `PANEL` integers, which have the size of floats.
            unsafe { self.store_ptr(self.float(panel[i]), to.add(i * Self::LANES).cast()) };
        }
        if y.len() < PANEL {
            for (y, &int) in y.iter_mut().zip(&part) {
                *y = int;
            }
        }
    }

    /// Loads the first `x.len()` unsigned bytes, at most `PANEL`. The others are 0.
    #[inline(always)]
    fn load_bytes(self, x: &[u8]) -> Self::IntPanel {
        let mut part = [0; PANEL];
        let mut from = x.as_ptr();
        if x.len() < PANEL {
            for (to, &x) in part.iter_mut().zip(x) {
                *to = x;
            }
            from = part.as_ptr();
        }
        // SAFETY: `from` points to at least `PANEL` bytes.
        unsafe { self.load_bytes_ptr(from) }
    }

    /// Stores the lowest bytes of the integers in the first `y.len()` columns, at most `PANEL`.
    #[inline(always)]
    fn store_bytes(self, panel: Self::IntPanel, y: &mut [u8]) {
        if y.len() >= PANEL {
            // SAFETY: the length was checked.
            return unsafe { self.store_bytes_ptr(panel, y.as_mut_ptr()) };
        }
        let mut part = [0; PANEL];
        // SAFETY: the array has `PANEL` bytes.
        unsafe { self.store_bytes_ptr(panel, part.as_mut_ptr()) };
        for (y, &byte) in y.iter_mut().zip(&part) {
            *y = byte;
        }
    }

    /// Loads the first `x.len()` lanes. The others are `fill`.
    #[inline(always)]
    fn load_partial(self, x: &[f32], fill: f32) -> Self::F32 {
        if const { Self::LANES == 1 } {
            return self.splat(x.first().copied().unwrap_or(fill));
        }
        // A loop, because a call of `memcpy` costs more than copying a few elements.
        let mut lanes = [fill; PANEL];
        for (lane, &x) in lanes[..Self::LANES].iter_mut().zip(x) {
            *lane = x;
        }
        self.load(&lanes)
    }

    /// Stores the first `y.len()` lanes.
    #[inline(always)]
    fn store_partial(self, v: Self::F32, y: &mut [f32]) {
        if const { Self::LANES == 1 } {
            // An empty slice has no vector.
            if !y.is_empty() {
                self.store(v, y);
            }
            return;
        }
        let mut lanes = [0.0; PANEL];
        self.store(v, &mut lanes);
        for (y, &lane) in y.iter_mut().zip(&lanes[..Self::LANES]) {
            *y = lane;
        }
    }

    #[inline(always)]
    fn neg(self, a: Self::F32) -> Self::F32 {
        self.float(self.xor(self.bits(a), self.isplat(i32::MIN)))
    }

    #[inline(always)]
    fn abs(self, a: Self::F32) -> Self::F32 {
        self.float(self.and(self.bits(a), self.isplat(i32::MAX)))
    }

    /// The magnitude of `a` with the sign of `sign`.
    #[inline(always)]
    fn copysign(self, a: Self::F32, sign: Self::F32) -> Self::F32 {
        let sign = self.and(self.bits(sign), self.isplat(i32::MIN));
        self.float(self.or(self.bits(self.abs(a)), sign))
    }

    /// The pairwise sum of the lanes.
    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        fold(self, a, |a, b| a + b)
    }

    /// The least lane. The lanes must not be NaN.
    #[inline(always)]
    fn least(self, a: Self::F32) -> f32 {
        fold(self, a, |a, b| if a < b { a } else { b })
    }

    /// The greatest lane. The lanes must not be NaN.
    #[inline(always)]
    fn greatest(self, a: Self::F32) -> f32 {
        fold(self, a, |a, b| if a > b { a } else { b })
    }
}

/// Folds the lanes pairwise.
#[inline(always)]
fn fold<S: Simd>(s: S, a: S::F32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; PANEL];
    s.store(a, &mut lanes);
    let mut n = S::LANES;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            lanes[i] = f(lanes[i], lanes[i + n]);
        }
    }
    lanes[0]
}
