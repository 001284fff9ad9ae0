//! Vector instructions behind one trait: the only place of the crate with `unsafe` code.
//!
//! [`Isa`] says which instructions a program uses: [`Isa::detect`] finds the best that the processor has.
//!
//! A kernel is written once, as a `Kernel` generic over `Simd`, and `Isa::run` compiles it for each
//! instruction set. What carries the target feature into it is inlining: every function between the
//! `#[target_feature]` entry and an intrinsic is `#[inline(always)]`, and none is a closure.
//!
//! A value of a type that implements `Simd` exists only where its instructions do, which is what
//! makes the safe methods of the trait safe.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)]

#[macro_use]
mod macros;

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
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

pub(crate) use bytes::{view, view_bools};
pub(crate) use depthwise::Stencil;
pub use isa::Isa;
pub(crate) use lanewise::{Lanewise, Source, lanewise};
pub(crate) use microkernel::{MAX_MR, MAX_SEGMENT, Prefetch, Segment, accumulate};
pub(crate) use mul_add::{Accumulator, Accumulators, F32, MulAdd};
pub(crate) use scalar::Portable;

/// Columns in a panel of packed weights: the widest vector there is, and a multiple of all the others.
pub(crate) const PANEL: usize = 16;

/// Whether `n` numbers from `at` on are among the `len` from `begin` on: what loops that walk pointers assert in debug
/// builds.
#[inline(always)]
fn within(begin: *const f32, len: usize, at: *const f32, n: usize) -> bool {
    let skipped = at.addr().wrapping_sub(begin.addr()) / size_of::<f32>();
    skipped <= len && n <= len - skipped
}

/// Columns of the widest register tile there is.
pub(crate) const MAX_NR: usize = 4 * PANEL;

/// A computation that [`Isa::run`] compiles for every instruction set.
pub(crate) trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// The vector operations of one instruction set, on `LANES` floats or 32-bit integers at a time.
///
/// `a.min(b)` and `max` give `b` when either is a NaN. `fma` rounds once where `FUSED` holds, else twice.
/// Integer conversions are defined for values within the range of `i32` only.
pub(crate) trait Simd: Copy {
    const LANES: usize;
    /// Whether `fma` rounds once.
    const FUSED: bool;
    /// Rows of a register tile; with `NR` it fills the registers with accumulators.
    const MR: usize;
    /// Columns of a register tile: of 4 panels or of 1.
    const NR: usize;

    type F32: Copy;
    type I32: Copy;
    type Mask: Copy;
    /// The vectors that hold `PANEL` floats.
    type Panel: Copy;

    fn splat(self, x: f32) -> Self::F32;
    /// x in all of a panel's columns.
    fn panel(self, x: f32) -> Self::Panel;
    /// # Safety
    /// `PANEL` floats must be readable at `x`.
    unsafe fn panel_load(self, x: *const f32) -> Self::Panel;
    /// # Safety
    /// `PANEL` floats must be writable at `y`.
    unsafe fn panel_store(self, panel: Self::Panel, y: *mut f32);
    /// Bounds each number; NaN stays.
    fn panel_clamp(self, panel: Self::Panel, low: Self::F32, high: Self::F32) -> Self::Panel;
    fn panel_add(self, a: Self::Panel, b: Self::Panel) -> Self::Panel;
    /// As many columns as `x` has numbers, the others 0.
    fn panel_load_partial(self, x: &[f32]) -> Self::Panel;
    /// As many columns as `y` has room for.
    fn panel_store_partial(self, panel: Self::Panel, y: &mut [f32]);
    /// x·w + sum
    fn panel_fma(self, x: Self::F32, w: Self::Panel, sum: Self::Panel) -> Self::Panel;
    /// # Safety
    /// `LANES` floats must be readable at `x`.
    unsafe fn load_ptr(self, x: *const f32) -> Self::F32;
    /// # Safety
    /// `LANES` floats must be writable at `y`.
    unsafe fn store_ptr(self, v: Self::F32, y: *mut f32);

