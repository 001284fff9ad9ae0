//! The layers of neural networks, over slices.
//!
//! Every layer takes an [`Isa`], plain slices in row-major, channels-last order and their dims, checks that
//! they fit, and writes its result into a slice it is given. Layers allocate nothing; none panics,
//! whatever the dims or the numbers. Weights are borrowed from a packed [`Blob`].
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod activation;
mod binary;
mod broadcast;
mod conv;
mod dense;
mod depthwise;
mod embedding;
mod error;
mod free;
mod gru;
mod lstm;
mod math;
mod moves;
mod norm;
mod operand;
mod pool;
mod prediction;
mod product;
mod reduce;
mod shape;
mod simd;
mod slide;
mod softmax;
mod tensor;
mod weights;
mod window;
mod windows;

pub use activation::{Activation, Unary};
pub use binary::Binary;
pub use conv::{Conv1d, Conv2d};
pub use dense::Dense;
pub use depthwise::DepthwiseConv2d;
pub use embedding::{Embedding, Index, Outside};
pub use error::{Error, Result};
pub use free::{Extent, FreeDims, quotient, sub, sum};
pub use gru::Gru;
pub use lstm::{Lstm, States};
pub use moves::{
    Cast, Compare, Logic, Pad, broadcast, cast, concat, concat_part, copy, gather, not, pad, select, slice,
    tile, transpose,
};
pub use moves::{Integer, IntegerBinary, IntegerReduce, IntegerUnary};
pub use norm::LayerNorm;
pub use pool::{Pool, Pool1d, Pool2d};
pub use prediction::{BinaryModelResult, Confidence, ScanPrediction, Thresholds, ThresholdsError};
pub use reduce::Reduce;
pub use shape::{MAX_RANK, Shape, len};
pub use simd::Isa;
pub use softmax::{log_softmax, log_softmax_in_place, softmax, softmax_in_place};
pub use tensor::{Buffer, Tensor, TensorView};
pub use weights::{Aligned, Blob, Dtype, Element, Entry, Matrix, NpyArray, Npz, NpzWriter, Whole, pack};
