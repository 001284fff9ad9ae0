//! Weights on their way from the training framework into the kernels.
//!
//! An NPZ archive ([`Npz`]) holds them as NumPy arrays. [`pack`] turns it into a blob in the layout that
//! the kernels read, when the crate is built; [`Blob`] lends them from there when it runs.

mod blob;
mod element;
mod format;
mod lossless;
mod npy;
mod npz;
mod npz_writer;
mod pack;
mod packing;
mod zip;

pub use blob::{Aligned, Blob};
pub use element::{Dtype, Element};
pub use lossless::Whole;
pub use npy::NpyArray;
pub use npz::Npz;
pub use npz_writer::NpzWriter;
pub use pack::{Entry, pack};
