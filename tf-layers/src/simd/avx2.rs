//! AVX2 with FMA and F16C: eight lanes, sixteen registers. `VNNI` adds the dot products of bytes.

use core::arch::x86_64::*;

use super::{Kernel, PANEL, Simd};
use crate::tensor::F16;

/// Exists only if the processor has AVX2, FMA and F16C, and AVX-VNNI if `VNNI` is set.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>(());

/// # Safety
/// The processor must have AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<false>(()))
}

/// # Safety
/// The processor must have AVX2, AVX-VNNI, FMA and F16C.
#[target_feature(enable = "avx2,avxvnni,fma,f16c")]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2::<true>(()))
}

impl<const VNNI: bool> Simd for Avx2<VNNI> {
    const LANES: usize = 8;
    const FUSED: bool = true;
    const QUADS: bool = true;
    const PACKS: bool = true;
    const WIDENS: bool = !VNNI;
    // 6 × 2 accumulators leave 4 of the 16 registers for weights and inputs.
    const MR: usize = 6;
    const NR: usize = PANEL;
    // 4 × 2 accumulators leave 8 registers, because weights and inputs of bytes take twice as many without VNNI. With it, the
    // bits to flip take the register that a sixth row would need.
    const BYTES_MR: usize = if VNNI { 5 } else { 4 };

    type F32 = __m256;
    type I32 = __m256i;
    type Mask = __m256;
    // As they are with VNNI. Otherwise the bytes at even places and those at odd places, as 16-bit integers.
    type Quad = [__m256i; 2];
    type Weights = [[__m256i; 2]; 2];
    type Fours = [__m256i; 2];

