//! Arrays in NumPy's NPY format, versions 1 to 3.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::element::{Dtype, Element};
use crate::error::{Error, Result};
use crate::tensor::{Shape, len};

/// An array within an NPZ archive.
#[derive(Debug, Clone, Copy)]
pub struct NpyArray<'a> {
    dtype: Dtype,
    shape: Shape,
    data: &'a [u8],
}

impl<'a> NpyArray<'a> {
    /// Parses the header of an `.npy` file and checks the length of the data.
    pub(super) fn parse(name: &str, file: &'a [u8]) -> Result<Self> {
        let RawArray { descr, shape, data } = RawArray::parse(name, file)?;
        let dtype = Dtype::ALL.into_iter().find(|dtype| dtype.numpy() == descr);
        let dtype = dtype.ok_or_else(|| {
            unusable(
                name,
                &format!("has unsupported dtype {descr}; convert it to a little-endian float, integer or bool with `astype`"),
            )
        })?;
        check_size(name, &shape, dtype.size(), data)?;
        Ok(Self { dtype, shape, data })
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dims.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order, as little-endian bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.data
    }

    /// Copies the elements.
    ///
    /// # Errors
    ///
    /// If the elements are not of type `T`, or there is not enough memory.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype != T::DTYPE {
            return Err(Error::Npz(format!(
                "an array has elements of type {:?}, but {:?} is expected; convert it with `astype`",
                self.dtype,
                T::DTYPE
            )));
        }
        let mut out = Vec::new();
        let bytes = self.data.len();
        out.try_reserve_exact(bytes / size_of::<T>()).map_err(|_| Error::Memory { bytes })?;
        out.extend(self.data.chunks_exact(size_of::<T>()).map(T::read));
        Ok(out)
    }
}

/// An `.npy` file whose dtype is not interpreted yet.
pub(super) struct RawArray<'a> {
    pub descr: &'a str,
    pub shape: Shape,
    pub data: &'a [u8],
}

impl<'a> RawArray<'a> {
    pub fn parse(name: &str, file: &'a [u8]) -> Result<Self> {
        let fail = |reason: &str| unusable(name, reason);
        let cut = || fail("is truncated; export it again");
        if file.get(..6) != Some(b"\x93NUMPY") {
            return Err(fail("is not an NPY array; export it with `numpy.savez`"));
        }
        let (start, size) = match *file.get(6).ok_or_else(cut)? {
            1 => (10, usize::from(u16::from_le_bytes(bytes(file, 8).ok_or_else(cut)?))),
            2 | 3 => (12, u32::from_le_bytes(bytes(file, 8).ok_or_else(cut)?) as usize),
            _ => return Err(fail("has an unknown version of the NPY format; export it with `numpy.savez`")),
        };
        let end = usize::checked_add(start, size).ok_or_else(cut)?;
        let header = file.get(start..end).ok_or_else(cut)?;
        let header = core::str::from_utf8(header)
            .map_err(|_| fail("has a header that is not text; export it again"))?;
        let descr = value(header, "descr").and_then(|text| text.split(['\'', '"']).nth(1));
        let descr = descr.ok_or_else(|| {
            fail("has no simple dtype; export the fields of a structured array as separate arrays")
        })?;
        if value(header, "fortran_order").is_none_or(|text| !text.starts_with("False")) {
            return Err(fail("is in Fortran order; convert it with `numpy.ascontiguousarray`"));
        }
        let shape = value(header, "shape").and_then(tuple);
        let shape = shape.ok_or_else(|| fail("has no shape of at most 8 dimensions; reshape it"))?;
        Ok(Self { descr, shape, data: &file[end..] })
    }
}

/// The error that the array `name` cannot be used; `reason` begins with a verb and says what to do.
pub(super) fn unusable(name: &str, reason: &str) -> Error {
    Error::Npz(format!("`{name}` {reason}"))
}

/// An error unless the elements of an array, each of `size` bytes, take all of `data`.
pub(super) fn check_size(name: &str, shape: &Shape, size: usize, data: &[u8]) -> Result<()> {
    if len(shape)?.checked_mul(size) == Some(data.len()) {
        return Ok(());
    }
    Err(unusable(name, "has more or less data than its shape requires; export it again"))
}

/// The header of an array, padded so that the data starts at a multiple of 64.
pub(super) fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let dims = shape.iter().fold(String::new(), |dims, dim| dims + &format!("{dim}, "));
    // A tuple with one element keeps its comma.
    let dims = if shape.len() > 1 { dims.trim_end_matches(", ") } else { dims.trim_end() };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

/// `N` bytes at offset `at`.
pub(super) fn bytes<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The text after `'key':` in a Python dictionary.
fn value<'t>(header: &'t str, key: &str) -> Option<&'t str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// Parses a Python tuple of sizes.
fn tuple(text: &str) -> Option<Shape> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let mut dims = [0; crate::tensor::MAX_RANK];
    let mut rank = 0;
    for part in inside.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        *dims.get_mut(rank)? = part.parse().ok()?;
        rank += 1;
    }
    Shape::new(&dims[..rank]).ok()
}
