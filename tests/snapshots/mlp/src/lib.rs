//! mlp: a trained model as Rust, converted by tf2rust 0.1.0.
//!
//! Source: `mlp.onnx`, SHA-256 `0c1fac4fa3a2f5aefc76d7d234dea502b5f85a84f4780bb756b3ae783603ff9d`.
//!
//! | | name | dtype and shape |
//! |---|---|---|
//! | input | `x` | float32 [batch, 5] |
//! | output | `y` | float32 [batch, 3] |
//!
//! ```no_run
//! use mlp::{Inputs, MlpModel, TensorView};
//!
//! # fn main() -> mlp::Result<()> {
//! let model = MlpModel::new()?;
//! let x = [0.0; 5];
//! let outputs = model.predict(&Inputs {
//!     x: TensorView::new(&x, [1, 5])?,
//! })?;
//! println!("{:?}", outputs.y.data());
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
#[cfg(feature = "alloc")]
mod prediction;
#[cfg(feature = "profile")]
mod profile;
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
mod weights;

pub use model::{Inputs, MlpModel, Outputs, Workspace};
#[cfg(feature = "alloc")]
pub use prediction::predict_from;
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
