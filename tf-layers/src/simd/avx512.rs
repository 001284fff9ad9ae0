//! AVX-512 with F and BW: sixteen lanes, thirty-two registers, masks. `VNNI` adds the dot products of bytes,
//! `BF16` those of pairs of `BF16`.

use core::arch::x86_64::*;
use core::mem::transmute;

use super::{Kernel, PANEL, Simd};
use crate::tensor::F16;

/// Exists only if the processor has AVX-512F and AVX-512BW, AVX-512 VNNI if `VNNI` is set, and
/// AVX-512 BF16 if `BF16` is set.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const VNNI: bool, const BF16: bool>(());

/// # Safety
/// The processor must have AVX-512F, AVX-512BW, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<false, false>(()))
}

/// # Safety
/// The processor must have AVX-512F, AVX-512BW, AVX-512 VNNI, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<true, false>(()))
}

/// # Safety
/// The processor must have AVX-512F, AVX-512BW, AVX-512 BF16, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16,avx2,fma")]
pub(super) unsafe fn run_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<false, true>(()))
}

impl<const VNNI: bool, const BF16: bool> Simd for Avx512<VNNI, BF16> {
    const LANES: usize = 16;
    const QUADS: bool = VNNI;
    const BF16: bool = BF16;
    const PACKS: bool = true;
    const FUSED: bool = true;
    const HALVES: bool = true;
    const PAIRS: bool = true;
    // 6 × 4 accumulators leave 8 of the 32 registers for weights and inputs.
    const MR: usize = 6;
    const NR: usize = 4 * PANEL;
    // Without VNNI, weights take two registers, and programs need not have large code for few processors.
    const BYTES_NR: usize = if VNNI { Self::NR } else { PANEL };

    type F32 = __m512;
    type I32 = __m512i;
    type Mask = __mmask16;
    // As they are with VNNI. Otherwise the bytes at even places and those at odd places, as 16-bit integers.
    type Quad = [__m512i; 2];
    type Weights = [__m512i; 2];
    type Fours = __m512i;

