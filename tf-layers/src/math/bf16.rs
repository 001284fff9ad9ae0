//! Rounding to the numbers of `BF16`.

use crate::simd::Simd;

/// The number of `BF16` nearest to x, ties to even. It overflows to infinity. NaN stays NaN.
#[inline(always)]
pub(crate) fn nearest_bf16<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // Adds half a unit in the last place, minus one bit if the truncated number is even. A carry raises the exponent.
    let bits = s.bits(x);
    let odd = s.and(s.shr::<16>(bits), s.isplat(1));
    let rounded = s.iadd(bits, s.iadd(odd, s.isplat(0x7fff)));
    s.select(s.eq(x, x), s.float(s.and(rounded, s.isplat(0xffff << 16))), x)
}
