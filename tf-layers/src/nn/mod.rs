//! The layers of neural networks, with their weights.
//!
//! A layer is a struct of its weights, borrowed, and its attributes; `run` checks that the views fit.

mod activation;
mod additive_attention;
mod attention;
mod category_encoding;
pub(crate) mod conv;
mod dense;
mod embedding;
mod norm;
mod pool;
mod recurrent;
mod scale_shift;

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
pub use norm::{GroupNorm, LayerNorm, RmsNorm, UnitNorm};
pub use pool::{AdaptivePool, MaxPool, Pool, Pool1d, Pool2d, Pool3d, max_unpool};
pub use recurrent::{
    Direction, DynamicCell, DynamicRecurrence, DynamicWeights, Gru, Lstm, SimpleRnn, States,
};
pub use scale_shift::ScaleShift;

pub use crate::window::same_padding;
