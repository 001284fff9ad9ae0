//! Neural-network layers over borrowed slices: no dependencies, `no_std`, SIMD selected at run time.
//!
//! tf-layers runs trained networks. It has no graph, no interpreter and no allocator of its own: a network is a Rust
//! function that calls one layer after the other. The converter tf2rust generates such functions from TensorFlow and ONNX
//! models; you can also write them by hand.
//!
//! # A first network
//!
//! ```
//! use tf_layers::io::{Entry, NpzWriter, pack};
//! use tf_layers::prelude::*;
//!
//! // Weights come from NumPy; a build script packs them for the kernels. See the `io` module.
//! let mut archive = NpzWriter::new();
//! archive.add("kernel", &[2, 2], &[1.0_f32, 2.0, 3.0, 4.0])?;
//! archive.add("bias", &[2], &[0.5_f32, -20.0])?;
//! let archive = archive.finish();
//! let packed = pack(&Npz::parse(&archive)?, &[Entry::matrix("kernel", 2, 2), Entry::vector("bias", 2)], [0; 32])?;
//! # let mut aligned = Aligned([0_u8; 512]);
//! # aligned.0[..packed.len()].copy_from_slice(&packed);
//! # let packed = &aligned.0[..packed.len()];
//! let parts = [&packed[..]];
//! let weights = Blob::parse(&parts, [0; 32])?;
//!
//! // A layer borrows its weights.
//! let layer = Dense {
//!     kernel: weights.matrix(0, 2, 2)?,
//!     bias: Some(weights.vector(1, 2)?),
//!     activation: Activation::Relu,
//! };
//!
//! // A layer reads views, writes to a view, and returns what it wrote. Buffers are reused from run to run.
//! let (mut scratch, mut buffer) = (Buffer::default(), Buffer::default());
//! let cx = &mut Context::new(Isa::detect(), &mut scratch);
//! let x = View::new(&[1.0, 2.0], [1, 2])?;
//! let y = layer.run(cx, x, buffer.tensor([1, 2])?)?;
//! assert_eq!(y.as_slice()?, [7.5, 0.0]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | [`nn`] | layers: dense, convolution, pooling, normalization, recurrent, attention, embedding, activation |
//! | [`ops`] | operators without weights, named after ONNX operators: concat, gather, reduce, resize, top-k, … |
//! | [`tensor`] | views whose rank is part of the type, owned tensors, reusable buffers, symbolic dimensions |
//! | [`text`] | operators on strings: lookup tables, splitting, normalization |
//! | [`dims`] | checked arithmetic on dimensions |
//! | [`gemm`] | packed matrices, and the matrix product that all layers share |
//! | [`interface`] | models behind one trait: names, types and shapes of their inputs, sessions |
//! | [`io`] | NPZ archives, and weights packed for the kernels |
//! | [`simd`] | the instruction sets: AVX-512, AVX2 with FMA, NEON, WebAssembly simd128, scalar code |
//! | [`error`] | the error type |
//! | [`prelude`] | the names that most programs need |
//!
//! # Guarantees
//!
//! - **Layout.** Tensors are row-major and channels-last (`[batch, height, width, channels]`), of `f32` unless an operator
//!   says otherwise.
//! - **Views.** All sizes come from the views. An output may be columns of a wider tensor, so that a Concatenate copies
//!   nothing, or accumulate, as a residual connection does; see [`ViewMut`](tensor::ViewMut).
//! - **No panics.** Every layer checks its attributes, views and indices, and returns an [`Error`] that names the offending
//!   one. Arithmetic on dims is checked for overflow.
//! - **No allocations** after the first run. Layers write to the memory they are given; only a [`Buffer`](tensor::Buffer) or
//!   [`Tensor`](tensor::Tensor) that must grow allocates, and an allocation that fails is an error.
//! - **Determinism.** The same input gives the same bits on the same instruction set. Elementary functions are the crate's
//!   own and do not depend on a system library. With `rayon`, the last digits may depend on the number of threads.
//! - **`unsafe`** code is confined to the [`simd`] module. With `mmap`, `io::MappedFile` passes on a promise about the file
//!   that its caller must keep.
//!
//! # Features
//!
//! | feature | effect |
//! |---|---|
//! | `std` (default) | [`Isa::detect`] looks at the processor at run time; implies `alloc` |
//! | `alloc` | buffers and tensors allocate their memory; strings, NPZ archives, and packing of weights |
//! | `rayon` | large layers are split among the threads of the current rayon pool |
//! | `ndarray` | [`TensorView`](tensor::TensorView) and [`Tensor`](tensor::Tensor) from and to the arrays of ndarray |
//! | `image` | [`TensorView`](tensor::TensorView) and [`Tensor`](tensor::Tensor) from the images of the image crate |
//! | `mmap` | `io::MappedFile`: weights in a memory-mapped file |
//! | `profile` | `profile::Profile`: the time, the multiply-adds and the bytes of each layer |
//!
//! Without `std`, the target features of the compilation select the instruction set. Without `alloc`, the crate needs only
//! `core`: [`Buffer::from_static`](tensor::Buffer::from_static) and [`Tensor::from_static`](tensor::Tensor::from_static)
//! take memory that the program has reserved.
#![no_std]
#![deny(unsafe_code)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod checked;
mod context;
pub mod dims;
pub mod error;
pub mod gemm;
pub mod interface;
pub mod io;
mod math;
pub mod nn;
pub mod ops;
mod parallel;
pub mod prelude;
#[cfg(feature = "profile")]
pub mod profile;
pub mod simd;
pub mod tensor;
#[cfg(feature = "alloc")]
pub mod text;
mod window;

pub use context::Context;
pub use error::{Error, Result};
pub use simd::Isa;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