    /// Asks for what will be read soon, to have it in the level-2 cache; does nothing where there is no such instruction.
    fn prefetch(self, x: *const f32);

    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a·b + c
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// c − a·b
    fn fnma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sqrt(self, a: Self::F32) -> Self::F32;
    /// To the nearest integer, halves to the even one.
    fn round(self, a: Self::F32) -> Self::F32;
    fn floor(self, a: Self::F32) -> Self::F32;

    fn lt(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    fn le(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    fn eq(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// Lane by lane `a` where `mask` holds, else `b`.
    fn select(self, mask: Self::Mask, a: Self::F32, b: Self::F32) -> Self::F32;

    fn bits(self, a: Self::F32) -> Self::I32;
    fn float(self, a: Self::I32) -> Self::F32;
    /// The nearest integer of each lane.
    fn to_i32(self, a: Self::F32) -> Self::I32;
    fn to_f32(self, a: Self::I32) -> Self::F32;
    fn isplat(self, x: i32) -> Self::I32;
    fn iadd(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn isub(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn and(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn or(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn xor(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Shifts left by `N` bits.
    fn shl<const N: i32>(self, a: Self::I32) -> Self::I32;
    /// Shifts right by `N` bits, copying the sign.
    fn shr<const N: i32>(self, a: Self::I32) -> Self::I32;

    /// x·2ⁿ for integral |n| ≤ 252, rounded once, with the right over- and underflow.
    #[inline(always)]
    fn scale(self, x: Self::F32, n: Self::F32) -> Self::F32 {
        // 2ⁿ alone may be out of range where x·2ⁿ is not, so it is applied as two halves.
        let n = self.to_i32(n);
        let half = self.shr::<1>(n);
        let bias = self.isplat(127);
        let first = self.float(self.shl::<23>(self.iadd(half, bias)));
        let rest = self.float(self.shl::<23>(self.iadd(self.isub(n, half), bias)));
        self.mul(self.mul(x, first), rest)
    }

    /// x·2ⁿ for integral n, where x and the result are normal numbers.
    #[inline(always)]
    fn scale_normal(self, x: Self::F32, n: Self::F32) -> Self::F32 {
        self.float(self.iadd(self.bits(x), self.shl::<23>(self.to_i32(n))))
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F32 {
        assert!(x.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.load_ptr(x.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: Self::F32, y: &mut [f32]) {
        assert!(y.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.store_ptr(v, y.as_mut_ptr()) }
    }

    #[inline(always)]
    fn load_panel(self, x: &[f32]) -> Self::Panel {
        assert!(x.len() >= PANEL);
        // SAFETY: the length was checked.
        unsafe { self.panel_load(x.as_ptr()) }
    }

    #[inline(always)]
    fn store_panel(self, panel: Self::Panel, y: &mut [f32]) {
        assert!(y.len() >= PANEL);
        // SAFETY: the length was checked.
        unsafe { self.panel_store(panel, y.as_mut_ptr()) }
    }

    /// The first lanes from `x`, the others `fill`.
    #[inline(always)]
    fn load_partial(self, x: &[f32], fill: f32) -> Self::F32 {
        // A loop, as copying so few numbers through `memcpy` costs more than they do.
        let mut lanes = [fill; PANEL];
        for (lane, &x) in lanes[..Self::LANES].iter_mut().zip(x) {
            *lane = x;
        }
        self.load(&lanes)
    }

    /// As many of the first lanes as `y` has room for.
    #[inline(always)]
    fn store_partial(self, v: Self::F32, y: &mut [f32]) {
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

    /// The sum of the lanes, added in pairs.
    #[inline(always)]
    fn sum(self, a: Self::F32) -> f32 {
        let mut lanes = [0.0; PANEL];
        self.store(a, &mut lanes);
        let mut n = Self::LANES;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] += lanes[i + n];
            }
        }
        lanes[0]
    }
}
