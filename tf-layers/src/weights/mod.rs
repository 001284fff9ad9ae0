//! Weights on their way from the training framework into the kernels.
//!
//! An NPZ archive ([`Npz`]) holds them as NumPy arrays. [`pack`] turns it into a blob in the layout that
//! the kernels read, when the crate is built; [`Blob`] lends them from there when it runs.

mod blob;
mod element;
mod format;
mod lossless;
mod matrix;
mod npy;
mod npz;
mod pack;
mod writer;
mod zip;

pub use blob::{Aligned, Blob};
pub use element::{Dtype, Element};
pub(crate) use format::packed_len;
pub use lossless::Whole;
pub use matrix::Matrix;
pub use npy::NpyArray;
pub use npz::Npz;
pub use pack::{Entry, pack};
pub use writer::NpzWriter;
