//! NEON, which every 64-bit Arm has: four lanes, thirty-two registers.

use core::arch::aarch64::*;

use super::{Kernel, PANEL, Simd};

/// Exists only if the processor has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon(()))
}

impl Simd for Neon {
    const LANES: usize = 4;
    const FUSED: bool = true;
    // 6 × 4 accumulators leave 8 of the 32 registers for weights and inputs.
    const MR: usize = 6;
    const NR: usize = PANEL;
    // 5 × 4 accumulators leave 12 registers; widened weights take 8.
    const BYTES_MR: usize = 5;

    type F32 = float32x4_t;
    type I32 = int32x4_t;
    type Mask = uint32x4_t;
    type Quad = int16x4_t;
    // One row of the panel, 16 columns, for each of four neighbouring elements of k.
    type Weights = [[int16x8_t; 2]; 4];

    no_quads!();

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
    fn quad(self, x: int32x4_t) -> int16x4_t {
        // SAFETY: `self` proves the feature.
        unsafe { vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(vreinterpretq_u8_s32(x))))) }
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [[int16x8_t; 2]; 4] {
        // SAFETY: 64 weights are readable by the caller's contract, and `self` proves the feature.
        unsafe {
            let int8x16x4_t(a, b, c, d) = vld4q_s8(w);
            [widen(a), widen(b), widen(c), widen(d)]
        }
    }
    #[inline(always)]
    fn dot(self, x: int16x4_t, w: [[int16x8_t; 2]; 4], sums: [int32x4_t; 4]) -> [int32x4_t; 4] {
        let sums = mul_add::<0>(x, w[0], sums);
        let sums = mul_add::<1>(x, w[1], sums);
        let sums = mul_add::<2>(x, w[2], sums);
        mul_add::<3>(x, w[3], sums)
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
