//! Layers of neural networks.
//!
//! | group | layers |
//! |---|---|
//! | linear | [`Dense`], [`Embedding`] |
//! | weights of fewer bits | [`KernelMatrix`] of [`Dense`], [`Conv1d`] and [`Conv2d`]; [`SmallEmbedding`] |
//! | convolution | [`Conv1d`], [`Conv2d`], [`Conv3d`], [`DepthwiseConv2d`], [`WinogradConv2d`], [`ConvTranspose`], [`DeformConv`], [`EmbeddingConv1d`], [`DynamicConv`] |
//! | pooling | [`Pool1d`], [`Pool2d`], [`Pool3d`], [`MaxPool`], [`max_unpool`] |
//! | normalization | [`LayerNorm`], [`GroupNorm`], [`RmsNorm`], [`UnitNorm`], [`ScaleShift`] (batch normalization) |
//! | recurrent | [`SimpleRnn`], [`Gru`], [`Lstm`], [`DynamicQuantizedLstm`], [`DynamicRecurrence`] |
//! | attention | [`Attention`] |
//! | activation | [`Activation`] |
//! | 8-bit integers | [`QuantizedDense`], [`QuantizedConv1d`], [`QuantizedConv2d`], [`QuantizedDepthwiseConv2d`], [`QuantizedAdd`], [`QuantizedMul`], [`QuantizedAveragePool2d`], [`QuantizedMaxPool2d`], [`QuantizedMean`], [`QuantizedLookup`], [`DynamicQuantization`], [`DynamicQuantizedDense`] |
//!
//! Tensors are channels-last: sequences are `[batch, width, channels]`, images `[batch, height, width, channels]`.
//!
//! # Building layers
//!
//! A layer is a plain struct that borrows its weights. All fields are public, and nothing is computed when a layer is
//! built: `run` checks the fields against the views it is given, and returns an error that names the offending one.
//!
//! Where a layer has optional attributes, `new` takes the required ones and sets the defaults of Keras or ONNX. Prefer
//! struct update syntax to change them, because it keeps compiling when a later version adds a field:
//!
//! ```
//! use tf_layers::nn::LayerNorm;
//!
//! let layer = LayerNorm { epsilon: 1e-6, ..LayerNorm::new(1) };
//! ```
//!
//! The structs are therefore not `#[non_exhaustive]`, which would forbid this syntax. Code that tf2rust generates writes
//! every field; a generated crate contains the version of this crate that it was written for.

use crate::error::{Result, require};
use crate::tensor::ViewMut;

mod activation;
mod additive_attention;
mod attention;
mod category_encoding;
pub(crate) mod conv;
mod dense;
mod embedding;
mod kernel_matrix;
mod norm;
mod pool;
mod quantized;
mod recurrent;
mod scale_shift;
mod small_embedding;

pub use activation::Activation;
pub use additive_attention::AdditiveAttention;
pub use attention::{Attention, Mask};
pub use category_encoding::CategoryEncoding;
pub use conv::{
    Conv1d, Conv2d, Conv3d, ConvTranspose, DeformConv, DepthwiseConv2d, DynamicConv, EmbeddingConv1d,
    WinogradConv2d,
};
pub use dense::Dense;
pub use embedding::Embedding;
pub use kernel_matrix::KernelMatrix;
pub use norm::{GroupNorm, LayerNorm, RmsNorm, UnitNorm};
pub use pool::{AdaptivePool, MaxPool, Pool1d, Pool2d, Pool3d, PoolKind, max_unpool};
pub use quantized::{
    Byte, DynamicQuantization, DynamicQuantizedDense, QuantizedAdd, QuantizedAveragePool2d, QuantizedConv1d,
    QuantizedConv2d, QuantizedDense, QuantizedDepthwiseConv2d, QuantizedLookup, QuantizedMaxPool2d,
    QuantizedMean, QuantizedMul, Requantization,
};
pub use recurrent::{
    Direction, DynamicCell, DynamicQuantizedLstm, DynamicRecurrence, DynamicWeights, Gru, Lstm, SimpleRnn,
    States,
};
pub use scale_shift::ScaleShift;
pub use small_embedding::{ScaledRows, SmallEmbedding, SmallTable};

/// Borrows the elements of an optional output `what`, if it is requested. Fails if its dims differ from `dims`, as
/// `must` says.
fn requested<'y, const R: usize>(
    output: Option<&'y mut ViewMut<'_, f32, R>>,
    dims: [usize; R],
    what: &'static str,
    must: &'static str,
) -> Result<Option<&'y mut [f32]>> {
    let Some(output) = output else { return Ok(None) };
    require(output.dims() == dims, what, must)?;
    Ok(Some(output.as_mut_slice()?))
}

pub use crate::window::{ceil_padding, same_lower_padding, same_padding};
