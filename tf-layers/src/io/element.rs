//! The element types of arrays.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::gemm::Packed;
use crate::simd::{view, view_bools};
use crate::tensor::{BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, I2, I4, U2, U4};

/// The element type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dtype {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    F16,
}

impl Dtype {
    /// The size of an element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// The neighbouring elements of a column that are side by side in a packed matrix.
    pub(super) const fn step(self) -> usize {
        match self {
            Self::I8 => <i8 as Packed>::STEP,
            // Files hold bf16 so, and nothing else packs matrices of this type.
            Self::U16 => <BF16 as Packed>::STEP,
            _ => 1,
        }
    }

    /// The name of the little-endian type in the NPY format.
    #[cfg(feature = "alloc")]
    pub(super) const fn numpy(self) -> &'static str {
        match self {
            Self::F32 => "<f4",
            Self::F64 => "<f8",
            Self::I8 => "|i1",
            Self::I16 => "<i2",
            Self::I32 => "<i4",
            Self::I64 => "<i8",
            Self::U8 => "|u1",
            Self::U16 => "<u2",
            Self::U32 => "<u4",
            Self::U64 => "<u8",
            Self::Bool => "|b1",
            Self::F16 => "<f2",
        }
    }

    #[cfg(feature = "alloc")]
    pub(super) const ALL: [Self; 12] = [
        Self::F32,
        Self::F64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::Bool,
        Self::F16,
    ];
}

/// A type whose values NPZ arrays and weight blobs can hold.
pub trait Element: Copy + Default + sealed::Bytes {
    /// The corresponding [`Dtype`].
    const DTYPE: Dtype;
}

pub(super) mod sealed {
    #[cfg(feature = "alloc")]
    use super::Vec;

    pub trait Bytes: Sized {
        /// Reads an element from `size_of::<Self>()` little-endian bytes.
        fn read(bytes: &[u8]) -> Self;
        #[cfg(feature = "alloc")]
        fn write(self, out: &mut Vec<u8>);
        /// Reinterprets `bytes` as elements, without a copy; `None` if they are misaligned or not valid values.
        fn view(bytes: &[u8]) -> Option<&[Self]>;
    }
}

macro_rules! element {
    ($($t:ty => $dtype:ident;)+) => {$(
        impl Element for $t {
            const DTYPE: Dtype = Dtype::$dtype;
        }

        impl sealed::Bytes for $t {
            fn read(bytes: &[u8]) -> Self {
                let mut raw = [0; size_of::<$t>()];
                let n = raw.len().min(bytes.len());
                raw[..n].copy_from_slice(&bytes[..n]);
                Self::from_le_bytes(raw)
            }
            #[cfg(feature = "alloc")]
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn view(bytes: &[u8]) -> Option<&[Self]> {
                view(bytes)
            }
        }
    )+};
}

element! {
    f32 => F32; f64 => F64;
    i8 => I8; i16 => I16; i32 => I32; i64 => I64;
    u8 => U8; u16 => U16; u32 => U32; u64 => U64;
}

/// Types that wrap the integer whose bytes a file holds.
macro_rules! wrapper {
    ($($t:ident($bits:ty) => $dtype:ident, $new:ident, $get:ident;)+) => {$(
        impl Element for $t {
            const DTYPE: Dtype = Dtype::$dtype;
        }

        impl sealed::Bytes for $t {
            fn read(bytes: &[u8]) -> Self {
                Self::$new(<$bits>::read(bytes))
            }
            #[cfg(feature = "alloc")]
            fn write(self, out: &mut Vec<u8>) {
                self.$get().write(out);
            }
            fn view(bytes: &[u8]) -> Option<&[Self]> {
                view(bytes)
            }
        }
    )+};
}

// NumPy has only the first of these types. Files hold the others as unsigned integers with the same bits, and integers
// of less than a byte as bytes.
wrapper! {
    F16(u16) => F16, from_bits, to_bits;
    BF16(u16) => U16, from_bits, to_bits;
    F8E4M3FN(u8) => U8, from_bits, to_bits;
    F8E4M3FNUZ(u8) => U8, from_bits, to_bits;
    F8E5M2(u8) => U8, from_bits, to_bits;
    F8E5M2FNUZ(u8) => U8, from_bits, to_bits;
    F8E8M0(u8) => U8, from_bits, to_bits;
    F4E2M1(u8) => U8, from_bits, to_bits;
    I4(i8) => I8, new, get;
    U4(u8) => U8, new, get;
    I2(i8) => I8, new, get;
    U2(u8) => U8, new, get;
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;
}

impl sealed::Bytes for bool {
    fn read(bytes: &[u8]) -> Self {
        bytes.first().is_some_and(|&byte| byte != 0)
    }
    #[cfg(feature = "alloc")]
    fn write(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
    fn view(bytes: &[u8]) -> Option<&[Self]> {
        view_bools(bytes)
    }
}
