//! Views of bytes as numbers, to borrow weights from a blob.

use crate::tensor::BF16;

/// A number type of which every bit pattern is a value.
///
/// # Safety
/// The type must have no padding and no invalid bit patterns.
pub(crate) unsafe trait Pod: Copy {}

macro_rules! pod {
    ($($t:ty),+) => {
        $(
            // SAFETY: a primitive number.
            unsafe impl Pod for $t {}
        )+
    };
}
pod!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! transparent {
    ($($t:ident),+) => {
        $(
            // SAFETY: it is transparent over an integer, of which it accepts every value.
            unsafe impl Pod for crate::tensor::$t {}
        )+
    };
}
transparent!(F16, BF16, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1, I4, U4, I2, U2);

/// Views `bytes` as numbers. `None` if the address is misaligned or the length is not a multiple of the size of `T`.
pub(crate) fn view<T: Pod>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: every bit pattern is a value of a `Pod` type.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The memory of floats as bytes.
pub(crate) fn bytes_mut(x: &mut [f32]) -> &mut [u8] {
    // SAFETY: bytes have no alignment, and every bit pattern is a value of both types.
    unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}

/// The memory of floats as integers.
pub(crate) fn ints_mut(x: &mut [f32]) -> &mut [i32] {
    // SAFETY: both types have the same size and alignment, and every bit pattern is a value of both.
    unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
}

/// The memory of floats as twice as many `BF16`.
pub(crate) fn bf16_mut(x: &mut [f32]) -> &mut [BF16] {
    // SAFETY: `BF16` is half as large and no more aligned, and every bit pattern is a value of both types.
    unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), 2 * x.len()) }
}

/// An 8-bit integer: its bits are an unsigned byte.
pub(crate) trait Bits8: Pod {
    /// The bits of integers.
    fn bits(x: &[Self]) -> &[u8];
    /// The bits of integers, to be changed.
    fn bits_mut(x: &mut [Self]) -> &mut [u8];
}

impl Bits8 for u8 {
    #[inline(always)]
    fn bits(x: &[u8]) -> &[u8] {
        x
    }
    #[inline(always)]
    fn bits_mut(x: &mut [u8]) -> &mut [u8] {
        x
    }
}

impl Bits8 for i8 {
    #[inline(always)]
    fn bits(x: &[i8]) -> &[u8] {
        // SAFETY: the types have the same size and alignment, and every bit pattern is a value of both.
        unsafe { core::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
    }
    #[inline(always)]
    fn bits_mut(x: &mut [i8]) -> &mut [u8] {
        // SAFETY: as for `bits`.
        unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
    }
}

/// Views `bytes` as booleans. `None` if one of them is neither 0 nor 1.
pub(crate) fn view_bools(bytes: &[u8]) -> Option<&[bool]> {
    if bytes.iter().any(|&byte| byte > 1) {
        return None;
    }
    // SAFETY: a `bool` is one byte, 0 or 1, and all bytes were checked.
    Some(unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
}
