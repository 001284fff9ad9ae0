//! The one error type of the crate.

use alloc::string::String;
use core::fmt;

use crate::tensor::Shape;

/// What a layer, a weight blob or an NPZ archive can refuse, with what it takes to mend it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A tensor does not have the shape that the model was built for.
    Shape {
        /// The tensor's name in the model.
        tensor: &'static str,
        /// The expected shape as it is written in the model, e.g. `[batch, 28, 28, 1]`.
        expected: &'static str,
        /// The shape that was given.
        found: Shape,
    },
    /// A slice is longer or shorter than the dims given beside it.
    Length {
        /// The argument, e.g. `x` or `bias`.
        what: &'static str,
        /// How many elements the dims call for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An element used as an index lies outside the axis it points into.
    Index {
        /// The tensor that holds the indices.
        tensor: &'static str,
        /// Where in that tensor the offending element stands, counted over the flat array.
        position: usize,
        /// How many elements that tensor has.
        len: usize,
        /// The element (a NaN is reported as `i64::MIN`).
        value: i64,
        /// The size of the axis.
        size: usize,
    },
    /// Dims or attributes that contradict each other, e.g. a stride of zero.
    Dims {
        /// The argument or attribute.
        what: &'static str,
        /// What it must satisfy.
        must: &'static str,
    },
    /// A product or sum of dims does not fit `usize`.
    Overflow,
    /// The allocator refused this many bytes.
    Memory {
        /// The size of the request.
        bytes: usize,
    },
    /// The packed weights are damaged, or belong to another model.
    Weights(String),
    /// An NPZ archive is damaged, or holds another array than was asked for.
    Npz(String),
}

/// `core::result::Result` with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// What an error in `rows` rows says of the whole `batch`, in which `first` rows stand before them.
    #[must_use]
    #[cold]
    pub fn in_tile(mut self, first: usize, rows: usize, batch: usize) -> Self {
        if let Self::Index { position, len, .. } = &mut self {
            let width = len.checked_div(rows).unwrap_or(0);
            *position = first.saturating_mul(width).saturating_add(*position);
            *len = width.saturating_mul(batch);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has shape {found:?}, the model takes {expected}")
            }
            Self::Length { what, expected, found } => {
                write!(f, "`{what}` has {found} elements, its dims call for {expected}")
            }
            Self::Index { tensor, position, value, size, .. } => write!(
                f,
                "element {position} of `{tensor}` is {value}, which is no index into an axis of size {size}"
            ),
            Self::Dims { what, must } => write!(f, "`{what}` must {must}"),
            Self::Overflow => {
                f.write_str("the product of the dims does not fit in memory; give smaller dims")
            }
            Self::Memory { bytes } => write!(f, "could not allocate {bytes} bytes; give a smaller batch"),
            Self::Weights(reason) => write!(f, "model weights: {reason}"),
            Self::Npz(reason) => write!(f, "NPZ archive: {reason}"),
        }
    }
}

impl core::error::Error for Error {}

/// `Err(Length)` unless `found == expected`.
#[inline]
pub(crate) fn check_len(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// An error unless a layer has a bias of `n` numbers, or none.
#[inline]
pub(crate) fn check_bias(bias: Option<&[f32]>, n: usize) -> Result<()> {
    match bias {
        Some(bias) => check_len("bias", n, bias.len()),
        None => Ok(()),
    }
}

/// `Err(Dims)` unless `holds`.
#[inline]
pub(crate) fn require(holds: bool, what: &'static str, must: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Dims { what, must }) }
}
