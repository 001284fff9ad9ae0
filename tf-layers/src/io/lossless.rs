//! Lossless conversion of arrays to another element type.

use alloc::format;
use alloc::vec::Vec;

use super::element::sealed::Bytes;
use super::element::{Dtype, Element};
use super::npy::NpyArray;
use crate::error::{Error, Result};
use crate::tensor::{
    BF16, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F16, I2, I4, NarrowInt, U2, U4,
};

/// Element types that integers can be converted to.
pub trait FromInteger: Element {
    /// Whether every element of an array of type [`Element::DTYPE`] is a value of this type.
    const IS_WHOLE_DTYPE: bool = true;

    /// Converts an integer; `None` if the type cannot represent it exactly.
    fn from_integer(value: i128) -> Option<Self>;
}

macro_rules! whole_integers {
    ($($t:ty)+) => {$(
        impl FromInteger for $t {
            fn from_integer(value: i128) -> Option<Self> {
                value.try_into().ok()
            }
        }
    )+};
}

macro_rules! whole_floats {
    ($($t:ty)+) => {$(
        impl FromInteger for $t {
            fn from_integer(value: i128) -> Option<Self> {
                // The cast rounds. If converting back gives another number, the type cannot represent this one.
                Some(value as $t).filter(|&number| number as i128 == value)
            }
        }
    )+};
}

whole_integers!(i8 i16 i32 i64 u8 u16 u32 u64);
whole_floats!(f32 f64);

macro_rules! narrow_floats {
    ($($t:ty)+) => {$(
        impl FromInteger for $t {
            fn from_integer(value: i128) -> Option<Self> {
                let number = Self::from_f64(value as f64);
                (f64::from(number) as i128 == value).then_some(number)
            }
        }
    )+};
}

macro_rules! narrow_integers {
    ($($t:ty)+) => {$(
        impl FromInteger for $t {
            const IS_WHOLE_DTYPE: bool = false;

            fn from_integer(value: i128) -> Option<Self> {
                let number = Self::from_i64(value.try_into().ok()?);
                (i128::from(number.get()) == value).then_some(number)
            }
        }
    )+};
}

narrow_floats!(F16 BF16 F8E4M3FN F8E4M3FNUZ F8E5M2 F8E5M2FNUZ F8E8M0 F4E2M1);
narrow_integers!(I4 U4 I2 U2);

impl FromInteger for bool {
    fn from_integer(value: i128) -> Option<Self> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl NpyArray<'_> {
    /// Copies the elements, converted to `T`.
    ///
    /// Only integers are converted to another type: `[1.0, 2.0]` of type `f64` can be read as `i32`. Arrays of type
    /// [`Element::DTYPE`] hold the bits of a [`BF16`] and of the smaller floats.
    ///
    /// # Errors
    ///
    /// If the array has another type than `T` and an element is not an integer that `T` can represent exactly, or there is
    /// not enough memory.
    pub fn to_vec_lossless<T: FromInteger>(&self) -> Result<Vec<T>> {
        match self.dtype() {
            own if own == T::DTYPE && T::IS_WHOLE_DTYPE => self.to_vec(),
            Dtype::F32 => self.convert(|x: f32| to_integer(f64::from(x))),
            Dtype::F64 => self.convert(to_integer),
            Dtype::F16 => self.convert(|x: F16| to_integer(x.into())),
            Dtype::I8 => self.convert(|x: i8| Some(x.into())),
            Dtype::I16 => self.convert(|x: i16| Some(x.into())),
            Dtype::I32 => self.convert(|x: i32| Some(x.into())),
            Dtype::I64 => self.convert(|x: i64| Some(x.into())),
            Dtype::U8 => self.convert(|x: u8| Some(x.into())),
            Dtype::U16 => self.convert(|x: u16| Some(x.into())),
            Dtype::U32 => self.convert(|x: u32| Some(x.into())),
            Dtype::U64 => self.convert(|x: u64| Some(x.into())),
            Dtype::Bool => self.convert(|x: bool| Some(x.into())),
        }
    }

    fn convert<S: Element, T: FromInteger>(&self, to_integer: impl Fn(S) -> Option<i128>) -> Result<Vec<T>> {
        let size = size_of::<S>();
        let count = self.bytes().len() / size;
        let mut out = Vec::new();
        out.try_reserve_exact(count)
            .map_err(|_| Error::Memory { bytes: count.saturating_mul(size_of::<T>()) })?;
        for (position, bytes) in self.bytes().chunks_exact(size).enumerate() {
            let element = to_integer(<S as Bytes>::read(bytes)).and_then(T::from_integer).ok_or_else(|| {
                Error::Npz(format!(
                    "element {position} of an array of {:?} is not an integer that {} can represent; convert the array with `astype`",
                    S::DTYPE,
                    core::any::type_name::<T>().rsplit("::").next().unwrap_or_default(),
                ))
            })?;
            out.push(element);
        }
        Ok(out)
    }
}

/// Converts an integral f64; `None` if it has a fraction. Magnitudes beyond 2¹²⁷ do not fit any integer type either.
fn to_integer(value: f64) -> Option<i128> {
    let integer = value as i128;
    (integer as f64 == value && integer != i128::MAX && integer != i128::MIN).then_some(integer)
}
