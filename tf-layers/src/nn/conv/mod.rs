//! Convolutions, channels last.
//!
//! [`Conv1d`], [`Conv2d`] and [`Conv3d`] are matrix products; the left operand is the windows of the image.
//! [`WinogradConv2d`] uses Winograd's algorithm, for a stride and dilation of 1. [`DynamicConv`] and [`DeformConv`]
//! take kernels that are computed at run time; they are channels first.

mod conv2d;
mod conv3d;
mod deform;
mod depthwise;
mod depthwise_kernel;
mod dynamic;
mod embedding;
mod transpose;
pub(crate) mod winograd;

pub use conv2d::{Conv1d, Conv2d};
pub use conv3d::Conv3d;
pub use deform::DeformConv;
pub use depthwise::DepthwiseConv2d;
pub use dynamic::DynamicConv;
pub use embedding::EmbeddingConv1d;
pub use transpose::ConvTranspose;
pub use winograd::WinogradConv2d;
