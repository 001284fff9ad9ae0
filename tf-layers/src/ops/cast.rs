//! `Cast`: converts between types of number.

use crate::Context;
use crate::error::Result;
use crate::tensor::{F16, View, ViewMut, check_dims};

/// A number that can be converted to a `B`.
pub trait Cast<B>: Copy {
    /// Converts like Rust's `as`: floats are rounded toward zero and saturate, integers are truncated. Conversions to
    /// [`F16`] round to nearest; conversions to `bool` test for a value other than zero.
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

macro_rules! float16_casts {
    ($($t:ty),+) => {$(
        impl Cast<F16> for $t {
            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn cast(self) -> F16 {
                F16::from_f64(self as f64)
            }
        }

        impl Cast<$t> for F16 {
            #[inline(always)]
            fn cast(self) -> $t {
                f32::from(self).cast()
            }
        }
    )+};
}
float16_casts!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Cast<F16> for bool {
    #[inline(always)]
    fn cast(self) -> F16 {
        F16::from_f32(self.cast())
    }
}

impl Cast<bool> for F16 {
    #[inline(always)]
    fn cast(self) -> bool {
        f32::from(self).cast()
    }
}

impl Cast<Self> for bool {
    #[inline(always)]
    fn cast(self) -> Self {
        self
    }
}

/// Converts every element like Rust's `as`; see [`Cast`].
///
/// ```
/// use tf_layers::ops::cast;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0u8; 3];
/// let y = cast(cx, View::new(&[-1.5f32, 3.9, 300.0], [3])?, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [0, 3, 255]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn cast<'y, T: Cast<U>, U, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, U, R>,
) -> Result<View<'y, U, R>> {
    check_dims(&x.dims(), &y.dims())?;
    convert(x.as_slice()?, y.as_mut_slice()?);
    Ok(y.into_view())
}

fn convert<T: Cast<U>, U>(x: &[T], y: &mut [U]) {
    for (x, y) in x.iter().zip(y) {
        *y = x.cast();
    }
}
