//! NEON, which every 64-bit Arm has: four lanes, thirty-two registers. `SDOT` adds the dot products of signed bytes,
//! `SUDOT` those of signed and unsigned bytes.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{Kernel, PANEL, Simd};

/// Exists only if the processor has NEON, the feature dotprod if `SDOT` is set, and i8mm if `SUDOT` is set.
#[derive(Clone, Copy)]
pub(crate) struct Neon<const SDOT: bool, const SUDOT: bool>(());

/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<false, false>(()))
}

/// # Safety
/// The processor must have NEON and dotprod.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn run_sdot<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<true, false>(()))
}

/// # Safety
/// The processor must have NEON and i8mm.
#[target_feature(enable = "neon,i8mm")]
pub(super) unsafe fn run_sudot<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon::<false, true>(()))
}

impl<const SDOT: bool, const SUDOT: bool> Simd for Neon<SDOT, SUDOT> {
    const LANES: usize = 4;
    const FUSED: bool = true;
    // 6 × 4 accumulators leave 8 of the 32 registers for weights and inputs.
    const MR: usize = 6;
    const NR: usize = PANEL;
    // 5 × 4 accumulators leave 12 registers; weights that are widened take 8.
    const BYTES_MR: usize = if SDOT || SUDOT { Self::MR } else { 5 };
    const QUADS: bool = SDOT || SUDOT;
    const PACKS: bool = true;
    const OFFSETS: bool = SDOT;

    type F32 = float32x4_t;
    type I32 = int32x4_t;
    type Mask = uint32x4_t;
    // Widened. Dot products take the bytes as they are, from the first half.
    type Quad = int16x4_t;
    // One row of the panel, 16 columns, for each of four neighbouring elements of k. Dot products take the weights as they
    // are, four columns from the first vector of each pair.
    type Weights = [[int16x8_t; 2]; 4];
    // Bytes, and of weights their sums times 128.
    type Fours = [int32x4_t; 2];

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    panels!(float32x4_t, int32x4_t, 4: 0, 1, 2, 3);

