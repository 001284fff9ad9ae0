//! control: a trained model as Rust, converted by tf2rust 0.1.0.
//!
//! Source: `control.onnx`, SHA-256 `579b02ff485bca2cf57aecbe864686f793a0b11bd8d2fa58e9f06d666cbb3e9b`.
//!
//! | | name | dtype and shape |
//! |---|---|---|
//! | input | `rows` | float32 [t, 4, 2] |
//! | output | `changes` | float32 [t, 4, 3] |
//! | output | `grown` | float32 [4, 3] |
//!
//! ```no_run
//! use control::{Inputs, ControlModel, TensorView};
//!
//! # fn main() -> control::Result<()> {
//! let model = ControlModel::new()?;
//! let rows = [0.0; 8];
//! let outputs = model.predict(&Inputs {
//!     rows: TensorView::new(&rows, [1, 4, 2])?,
//! })?;
//! println!("{:?}", outputs.changes.data());
//! println!("{:?}", outputs.grown.data());
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
#[cfg(feature = "alloc")]
mod ports;
#[cfg(feature = "profile")]
mod profile;
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
mod weights;

pub use model::{ControlModel, Inputs, Outputs, Workspace};
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
