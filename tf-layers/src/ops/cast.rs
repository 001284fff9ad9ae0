//! `Cast`: converts between types of number.

use crate::Context;
use crate::error::Result;
use crate::tensor::{
    BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, I2, I4, NarrowFloat, NarrowInt, U2,
    U4, View, ViewMut, check_dims,
};

/// A number that can be converted to a `B`.
pub trait Cast<B>: Copy {
    /// Converts like Rust's `as`: floats are rounded toward zero and saturate, integers are truncated. Conversions to
    /// [`F16`] and narrower floats round to nearest, and those to floats of 8 and 4 bits saturate. Conversions to [`I4`]
    /// and narrower integers round toward zero and keep the lower bits. Conversions to `bool` test for a value other
    /// than zero.
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

macro_rules! to_numbers {
    ($from:ident, $wide:ty => $($t:ty),+) => {$(
        impl Cast<$t> for $from {
            #[inline(always)]
            fn cast(self) -> $t {
                <$wide>::from(self).cast()
            }
        }
    )+};
}

macro_rules! narrow_casts {
    ($($narrow:ident, $wide:ty, $through:ty: $round:ident;)+) => {$(
        to_numbers!($narrow, $wide => f32, f64, bool, i8, i16, i32, i64, u8, u16, u32, u64);

        impl<T: Cast<$through>> Cast<$narrow> for T {
            #[inline(always)]
            fn cast(self) -> $narrow {
                $narrow::$round(self.cast())
            }
        }
    )+};
}
narrow_casts! {
    F16, f32, f64: from_f64;
    BF16, f32, f64: from_f64;
    F8E4M3FN, f32, f64: from_f64_saturating;
    F8E4M3FNUZ, f32, f64: from_f64_saturating;
    F8E5M2, f32, f64: from_f64_saturating;
    F8E5M2FNUZ, f32, f64: from_f64_saturating;
    F8E8M0, f32, f64: from_f64_saturating;
    F4E2M1, f32, f64: from_f64;
    I4, i64, i64: from_i64;
    U4, i64, i64: from_i64;
    I2, i64, i64: from_i64;
    U2, i64, i64: from_i64;
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

/// Converts every element to a narrower float like [`cast`], but without saturation: what overflows becomes infinity, or
/// NaN in types without infinities.
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn cast_unsaturated<'y, T: Cast<f64>, U: NarrowFloat, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, U, R>,
) -> Result<View<'y, U, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (x, y) in x.as_slice()?.iter().zip(y.as_mut_slice()?) {
        *y = U::from_f64(x.cast());
    }
    Ok(y.into_view())
}

fn convert<T: Cast<U>, U>(x: &[T], y: &mut [U]) {
    for (x, y) in x.iter().zip(y) {
        *y = x.cast();
    }
}