    intrinsics! {
        splat(x: f32) -> float32x4_t = vdupq_n_f32(x);
        add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
        mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        fnma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmsq_f32(c, a, b);
        // The min and max instructions return NaN if either operand is NaN.
        min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcltq_f32(a, b), a, b);
        max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcgtq_f32(a, b), a, b);
        sqrt(a: float32x4_t) -> float32x4_t = vsqrtq_f32(a);
        round(a: float32x4_t) -> float32x4_t = vrndnq_f32(a);
        floor(a: float32x4_t) -> float32x4_t = vrndmq_f32(a);
        lt(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vcltq_f32(a, b);
        le(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vcleq_f32(a, b);
        eq(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vceqq_f32(a, b);
        select(mask: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(mask, a, b);
        bits(a: float32x4_t) -> int32x4_t = vreinterpretq_s32_f32(a);
        float(a: int32x4_t) -> float32x4_t = vreinterpretq_f32_s32(a);
        to_i32(a: float32x4_t) -> int32x4_t = vcvtnq_s32_f32(a);
        to_f32(a: int32x4_t) -> float32x4_t = vcvtq_f32_s32(a);
        isplat(x: i32) -> int32x4_t = vdupq_n_s32(x);
        iadd(a: int32x4_t, b: int32x4_t) -> int32x4_t = vaddq_s32(a, b);
        isub(a: int32x4_t, b: int32x4_t) -> int32x4_t = vsubq_s32(a, b);
        imul(a: int32x4_t, b: int32x4_t) -> int32x4_t = vmulq_s32(a, b);
        and(a: int32x4_t, b: int32x4_t) -> int32x4_t = vandq_s32(a, b);
        or(a: int32x4_t, b: int32x4_t) -> int32x4_t = vorrq_s32(a, b);
        xor(a: int32x4_t, b: int32x4_t) -> int32x4_t = veorq_s32(a, b);
        sum(a: float32x4_t) -> f32 = vaddvq_f32(a);
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> float32x4_t {
        // SAFETY: four floats are readable by the caller's contract.
        unsafe { vld1q_f32(x) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: float32x4_t, y: *mut f32) {
        // SAFETY: four floats are writable by the caller's contract.
        unsafe { vst1q_f32(y, v) }
    }
    #[inline(always)]
    fn shl<const N: i32>(self, a: int32x4_t) -> int32x4_t {
        // SAFETY: `self` proves the feature.
        unsafe { vshlq_n_s32::<N>(a) }
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: int32x4_t) -> int32x4_t {
        // SAFETY: `self` proves the feature.
        unsafe { vshrq_n_s32::<N>(a) }
    }
    #[inline(always)]
    fn to_i32_or_min(self, a: float32x4_t) -> int32x4_t {
        // SAFETY: `self` proves the feature. The maximum of NaN and a number is the number.
        unsafe { vcvtnq_s32_f32(vmaxnmq_f32(a, vdupq_n_f32(i32::MIN as f32))) }
    }
    #[inline(always)]
    fn quad(self, x: int32x4_t) -> int16x4_t {
        if const { SDOT || SUDOT } {
            // SAFETY: `self` proves the feature.
            return unsafe { vget_low_s16(vreinterpretq_s16_s32(signed::<SDOT>(x))) };
        }
        // SAFETY: `self` proves the feature.
        unsafe { vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(vreinterpretq_u8_s32(x))))) }
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [[int16x8_t; 2]; 4] {
        // SAFETY: 64 weights are readable by the caller's contract, and `self` proves the feature.
        unsafe {
            if const { SDOT || SUDOT } {
                let int8x16x4_t(a, b, c, d) = vld1q_s8_x4(w);
                return [a, b, c, d].map(|w| [vreinterpretq_s16_s8(w); 2]);
            }
            let int8x16x4_t(a, b, c, d) = vld4q_s8(w);
            [widen(a), widen(b), widen(c), widen(d)]
        }
    }
    #[inline(always)]
    fn dot(self, x: int16x4_t, w: [[int16x8_t; 2]; 4], sums: [int32x4_t; 4]) -> [int32x4_t; 4] {
        if const { SDOT || SUDOT } {
            return [
                dot_quad::<SDOT>(x, w[0], sums[0]),
                dot_quad::<SDOT>(x, w[1], sums[1]),
                dot_quad::<SDOT>(x, w[2], sums[2]),
                dot_quad::<SDOT>(x, w[3], sums[3]),
            ];
        }
        let sums = mul_add::<0>(x, w[0], sums);
        let sums = mul_add::<1>(x, w[1], sums);
        let sums = mul_add::<2>(x, w[2], sums);
        mul_add::<3>(x, w[3], sums)
    }
    #[inline(always)]
    fn dot_offset(self, w: [[int16x8_t; 2]; 4], sums: [int32x4_t; 4]) -> [int32x4_t; 4] {
        [
            add_offset(w[0], sums[0]),
            add_offset(w[1], sums[1]),
            add_offset(w[2], sums[2]),
            add_offset(w[3], sums[3]),
        ]
    }
    #[inline(always)]
    fn interleave(self, rows: [int32x4_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: `self` proves the feature.
        unsafe {
            let [a, b, c, d] = rows.map(|row| vreinterpretq_u8_s32(row));
            let (low, high) = (vzip1q_u8(a, b), vzip2q_u8(a, b));
            let (next_low, next_high) = (vzip1q_u8(c, d), vzip2q_u8(c, d));
            let [low, high, next_low, next_high] =
                [low, high, next_low, next_high].map(|pairs| vreinterpretq_u16_u8(pairs));
            [
                vzip1q_u16(low, next_low),
                vzip2q_u16(low, next_low),
                vzip1q_u16(high, next_high),
                vzip2q_u16(high, next_high),
            ]
            .map(|fours| vreinterpretq_s32_u16(fours))
        }
    }
    #[inline(always)]
    fn fours(self, x: int32x4_t) -> [int32x4_t; 2] {
        [signed::<SDOT>(x); 2]
    }
    #[inline(always)]
    fn weight_fours(self, w: int32x4_t) -> [int32x4_t; 2] {
        // SAFETY: `self` proves the feature.
        unsafe {
            let offset = if const { SDOT } {
                add_offset([vreinterpretq_s16_s32(w); 2], vdupq_n_s32(0))
            } else {
                vdupq_n_s32(0)
            };
            [w, offset]
        }
    }
    #[inline(always)]
    fn dot_lanes(self, x: [int32x4_t; 2], w: [int32x4_t; 2], sums: int32x4_t) -> int32x4_t {
        if const { SUDOT } {
            return usdot(x[0], w[0], sums);
        }
        // SAFETY: `self` proves the feature.
        sdot(x[0], w[0], unsafe { vaddq_s32(sums, w[1]) })
    }
    #[inline(always)]
    fn pack_bytes(self, [a, b, c, d]: [int32x4_t; 4], offset: int32x4_t, least: int32x4_t) -> int32x4_t {
        // SAFETY: `self` proves the feature.
        unsafe {
            let (offset, least) = (vreinterpretq_s16_s32(offset), vreinterpretq_u8_s32(least));
            let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), offset);
            let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(c), d), offset);
            vreinterpretq_s32_u8(vmaxq_u8(vqmovun_high_s16(vqmovun_s16(low), high), least))
        }
    }
    #[inline(always)]
    unsafe fn load_bytes_ptr(self, x: *const u8) -> [int32x4_t; 4] {
        // SAFETY: sixteen bytes are readable by the caller's contract, and `self` proves the feature.
        unsafe {
            let bytes = vld1q_u8(x);
            let (a, b) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
            [vmovl_u16(vget_low_u16(a)), vmovl_high_u16(a), vmovl_u16(vget_low_u16(b)), vmovl_high_u16(b)]
                .map(|quarter| vreinterpretq_s32_u32(quarter))
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_ptr(self, panel: [int32x4_t; 4], y: *mut u8) {
        // SAFETY: sixteen bytes are writable by the caller's contract, and `self` proves the feature.
        unsafe {
            let [a, b, c, d] = panel.map(|quarter| vmovn_s32(quarter));
            let (low, high) = (vmovn_s16(vcombine_s16(a, b)), vmovn_s16(vcombine_s16(c, d)));
            vst1q_u8(y, vreinterpretq_u8_s8(vcombine_s8(low, high)));
        }
    }
}

/// Bytes in the form that dot products take: 128 less, as signed ones, for `SDOT`.
#[inline(always)]
fn signed<const SDOT: bool>(x: int32x4_t) -> int32x4_t {
    if const { !SDOT } {
        return x;
    }
    // SAFETY: the callers have proved the feature.
    unsafe { veorq_s32(x, vdupq_n_s32(i32::from_ne_bytes([0x80; 4]))) }
}

/// Defines a dot product of the four bytes in each lane. The intrinsics are not stable.
macro_rules! dot_product {
    ($(#[$about:meta])* $name:ident: $extension:literal, $instruction:literal, $x:ident: $operand:ty, $w:ident: $weights:ty) => {
        $(#[$about])*
        #[inline(always)]
        fn $name($x: $operand, $w: $weights, mut sums: int32x4_t) -> int32x4_t {
            // SAFETY: the callers have proved the feature. The instruction only changes `sums`.
            unsafe {
                asm!(
                    concat!(".arch_extension ", $extension),
                    $instruction,
                    sums = inout(vreg) sums,
                    x = in(vreg) $x,
                    w = in(vreg) $w,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            sums
        }
    };
}

dot_product!(
    /// sums + x·w for signed bytes.
    sdot: "dotprod", "sdot {sums:v}.4s, {w:v}.16b, {x:v}.16b", x: int32x4_t, w: int32x4_t
);
dot_product!(
    /// sums + x·w for signed bytes, and four bytes of x for all lanes.
    sdot_first: "dotprod", "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[0]", x: int16x4_t, w: int16x8_t
);
dot_product!(
    /// sums + x·w for unsigned bytes of x and signed ones of w.
    usdot: "i8mm", "usdot {sums:v}.4s, {x:v}.16b, {w:v}.16b", x: int32x4_t, w: int32x4_t
);
dot_product!(
    /// sums + x·w for unsigned bytes of x and signed ones of w, and four bytes of x for all lanes.
    sudot_first: "i8mm", "sudot {sums:v}.4s, {w:v}.16b, {x:v}.4b[0]", x: int16x4_t, w: int16x8_t
);

/// `Simd::dot` for four columns.
#[inline(always)]
fn dot_quad<const SDOT: bool>(x: int16x4_t, w: [int16x8_t; 2], sums: int32x4_t) -> int32x4_t {
    if const { SDOT } { sdot_first(x, w[0], sums) } else { sudot_first(x, w[0], sums) }
}

/// sums + 128 times the sum of the four weights of each lane.
#[inline(always)]
fn add_offset(w: [int16x8_t; 2], sums: int32x4_t) -> int32x4_t {
    // SAFETY: the callers have proved the feature. The least byte is −128.
    unsafe {
        let least = vdupq_n_s32(i32::from_ne_bytes([0x80; 4]));
        vsubq_s32(sums, sdot(least, vreinterpretq_s32_s16(w[0]), vdupq_n_s32(0)))
    }
}

/// Signed bytes as 16-bit integers.
#[inline(always)]
fn widen(w: int8x16_t) -> [int16x8_t; 2] {
    // SAFETY: the callers have proved the feature.
    unsafe { [vmovl_s8(vget_low_s8(w)), vmovl_high_s8(w)] }
}

/// sums + x·w for element `I` of x.
#[inline(always)]
fn mul_add<const I: i32>(x: int16x4_t, w: [int16x8_t; 2], sums: [int32x4_t; 4]) -> [int32x4_t; 4] {
    // SAFETY: the callers have proved the feature.
    unsafe {
        [
            vmlal_lane_s16::<I>(sums[0], vget_low_s16(w[0]), x),
            vmlal_high_lane_s16::<I>(sums[1], w[0], x),
            vmlal_lane_s16::<I>(sums[2], vget_low_s16(w[1]), x),
            vmlal_high_lane_s16::<I>(sums[3], w[1], x),
        ]
    }
}
