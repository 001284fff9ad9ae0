//! The layers of neural networks, over slices.
//!
//! Every layer takes an [`Isa`], plain slices in row-major, channels-last order and their dims, checks that
//! they fit, and writes its result into a slice it is given. Layers allocate nothing; none panics,
//! whatever the dims or the numbers. Weights are borrowed from a packed [`Blob`].
//!
//! ```
//! use tf_layers::{Activation, Dense, Isa, Matrix};
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

#[macro_use]
mod function;

mod activation;
mod attention;
mod binary;
mod broadcast;
mod conv;
mod conv3d;
mod conv_transpose;
mod deform_conv;
mod dense;
mod depthwise;
mod embedding;
mod embedding_conv;
mod error;
mod free;
mod given_conv;
mod given_recurrence;
mod grid;
mod group_norm;
mod gru;
mod half;
mod lstm;
mod math;
mod matmul;
mod max_pool;
mod mel;
mod moves;
mod norm;
mod operand;
mod parallel;
mod patches;
mod pool;
mod prediction;
mod product;
mod quantize;
mod recurrence;
mod reduce;
mod resize;
mod scalar;
mod scale_norm;
mod scale_shift;
mod shape;
mod simd;
mod simple_rnn;
mod slide;
mod softmax;
mod suppress;
mod tensor;
mod tiles;
mod unary;
mod weights;
mod window;
mod windows;
mod winograd;

pub use activation::Activation;
pub use attention::{Attention, Heads, Mask};
pub use binary::Binary;
pub use conv::{Conv1d, Conv2d};
pub use conv_transpose::ConvTranspose;
pub use conv3d::Conv3d;
pub use deform_conv::{DeformConv, Deformation};
pub use dense::Dense;
pub use depthwise::DepthwiseConv2d;
pub use embedding::{Embedding, Index, Outside};
pub use embedding_conv::EmbeddingConv1d;
pub use error::{Error, Result};
pub use free::{Extent, FreeDims, quotient, sub, sum};
pub use given_conv::GivenConv;
pub use given_recurrence::{GivenCell, GivenRecurrence, GivenWeights};
pub use grid::{GridSample, Outer, Sampling};
pub use group_norm::GroupNorm;
pub use gru::Gru;
pub use half::F16;
pub use lstm::Lstm;
pub use matmul::{MatMul, Widen};
pub use max_pool::{MaxPool, max_unpool};
pub use mel::{mel_weights, spectrum_bins};
pub use moves::{Bits, Bitwise, SameBits, bit_cast, bitwise_not};
pub use moves::{
    Cast, Compare, Logic, Pad, broadcast, cast, concat, concat_part, copy, diagonal, gather, not, pad,
    select, slice, tile, transpose,
};
pub use moves::{Cumulate, Extreme, around_axis, hardmax, number, range, top_k};
pub use moves::{
    Tuples, Update, gather_elements, one_hot, reverse_sequence, scatter_elements, triangle, write_steps,
};
pub use moves::{Unique, compress, count_nonzero, nonzero, range_len, size_at};
pub use moves::{is_true, put_step, take_step, trip_count};
pub use norm::LayerNorm;
pub use operand::Columns;
pub use patches::{Col2Im, RoiAlign, determinant};
pub use pool::{Pool, Pool1d, Pool2d, Pool3d};
pub use prediction::{BinaryModelResult, Confidence, ScanPrediction, Thresholds, ThresholdsError};
pub use quantize::{Quantization, Quantized};
pub use recurrence::{Direction, States};
pub use reduce::Reduce;
pub use resize::{Coordinates, Interpolation, Resize};
pub use scalar::{DoubleUnary, Scalar, ScalarBinary, ScalarReduce, ScalarUnary};
pub use scale_norm::{RmsNorm, UnitNorm};
pub use scale_shift::ScaleShift;
pub use shape::{MAX_RANK, Shape, dims_as_numbers, len};
pub use simd::Isa;
pub use simple_rnn::SimpleRnn;
pub use softmax::{log_softmax, log_softmax_in_place, softmax, softmax_in_place};
pub use suppress::{Limits, NonMaxSuppression};
pub use tensor::{Buffer, Tensor, TensorView};
pub use tiles::{Rows, each_tile, tile_rows};
pub use unary::Unary;
pub use weights::{Aligned, Blob, Dtype, Element, Entry, Matrix, NpyArray, Npz, NpzWriter, Whole, pack};
pub use window::same_padding;
pub use winograd::WinogradConv2d;
