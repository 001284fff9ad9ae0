//! The layers of neural networks, on borrowed memory.
//!
//! Every layer takes a [`Context`], a [`View`] of each input and a [`ViewMut`] of each
//! output, row-major and channels-last. It checks that they fit, writes its result, and returns a view of it. Layers
//! allocate nothing, and none panics, whatever the dims or the numbers. Weights are borrowed from a packed
//! [`Blob`].
//!
//! ```
//! use tf_layers::prelude::*;
//!
//! // y = max(x·[[1, 2], [3, 4]] + [0.5, −20], 0); a matrix is packed in panels of 16 columns.
//! let mut panel = [0.0; 32];
//! panel[..2].copy_from_slice(&[1.0, 2.0]);
//! panel[16..18].copy_from_slice(&[3.0, 4.0]);
//! let kernel = Matrix::new(&panel, 1, 2, 2)?;
//! let layer = Dense { kernel, bias: Some(&[0.5, -20.0]), activation: Activation::Relu };
//!
//! let (mut scratch, mut output) = (Buffer::default(), Buffer::default());
//! let cx = &mut Context::new(Isa::detect(), &mut scratch);
//! let x = View::new(&[1.0, 2.0], [1, 2])?;
//! let y = layer.run(cx, x, output.tensor([1, 2])?)?;
//! assert_eq!(y.as_slice()?, [7.5, 0.0]);
//! # Ok::<(), tf_layers::Error>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod context;
pub mod dims;
pub mod error;
pub mod gemm;
pub mod io;
mod math;
pub mod nn;
pub mod ops;
mod parallel;
pub mod prelude;
pub mod simd;
pub mod tensor;
mod window;

pub use context::Context;
pub use error::{Error, Result};
pub use simd::Isa;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