    panels!(__m512, __m512i, 1: 0);

    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        // SAFETY: a prefetch never faults and has no visible effect.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(x.cast()) };
    }

    intrinsics! {
        splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fma_half(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_castps256_ps512(_mm256_fmadd_ps(
            _mm512_castps512_ps256(a),
            _mm512_castps512_ps256(b),
            _mm512_castps512_ps256(c)
        ));
        fnma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fnmadd_ps(a, b, c);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
        round(a: __m512) -> __m512 =
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        floor(a: __m512) -> __m512 =
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a);
        lt(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
        le(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b);
        eq(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
        select(mask: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(mask, b, a);
        bits(a: __m512) -> __m512i = _mm512_castps_si512(a);
        float(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        to_i32(a: __m512) -> __m512i = _mm512_cvtps_epi32(a);
        to_f32(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
        scale_normal(x: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(x, n);
        scale(x: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(x, n);
        isplat(x: i32) -> __m512i = _mm512_set1_epi32(x);
        iadd(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        isub(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        imul(a: __m512i, b: __m512i) -> __m512i = _mm512_madd_epi16(a, b);
        and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
        xor(a: __m512i, b: __m512i) -> __m512i = _mm512_xor_si512(a, b);
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> __m512 {
        // SAFETY: sixteen floats are readable by the caller's contract.
        unsafe { _mm512_loadu_ps(x) }
    }
    #[inline(always)]
    unsafe fn load_half_ptr(self, x: *const f32) -> __m512 {
        // SAFETY: eight floats are readable by the caller's contract.
        unsafe { _mm512_castps256_ps512(_mm256_loadu_ps(x)) }
    }
    #[inline(always)]
    unsafe fn splat_pair_ptr(self, x: *const f32) -> __m512 {
        // SAFETY: `self` proves the feature; two floats are readable by the caller's contract.
        unsafe { _mm512_castpd_ps(_mm512_set1_pd(x.cast::<f64>().read_unaligned())) }
    }
    #[inline(always)]
    fn splat_even(self, x: f32) -> __m512 {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_maskz_broadcastss_ps(0x5555, _mm_set_ss(x)) }
    }
    #[inline(always)]
    fn pair_halves(self, [even]: [__m512; 1], [odd]: [__m512; 1]) -> [__m512; 1] {
        // SAFETY: `self` proves the feature.
        unsafe {
            let from = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            [_mm512_permutex2var_ps(even, from, odd)]
        }
    }
    #[inline(always)]
    fn add_pairs(self, [pairs]: [__m512; 1]) -> [__m512; 1] {
        // SAFETY: `self` proves the feature.
        unsafe {
            let sums = _mm512_add_ps(pairs, _mm512_permute_ps::<0b10_11_00_01>(pairs));
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
            [_mm512_permutexvar_ps(even, sums)]
        }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, v: __m512, y: *mut f32) {
        // SAFETY: sixteen floats are writable by the caller's contract.
        unsafe { _mm512_storeu_ps(y, v) }
    }
    // The intrinsics with an immediate take a `u32`, and a generic argument cannot be converted. The compiler uses the
    // immediate form anyway, because the count is a constant.
    #[inline(always)]
    fn shl<const N: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_sll_epi32(a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_sra_epi32(a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn load_partial(self, x: &[f32], fill: f32) -> __m512 {
        // SAFETY: `self` proves the feature; the mask excludes elements beyond the slice.
        unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(x.len()), x.as_ptr()) }
    }
    #[inline(always)]
    fn store_partial(self, v: __m512, y: &mut [f32]) {
        // SAFETY: as for `load_partial`.
        unsafe { _mm512_mask_storeu_ps(y.as_mut_ptr(), first(y.len()), v) }
    }
    #[inline(always)]
    fn quad(self, x: __m512i) -> [__m512i; 2] {
        if const { VNNI } {
            return [x; 2];
        }
        // SAFETY: `self` proves the feature.
        unsafe { [_mm512_and_si512(x, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(x)] }
    }
    #[inline(always)]
    unsafe fn weights_ptr(self, w: *const i8) -> [__m512i; 2] {
        // SAFETY: 64 weights are readable by the caller's contract.
        let w = unsafe { _mm512_loadu_si512(w.cast()) };
        if const { VNNI } {
            return [w; 2];
        }
        // SAFETY: `self` proves the feature.
        unsafe { [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(w)), _mm512_srai_epi16::<8>(w)] }
    }
    #[inline(always)]
    fn dot(self, x: [__m512i; 2], w: [__m512i; 2], [sums]: [__m512i; 1]) -> [__m512i; 1] {
        // SAFETY: `self` proves the features.
        unsafe {
            if const { VNNI } {
                return [_mm512_dpbusd_epi32(sums, x[0], w[0])];
            }
            let sums = _mm512_add_epi32(sums, _mm512_madd_epi16(x[0], w[0]));
            [_mm512_add_epi32(sums, _mm512_madd_epi16(x[1], w[1]))]
        }
    }
    #[inline(always)]
    fn dot_bf16(self, x: __m512i, [w]: [__m512i; 1], [sums]: [__m512; 1]) -> [__m512; 1] {
        if const { !BF16 } {
            return [sums];
        }
        // SAFETY: `self` proves the feature, and vectors of the same size have no invalid bit patterns.
        unsafe {
            [_mm512_dpbf16_ps(sums, transmute::<__m512i, __m512bh>(x), transmute::<__m512i, __m512bh>(w))]
        }
    }
    #[inline(always)]
    fn round_bf16(self, first: __m512, second: __m512) -> __m512i {
        if const { !BF16 } {
            return self.bits(first);
        }
        // SAFETY: as for `dot_bf16`.
        unsafe { transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first)) }
    }
    #[inline(always)]
    fn interleave(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: `self` proves the features.
        unsafe {
            let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
            let (next_low, next_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(low, next_low),
                _mm512_unpackhi_epi16(low, next_low),
                _mm512_unpacklo_epi16(high, next_high),
                _mm512_unpackhi_epi16(high, next_high),
            ]
        }
    }
    #[inline(always)]
    fn fours(self, x: __m512i) -> __m512i {
        x
    }
    #[inline(always)]
    fn weight_fours(self, w: __m512i) -> __m512i {
        w
    }
    #[inline(always)]
    fn dot_lanes(self, x: __m512i, w: __m512i, sums: __m512i) -> __m512i {
        if const { !VNNI } {
            return sums;
        }
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_dpbusd_epi32(sums, x, w) }
    }
    #[inline(always)]
    fn pack_bytes(self, [a, b, c, d]: [__m512i; 4], offset: __m512i, least: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe {
            let low = _mm512_adds_epi16(_mm512_packs_epi32(a, b), offset);
            let high = _mm512_adds_epi16(_mm512_packs_epi32(c, d), offset);
            _mm512_max_epu8(_mm512_packus_epi16(low, high), least)
        }
    }
    #[inline(always)]
    fn in_order(self, bytes: __m512i) -> __m512i {
        // SAFETY: `self` proves the feature.
        unsafe {
            // Packing works in quarters of 128 bits: each has four bytes of every vector.
            let from = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_permutexvar_epi32(from, bytes)
        }
    }
    #[inline(always)]
    unsafe fn load_bytes_ptr(self, x: *const u8) -> [__m512i; 1] {
        // SAFETY: sixteen bytes are readable by the caller's contract.
        unsafe { [_mm512_cvtepu8_epi32(_mm_loadu_si128(x.cast()))] }
    }
    #[inline(always)]
    fn load_f16(self, x: &[F16; PANEL]) -> [__m512; 1] {
        // SAFETY: `self` proves the feature, and the array has 32 bytes.
        unsafe { [_mm512_cvtph_ps(_mm256_loadu_si256(x.as_ptr().cast()))] }
    }
    #[inline(always)]
    fn split_fours(self, [fours]: [__m512i; 1]) -> [[__m512; 1]; 4] {
        let mut panels = [self.panel(0.0); 4];
        for (i, panel) in panels.iter_mut().enumerate() {
            // Selects byte i of each integer as the highest byte, and zeros below. 0x80 gives zero.
            let shuffle = self.isplat(((i as i32) << 24) | 0x80_8080);
            // SAFETY: `self` proves the feature.
            unsafe {
                // The same for the four integers of each 128 bits.
                let lanes = _mm512_set4_epi32(0x0c00_0000, 0x0800_0000, 0x0400_0000, 0);
                *panel = [self.to_f32(_mm512_shuffle_epi8(fours, _mm512_add_epi32(shuffle, lanes)))];
            }
        }
        panels
    }
    #[inline(always)]
    unsafe fn store_bytes_ptr(self, [panel]: [__m512i; 1], y: *mut u8) {
        // SAFETY: sixteen bytes are writable by the caller's contract.
        unsafe { _mm_storeu_si128(y.cast(), _mm512_cvtepi32_epi8(panel)) }
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        // SAFETY: `self` proves the feature.
        unsafe { _mm512_reduce_add_ps(a) }
    }
}

/// A mask of the first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n.min(16)) - 1) as __mmask16
}
