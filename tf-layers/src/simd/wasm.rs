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

    type F32 = v128;
    type I32 = v128;
    type Mask = v128;

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    panels!(v128, 4: 0, 1, 2, 3);

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
}
