//! WebAssembly simd128: four lanes, no fused multiply-add.

use core::arch::wasm32::*;

use super::{Kernel, PANEL, Simd};

/// Exists only if the processor has simd128.
#[derive(Clone, Copy)]
pub(crate) struct Simd128(());

/// # Safety
/// The processor must have simd128.
#[target_feature(enable = "simd128")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Simd128(()))
}

impl Simd for Simd128 {
    const LANES: usize = 4;
    const FUSED: bool = false;
    // 3 × 4 accumulators leave 4 of the 16 registers of an x86-64 host without AVX-512.
    const MR: usize = 3;
    const NR: usize = PANEL;
    // 2 × 4 accumulators, because weights and inputs of bytes take twice as many registers.
    const BYTES_MR: usize = 2;

    type F32 = v128;
    type I32 = v128;
    type Mask = v128;
    // The bytes at even places and those at odd places, as 16-bit integers.
    type Quad = [v128; 2];
    type Weights = [[v128; 2]; 4];

    no_quads!();

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    panels!(v128, v128, 4: 0, 1, 2, 3);

    intrinsics! {
        splat(x: f32) -> v128 = f32x4_splat(x);
        add(a: v128, b: v128) -> v128 = f32x4_add(a, b);
        sub(a: v128, b: v128) -> v128 = f32x4_sub(a, b);
        mul(a: v128, b: v128) -> v128 = f32x4_mul(a, b);
        div(a: v128, b: v128) -> v128 = f32x4_div(a, b);
        fma(a: v128, b: v128, c: v128) -> v128 = f32x4_add(f32x4_mul(a, b), c);
        fnma(a: v128, b: v128, c: v128) -> v128 = f32x4_sub(c, f32x4_mul(a, b));
        // `pmin(b, a)` is `a < b ? a : b`. `min` returns NaN if either operand is NaN.
        min(a: v128, b: v128) -> v128 = f32x4_pmin(b, a);
        max(a: v128, b: v128) -> v128 = f32x4_pmax(b, a);
        sqrt(a: v128) -> v128 = f32x4_sqrt(a);
        round(a: v128) -> v128 = f32x4_nearest(a);
        floor(a: v128) -> v128 = f32x4_floor(a);
        lt(a: v128, b: v128) -> v128 = f32x4_lt(a, b);
        le(a: v128, b: v128) -> v128 = f32x4_le(a, b);
        eq(a: v128, b: v128) -> v128 = f32x4_eq(a, b);
        select(mask: v128, a: v128, b: v128) -> v128 = v128_bitselect(a, b, mask);
        bits(a: v128) -> v128 = a;
        float(a: v128) -> v128 = a;
        to_i32(a: v128) -> v128 = i32x4_trunc_sat_f32x4(f32x4_nearest(a));
        to_f32(a: v128) -> v128 = f32x4_convert_i32x4(a);
        isplat(x: i32) -> v128 = i32x4_splat(x);
        iadd(a: v128, b: v128) -> v128 = i32x4_add(a, b);
        isub(a: v128, b: v128) -> v128 = i32x4_sub(a, b);
        imul(a: v128, b: v128) -> v128 = i32x4_dot_i16x8(a, b);
        and(a: v128, b: v128) -> v128 = v128_and(a, b);
        or(a: v128, b: v128) -> v128 = v128_or(a, b);
        xor(a: v128, b: v128) -> v128 = v128_xor(a, b);
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> v128 {
        // SAFETY: four floats are readable by the caller's contract.
        unsafe { v128_load(x.cast()) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: v128, y: *mut f32) {
        // SAFETY: four floats are writable by the caller's contract.
        unsafe { v128_store(y.cast(), v) }
    }
    #[inline(always)]
    fn shl<const N: i32>(self, a: v128) -> v128 {
        i32x4_shl(a, N as u32)
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: v128) -> v128 {
        i32x4_shr(a, N as u32)
    }
    #[inline(always)]
    fn quad(self, x: v128) -> [v128; 2] {
        [v128_and(x, i16x8_splat(0xff)), u16x8_shr(x, 8)]
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [[v128; 2]; 4] {
        // SAFETY: 64 weights are readable by the caller's contract.
        let w: [v128; 4] = unsafe {
            [
                v128_load(w.cast()),
                v128_load(w.add(16).cast()),
                v128_load(w.add(32).cast()),
                v128_load(w.add(48).cast()),
            ]
        };
        w.map(|w| [i16x8_shr(i16x8_shl(w, 8), 8), i16x8_shr(w, 8)])
    }
    #[inline(always)]
    fn dot(self, x: [v128; 2], w: [[v128; 2]; 4], sums: [v128; 4]) -> [v128; 4] {
        [dot(x, w[0], sums[0]), dot(x, w[1], sums[1]), dot(x, w[2], sums[2]), dot(x, w[3], sums[3])]
    }
    #[inline(always)]
    unsafe fn load_bytes_ptr(self, x: *const u8) -> [v128; 4] {
        // SAFETY: sixteen bytes are readable by the caller's contract.
        let bytes = unsafe { v128_load(x.cast()) };
        let (a, b) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
        [
            u32x4_extend_low_u16x8(a),
            u32x4_extend_high_u16x8(a),
            u32x4_extend_low_u16x8(b),
            u32x4_extend_high_u16x8(b),
        ]
    }
    #[inline(always)]
    unsafe fn store_bytes_ptr(self, panel: [v128; 4], y: *mut u8) {
        let [a, b, c, d] = panel.map(|quarter| v128_and(quarter, i32x4_splat(0xff)));
        let bytes = u8x16_narrow_i16x8(u16x8_narrow_i32x4(a, b), u16x8_narrow_i32x4(c, d));
        // SAFETY: sixteen bytes are writable by the caller's contract.
        unsafe { v128_store(y.cast(), bytes) }
    }
}

/// `Simd::dot` for four columns.
#[inline(always)]
fn dot(x: [v128; 2], w: [v128; 2], sums: v128) -> v128 {
    i32x4_add(i32x4_add(sums, i32x4_dot_i16x8(x[0], w[0])), i32x4_dot_i16x8(x[1], w[1]))
}
