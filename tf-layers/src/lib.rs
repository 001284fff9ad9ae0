//! The layers of neural networks, over slices.
//!
//! Every layer takes an [`Isa`], plain slices in row-major, channels-last order and their dims, checks that
//! they fit, and writes its result into a slice it is given. Layers allocate nothing; none panics,
//! whatever the dims or the numbers. Weights are borrowed from a packed [`Blob`].
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
//! let mut y = [0.0; 2];
//! layer.run(Isa::detect(), 1, &[1.0, 2.0], &mut y)?;
//! assert_eq!(y, [7.5, 0.0]);
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

// The names by which generated crates call this one.
#[doc(hidden)]
pub use crate::{gemm::*, io::*, nn::*, ops::*, tensor::*};
