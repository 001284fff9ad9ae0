//! Converting between types of number.

use crate::Result;
use crate::error::check_len;

/// A number that can become a `B`.
pub trait Cast<B>: Copy {
    /// As Rust's `as` does: toward zero and saturating from floats, cutting high bits between integers. To
    /// `bool`: whether it is not zero.
    fn cast(self) -> B;
}

macro_rules! casts {
    ($a:ty => $($b:ty)+) => {$(
        impl Cast<$b> for $a {
            #[inline(always)]
            #[allow(clippy::unnecessary_cast)]
            fn cast(self) -> $b {
                self as $b
            }
        }
    )+};
    ($($a:ty),+) => {$(
        casts!($a => f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);
        impl Cast<bool> for $a {
            #[inline(always)]
            fn cast(self) -> bool {
                self != (0 as $a)
            }
        }
        impl Cast<$a> for bool {
            #[inline(always)]
            fn cast(self) -> $a {
                u8::from(self) as $a
            }
        }
    )+};
}
casts!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Cast<Self> for bool {
    #[inline(always)]
    fn cast(self) -> Self {
        self
    }
}

/// Converts every element.
pub fn cast<A: Cast<B>, B>(x: &[A], y: &mut [B]) -> Result<()> {
    check_len("y", x.len(), y.len())?;
    for (x, y) in x.iter().zip(y) {
        *y = x.cast();
    }
    Ok(())
}
