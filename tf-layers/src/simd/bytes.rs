//! Looking at bytes as numbers, which is how weights are borrowed from a blob.

/// A number for which every pattern of bits is a value.
///
/// # Safety
/// Implementors have no padding, and no pattern of bits is invalid for them.
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

// SAFETY: it is a `u16`, transparently, and takes every pattern of bits.
unsafe impl Pod for crate::tensor::F16 {}

/// The numbers that `bytes` are, or `None` where address or length is no multiple of what `T` takes.
pub(crate) fn view<T: Pod>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: `Pod` types take every pattern of bits.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The booleans that `bytes` are, or `None` where one of them is neither 0 nor 1.
pub(crate) fn view_bools(bytes: &[u8]) -> Option<&[bool]> {
    if bytes.iter().any(|&byte| byte > 1) {
        return None;
    }
    // SAFETY: a `bool` is one byte that is 0 or 1, as all of these are.
    Some(unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
}