    panels!(__m256, __m256i, 2: 0, 1);

    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        // SAFETY: a prefetch never faults and has no visible effect.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(x.cast()) };
    }

    intrinsics! {
        splat(x: f32) -> __m256 = _mm256_set1_ps(x);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        fnma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fnmadd_ps(a, b, c);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        sqrt(a: __m256) -> __m256 = _mm256_sqrt_ps(a);
        round(a: __m256) -> __m256 =
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        floor(a: __m256) -> __m256 = _mm256_floor_ps(a);
        lt(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LT_OQ>(a, b);
        le(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LE_OQ>(a, b);
        eq(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
        select(mask: __m256, a: __m256, b: __m256) -> __m256 = _mm256_blendv_ps(b, a, mask);
        bits(a: __m256) -> __m256i = _mm256_castps_si256(a);
        float(a: __m256i) -> __m256 = _mm256_castsi256_ps(a);
        to_i32(a: __m256) -> __m256i = _mm256_cvtps_epi32(a);
        to_f32(a: __m256i) -> __m256 = _mm256_cvtepi32_ps(a);
        isplat(x: i32) -> __m256i = _mm256_set1_epi32(x);
        iadd(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        isub(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi32(a, b);
        imul(a: __m256i, b: __m256i) -> __m256i = _mm256_madd_epi16(a, b);
        and(a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        or(a: __m256i, b: __m256i) -> __m256i = _mm256_or_si256(a, b);
        xor(a: __m256i, b: __m256i) -> __m256i = _mm256_xor_si256(a, b);
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> __m256 {
        // SAFETY: eight floats are readable by the caller's contract.
        unsafe { _mm256_loadu_ps(x) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: __m256, y: *mut f32) {
        // SAFETY: eight floats are writable by the caller's contract.
        unsafe { _mm256_storeu_ps(y, v) }
    }
    #[inline(always)]
    fn shl<const N: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_slli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_srai_epi32::<N>(a) }
    }
    #[inline(always)]
    fn load_partial(self, x: &[f32], fill: f32) -> __m256 {
        let mask = first(x.len());
        // SAFETY: `self` proves the feature; the mask excludes elements beyond the slice.
        unsafe {
            let x = _mm256_maskload_ps(x.as_ptr(), mask);
            _mm256_blendv_ps(_mm256_set1_ps(fill), x, _mm256_castsi256_ps(mask))
        }
    }
    #[inline(always)]
    fn store_partial(self, v: __m256, y: &mut [f32]) {
        // SAFETY: as for `load_partial`.
        unsafe { _mm256_maskstore_ps(y.as_mut_ptr(), first(y.len()), v) }
    }
    #[inline(always)]
    fn quad(self, x: __m256i) -> [__m256i; 2] {
        if const { VNNI } {
            return [x; 2];
        }
        // SAFETY: `self` proves the feature.
        unsafe { [_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(x)] }
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [[__m256i; 2]; 2] {
        // SAFETY: 64 weights are readable by the caller's contract, and `self` proves the feature.
        unsafe {
            let w = [_mm256_loadu_si256(w.cast()), _mm256_loadu_si256(w.add(32).cast())];
            if const { VNNI } {
                return [[w[0]; 2], [w[1]; 2]];
            }
            [halves(w[0]), halves(w[1])]
        }
    }
    #[inline(always)]
    fn dot(self, x: [__m256i; 2], w: [[__m256i; 2]; 2], sums: [__m256i; 2]) -> [__m256i; 2] {
        [dot_half::<VNNI>(x, w[0], sums[0]), dot_half::<VNNI>(x, w[1], sums[1])]
    }
    #[inline(always)]
    fn interleave(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: `self` proves the feature.
        unsafe {
            let (low, high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
            let (next_low, next_high) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
            [
                _mm256_unpacklo_epi16(low, next_low),
                _mm256_unpackhi_epi16(low, next_low),
                _mm256_unpacklo_epi16(high, next_high),
                _mm256_unpackhi_epi16(high, next_high),
            ]
        }
    }
    #[inline(always)]
    fn fours(self, x: __m256i) -> [__m256i; 2] {
        self.quad(x)
    }
    #[inline(always)]
    fn weight_fours(self, w: __m256i) -> [__m256i; 2] {
        if const { VNNI } { [w; 2] } else { halves(w) }
    }
    #[inline(always)]
    fn dot_lanes(self, x: [__m256i; 2], w: [__m256i; 2], sums: __m256i) -> __m256i {
        dot_half::<VNNI>(x, w, sums)
    }
    #[inline(always)]
    fn widen_weights(self, w: &[i8; 4 * PANEL]) -> [[__m256i; 2]; 2] {
        let [[a, b], [c, d]] = self.weights(w);
        [[a, c], [b, d]]
    }
    #[inline(always)]
    fn dot_pairs(self, x: __m256i, w: [__m256i; 2], sums: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: `self` proves the feature.
        unsafe {
            [
                _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, w[0])),
                _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, w[1])),
            ]
        }
    }
    #[inline(always)]
    fn pack_bytes(self, [a, b, c, d]: [__m256i; 4], offset: __m256i, least: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe {
            let low = _mm256_adds_epi16(_mm256_packs_epi32(a, b), offset);
            let high = _mm256_adds_epi16(_mm256_packs_epi32(c, d), offset);
            _mm256_max_epu8(_mm256_packus_epi16(low, high), least)
        }
    }
    #[inline(always)]
    fn in_order(self, bytes: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe {
            // Packing works in halves of 128 bits: each has four bytes of every vector.
            _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
        }
    }
    #[inline(always)]
    unsafe fn load_bytes_ptr(self, x: *const u8) -> [__m256i; 2] {
        // SAFETY: sixteen bytes are readable by the caller's contract.
        unsafe {
            [
                _mm256_cvtepu8_epi32(_mm_loadl_epi64(x.cast())),
                _mm256_cvtepu8_epi32(_mm_loadl_epi64(x.add(8).cast())),
            ]
        }
    }
    #[inline(always)]
    fn load_f16(self, x: &[F16; PANEL]) -> [__m256; 2] {
        // SAFETY: `self` proves the features, and the array has 32 bytes.
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().add(8).cast())),
            ]
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_ptr(self, [a, b]: [__m256i; 2], y: *mut u8) {
        // SAFETY: sixteen bytes are writable by the caller's contract, and `self` proves the feature.
        unsafe {
            let low = _mm256_set1_epi32(0xff);
            let pairs = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
            // Packing works in halves of 128 bits: a, b, a, b.
            let pairs = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
            _mm_storeu_si128(y.cast(), bytes);
        }
    }
}

/// `Simd::dot` for half a panel.
#[inline(always)]
fn dot_half<const VNNI: bool>(x: [__m256i; 2], w: [__m256i; 2], sums: __m256i) -> __m256i {
    // SAFETY: the caller has proved the features.
    unsafe {
        if const { VNNI } {
            return _mm256_dpbusd_avx_epi32(sums, x[0], w[0]);
        }
        // `maddubs` would saturate the sum of two products.
        let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x[0], w[0]));
        _mm256_add_epi32(sums, _mm256_madd_epi16(x[1], w[1]))
    }
}

/// The signed bytes at even places and those at odd places, as 16-bit integers.
#[inline(always)]
fn halves(w: __m256i) -> [__m256i; 2] {
    // SAFETY: the callers have proved the feature.
    unsafe { [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)] }
}

/// A mask of the first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __m256i {
    // SAFETY: the callers have proved the feature.
    unsafe {
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
}
