//! The error type of the crate.

#[cfg(feature = "alloc")]
use alloc::string::String;
use core::fmt;

use crate::interface::DataType;
use crate::tensor::Shape;

/// An error of a layer, a weight blob or an NPZ archive. The message names the offending value and what it must satisfy.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let error = View::new(&[1.0, 2.0, 3.0], [2, 2]).unwrap_err();
/// assert_eq!(error.to_string(), "`data` has 3 elements, but its dims require 4");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A tensor does not have the shape that the model was built for.
    Shape {
        /// The tensor's name in the model.
        tensor: &'static str,
        /// The expected shape, as the model declares it, e.g. `[batch, 28, 28, 1]`.
        expected: &'static str,
        /// The actual shape.
        found: Shape,
    },
    /// The elements of a tensor have another type than those of the model's input.
    DataType {
        /// The tensor's name in the model.
        tensor: &'static str,
        /// The expected type.
        expected: DataType,
        /// The actual type.
        found: DataType,
    },
    /// A slice is longer or shorter than its dims require.
    Length {
        /// The argument, e.g. `x` or `bias`.
        what: &'static str,
        /// The number of elements that the dims require.
        expected: usize,
        /// The actual number of elements.
        found: usize,
    },
    /// A model got too few or too many inputs.
    Inputs {
        /// The number of inputs of the model.
        expected: usize,
        /// The number of tensors that were given.
        found: usize,
    },
    /// An index is outside the axis that it refers to.
    Index {
        /// The tensor that holds the indices.
        tensor: &'static str,
        /// The position of the index in the flat array of that tensor.
        position: usize,
        /// The number of elements in that tensor.
        len: usize,
        /// The index (`i64::MIN` for a NaN).
        value: i64,
        /// The size of the axis.
        size: usize,
    },
    /// Dims or attributes are invalid or contradict each other, e.g. a stride of zero.
    Dims {
        /// The argument or attribute.
        what: &'static str,
        /// The requirement that it violates.
        must: &'static str,
    },
    /// The sizes of the inputs violate a condition of the model.
    Sizes {
        /// The condition on the model's symbolic dimensions.
        condition: &'static str,
        /// The node that needs it, as a noun phrase.
        node: &'static str,
    },
    /// A product or sum of dims does not fit `usize`.
    Overflow,
    /// The allocator could not provide the memory, or the reserved memory is too small.
    Memory {
        /// The size of the request.
        bytes: usize,
    },
    /// The packed weights are damaged, or belong to another model.
    Weights(&'static str),
    /// The packed weights lack an array of the model.
    Array {
        /// The index of the array.
        index: usize,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// An NPZ archive is damaged, or an array in it has an unexpected type or shape.
    #[cfg(feature = "alloc")]
    Npz(String),
}

/// `core::result::Result` with this crate's [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// Converts an error from a chunk of `rows` rows, which starts at row `first`, to one of the whole `batch`.
    #[must_use]
    #[cold]
    pub fn in_chunk(mut self, first: usize, rows: usize, batch: usize) -> Self {
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
                write!(f, "tensor `{tensor}` has shape {found:?}, but the model expects {expected}")
            }
            Self::DataType { tensor, expected, found } => {
                write!(f, "tensor `{tensor}` has elements of type {found}, but the model expects {expected}")
            }
            Self::Inputs { expected, found } => {
                write!(f, "the model has {expected} inputs, but {found} were given")
            }
            Self::Length { what, expected, found } => {
                write!(f, "`{what}` has {found} elements, but its dims require {expected}")
            }
            Self::Index { tensor, position, value, size, .. } => write!(
                f,
                "element {position} of `{tensor}` is {value}, which is not a valid index for an axis of size {size}"
            ),
            Self::Dims { what, must } => write!(f, "`{what}` must {must}"),
            Self::Sizes { condition, node } => {
                write!(f, "the sizes of the inputs must satisfy `{condition}`, because the {node} needs it")
            }
            Self::Overflow => f.write_str("the number of elements overflows; use smaller dims"),
            Self::Memory { bytes } => write!(f, "could not allocate {bytes} bytes; use a smaller batch"),
            Self::Weights(reason) => write!(f, "model weights: {reason}"),
            Self::Array { index, reason } => write!(f, "model weights: array {index} {reason}"),
            #[cfg(feature = "alloc")]
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
