//! Portable Rust on arrays of lanes: the fallback for every processor, and the reference in tests.

use super::{PANEL, Simd};

/// No intrinsics. The compiler may still vectorize.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// The lanes of a vector: one without an allocator, where memory for code is scarce.
const LANES: usize = if cfg!(feature = "alloc") { 4 } else { 1 };

type F = [f32; LANES];
type I = [i32; LANES];

/// Applies an expression to each lane.
macro_rules! lanes {
    (|$($x:ident),+| $e:expr) => {{
        let mut out = [Default::default(); LANES];
        let mut i = 0;
        while i < LANES {
            $(let $x = $x[i];)+
            out[i] = $e;
            i += 1;
        }
        out
    }};
}

/// 2²³: every float from here on is an integer.
const INTEGERS: f32 = 8_388_608.0;

#[inline(always)]
fn round(x: f32) -> f32 {
    // Adding 2²³ leaves no bits for the fraction. Like every addition it rounds ties to even.
    let shift = INTEGERS.copysign(x);
    if x.abs() < INTEGERS { ((x + shift) - shift).copysign(x) } else { x }
}

#[inline(always)]
fn floor(x: f32) -> f32 {
    let nearest = round(x);
    if nearest > x { nearest - 1.0 } else { nearest }
}

/// Newton's method in `f64`, which is precise enough to round correctly to `f32`.
#[inline(always)]
fn sqrt(x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 || x == f32::INFINITY {
        return x;
    }
    let x = f64::from(x);
    let mut root = f64::from_bits((x.to_bits() >> 1) + (0x3ff0_0000_0000_0000 >> 1));
    for _ in 0..5 {
        root = 0.5 * (root + x / root);
    }
    root as f32
}

impl Simd for Portable {
    const LANES: usize = LANES;
    const FUSED: bool = false;
    const COMPACT: bool = !cfg!(feature = "alloc");
    const MR: usize = if Self::COMPACT { 1 } else { 2 };
    const NR: usize = PANEL;

    type F32 = F;
    type I32 = I;
    type Mask = [bool; LANES];
    type Quad = [i32; 4];
    type Weights = [[i8; 4]; PANEL];

    no_quads!();

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[cfg(feature = "alloc")]
    panels!(F, I, 4: 0, 1, 2, 3);
    #[cfg(not(feature = "alloc"))]
    panels!(F, I, 16: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F {
        // SAFETY: `LANES` floats are readable by the caller's contract; an array is aligned like its elements.
        unsafe { *x.cast() }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: F, y: *mut f32) {
        // SAFETY: as for `load_ptr`.
        unsafe { *y.cast() = v }
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        lanes!(|a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        lanes!(|a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        lanes!(|a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        lanes!(|a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: F, b: F, c: F) -> F {
        lanes!(|a, b, c| a * b + c)
    }
    #[inline(always)]
    fn fnma(self, a: F, b: F, c: F) -> F {
        lanes!(|a, b, c| c - a * b)
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        lanes!(|a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        lanes!(|a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn sqrt(self, a: F) -> F {
        lanes!(|a| sqrt(a))
    }
    #[inline(always)]
    fn round(self, a: F) -> F {
        lanes!(|a| round(a))
    }
    #[inline(always)]
    fn floor(self, a: F) -> F {
        lanes!(|a| floor(a))
    }
    #[inline(always)]
    fn lt(self, a: F, b: F) -> [bool; LANES] {
        lanes!(|a, b| a < b)
    }
    #[inline(always)]
    fn le(self, a: F, b: F) -> [bool; LANES] {
        lanes!(|a, b| a <= b)
    }
    #[inline(always)]
    fn eq(self, a: F, b: F) -> [bool; LANES] {
        lanes!(|a, b| a == b)
    }
    #[inline(always)]
    fn select(self, mask: [bool; LANES], a: F, b: F) -> F {
        lanes!(|mask, a, b| if mask { a } else { b })
    }
    #[inline(always)]
    fn bits(self, a: F) -> I {
        lanes!(|a| a.to_bits() as i32)
    }
    #[inline(always)]
    fn float(self, a: I) -> F {
        lanes!(|a| f32::from_bits(a as u32))
    }
    #[inline(always)]
    fn to_i32(self, a: F) -> I {
        lanes!(|a| round(a) as i32)
    }
    #[inline(always)]
    fn to_f32(self, a: I) -> F {
        lanes!(|a| a as f32)
    }
    #[inline(always)]
    fn isplat(self, x: i32) -> I {
        [x; LANES]
    }
    #[inline(always)]
    fn iadd(self, a: I, b: I) -> I {
        lanes!(|a, b| a.wrapping_add(b))
    }
    #[inline(always)]
    fn isub(self, a: I, b: I) -> I {
        lanes!(|a, b| a.wrapping_sub(b))
    }
    #[inline(always)]
    fn imul(self, a: I, b: I) -> I {
        lanes!(|a, b| a.wrapping_mul(b))
    }
    #[inline(always)]
    fn and(self, a: I, b: I) -> I {
        lanes!(|a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: I, b: I) -> I {
        lanes!(|a, b| a | b)
    }
    #[inline(always)]
    fn xor(self, a: I, b: I) -> I {
        lanes!(|a, b| a ^ b)
    }
    #[inline(always)]
    fn shl<const N: i32>(self, a: I) -> I {
        lanes!(|a| a << N)
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: I) -> I {
        lanes!(|a| a >> N)
    }
    #[inline(always)]
    fn quad(self, x: I) -> [i32; 4] {
        x[0].to_le_bytes().map(i32::from)
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [[i8; 4]; PANEL] {
        // SAFETY: `4 · PANEL` weights are readable by the caller's contract; an array is aligned like its elements.
        unsafe { *w.cast() }
    }
    #[inline(always)]
    fn dot(self, x: [i32; 4], w: [[i8; 4]; PANEL], mut sums: Self::IntPanel) -> Self::IntPanel {
        for (sum, [a, b, c, d]) in sums.as_flattened_mut().iter_mut().zip(w) {
            let dot = x[0] * i32::from(a) + x[1] * i32::from(b) + x[2] * i32::from(c) + x[3] * i32::from(d);
            *sum = sum.wrapping_add(dot);
        }
        sums
    }
    #[inline(always)]
    unsafe fn load_bytes_ptr(self, x: *const u8) -> Self::IntPanel {
        // SAFETY: `PANEL` bytes are readable by the caller's contract; an array is aligned like its elements.
        let bytes: [u8; PANEL] = unsafe { *x.cast() };
        core::array::from_fn(|i| core::array::from_fn(|lane| bytes[i * LANES + lane].into()))
    }
    #[inline(always)]
    unsafe fn store_bytes_ptr(self, panel: Self::IntPanel, y: *mut u8) {
        let mut bytes = [0; PANEL];
        for (byte, &lane) in bytes.iter_mut().zip(panel.as_flattened()) {
            *byte = lane as u8;
        }
        // SAFETY: `PANEL` bytes are writable by the caller's contract.
        unsafe { *y.cast() = bytes };
    }
}
