//! NPZ archives, and weights packed for the kernels.
//!
//! Weights are trained elsewhere and exported as an NPZ archive of NumPy arrays. A build script packs it into a blob, in the
//! layout that the kernels read. The program embeds the blob and borrows the weights from it: nothing is parsed, copied or
//! allocated at startup.
//!
//! ```
//! use tf_layers::io::{Entry, NpzWriter, pack};
//! use tf_layers::prelude::*;
//!
//! // Normally written by `numpy.savez("weights.npz", kernel=kernel, bias=bias)`.
//! let mut archive = NpzWriter::new();
//! archive.add("kernel", &[2, 3], &[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! archive.add("bias", &[3], &[0.5_f32, 0.0, -0.5])?;
//! let archive = archive.finish();
//!
//! // In the build script. The hash ties the blob to the entries it was packed with.
//! const ENTRIES: &[Entry] = &[Entry::matrix("kernel", 2, 3), Entry::vector("bias", 3)];
//! const ARCHITECTURE: [u8; 32] = [7; 32];
//! let blob = pack(&Npz::parse(&archive)?, ENTRIES, ARCHITECTURE)?;
//!
//! // In the program, with `Aligned(*include_bytes!(…))`.
//! # let mut aligned = Aligned([0_u8; 512]);
//! # aligned.0[..blob.len()].copy_from_slice(&blob);
//! # let parts = [&aligned.0[..blob.len()]];
//! let blob = Blob::parse(&parts, ARCHITECTURE)?;
//! let layer = Dense {
//!     kernel: blob.matrix(0, 2, 3)?,
//!     bias: Some(blob.vector(1, 3)?),
//!     activation: Activation::Linear,
//! };
//! # let mut scratch = Buffer::default();
//! # let cx = &mut Context::new(Isa::detect(), &mut scratch);
//! # let mut y = [0.0; 3];
//! let y = layer.run(cx, View::new(&[1.0, 1.0], [1, 2])?, ViewMut::new(&mut y, [1, 3])?)?;
//! assert_eq!(y.as_slice()?, [5.5, 7.0, 8.5]);
//! # Ok::<(), Error>(())
//! ```

#[cfg(feature = "alloc")]
mod aligned;
mod blob;
mod element;
mod entry;
mod format;
#[cfg(feature = "alloc")]
mod lossless;
#[cfg(feature = "mmap")]
mod mapped;
#[cfg(feature = "alloc")]
mod npy;
#[cfg(feature = "alloc")]
mod npy_strings;
#[cfg(feature = "alloc")]
mod npz;
#[cfg(feature = "alloc")]
mod npz_writer;
#[cfg(feature = "alloc")]
mod pack;
mod packing;
#[cfg(feature = "alloc")]
mod zip;

#[cfg(feature = "alloc")]
pub use aligned::AlignedBytes;
pub use blob::{Aligned, Blob};
pub use element::{Dtype, Element};
pub use entry::Entry;
#[cfg(feature = "alloc")]
pub use lossless::FromInteger;
#[cfg(feature = "mmap")]
pub use mapped::MappedFile;
#[cfg(feature = "alloc")]
pub use npy::NpyArray;
#[cfg(feature = "alloc")]
pub use npy_strings::NpyStrings;
#[cfg(feature = "alloc")]
pub use npz::Npz;
#[cfg(feature = "alloc")]
pub use npz_writer::NpzWriter;
#[cfg(feature = "alloc")]
pub use pack::{ModelWeights, pack, pack_models};
