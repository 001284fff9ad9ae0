//! two_inputs: a trained model as Rust, converted by tf2rust 0.1.0.
//!
//! Source: `two_inputs.onnx`, SHA-256 `e5eab524385b8c28635cfb42026be454305ab1ab5df79299ab8ec3ad17fa5b41`.
//!
//! | | name | dtype and shape |
//! |---|---|---|
//! | input | `characters` | int64 [batch, time] |
//! | input | `numbers` | float32 [batch, 3] |
//! | output | `score` | float32 [batch, 1] |
//! | output | `d` | float32 [batch, 2] |
//!
//! ```no_run
//! use two_inputs::{Inputs, TwoInputsModel, TensorView};
//!
//! # fn main() -> two_inputs::Result<()> {
//! let model = TwoInputsModel::new()?;
//! let characters = [0_i64; 9];
//! let numbers = [0.0; 3];
//! let outputs = model.predict(&Inputs {
//!     characters: TensorView::new(&characters, [1, 9])?,
//!     numbers: TensorView::new(&numbers, [1, 3])?,
//! })?;
//! println!("{:?}", outputs.score.data());
//! println!("{:?}", outputs.d.data());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]
#![warn(missing_docs)]

mod blob;
// Constants and branches come from the model.
#[allow(clippy::approx_constant, clippy::if_same_then_else)]
mod model;
#[cfg(feature = "rayon")]
mod parallel;
#[cfg(feature = "alloc")]
mod ports;
#[cfg(feature = "profile")]
mod profile;
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
mod weights;

pub use model::{Inputs, Outputs, TwoInputsModel, Workspace};
#[cfg(feature = "alloc")]
pub use tf_layers::interface;
#[cfg(feature = "alloc")]
pub use tf_layers::io::AlignedBytes;
pub use tf_layers::tensor::{Tensor, TensorView};
pub use tf_layers::{Error, Result};

#[cfg(feature = "mmap")]
pub use tf_layers::io::MappedFile;
#[cfg(feature = "profile")]
pub use tf_layers::profile::{LayerTime, Profile};
