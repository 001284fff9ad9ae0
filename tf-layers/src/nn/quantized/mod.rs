//! Layers on tensors of 8-bit integers.
//!
//! A quantized tensor holds integers q of type `u8` or `i8` that stand for the numbers scale·(q − zero point). Weights are
//! `i8` with a scale for each output channel. Their zero point is 0 unless a layer has `kernel_zero_points`, as it must for
//! weights that have all values of a `u8` and another zero point than 128.
//!
//! Products are summed in `i32`, exactly. A layer then multiplies each sum by a multiplier in `f32`, rounds it to the nearest
//! integer, ties to even, adds the zero point of y, and clamps the result to the range of an activation. Nothing in this
//! depends on the instruction set: the same integers give the same integers everywhere.
//!
//! A layer with weights takes the bytes of x as unsigned: those of an `i8` plus 128. The zero point z of x in this domain
//! (plus 128 for `i8`) is folded into the bias when a model is converted: `bias[c] = b[c] − z·Σ w[.., c]`, where w is a weight
//! minus its zero point. The sums must fit `i32` for all inputs: 255·Σ |w[.., c]| + |bias[c]| < 2³¹. Otherwise they wrap.
//!
//! With dynamic quantization, x arrives in `f32`: [`DynamicQuantization`] finds its scale and zero point at each call, and
//! [`DynamicQuantizedDense`] gives a result in `f32` again.

mod binary;
mod byte;
mod conv;
mod dense;
mod depthwise;
mod depthwise_kernel;
mod dynamic;
mod lookup;
mod max_pool;
mod mean;
mod product;
mod requantization;
mod row_sums;

pub use binary::{QuantizedAdd, QuantizedMul};
pub use byte::Byte;
pub use conv::{QuantizedConv1d, QuantizedConv2d};
pub use dense::QuantizedDense;
pub use depthwise::QuantizedDepthwiseConv2d;
pub use dynamic::{DynamicQuantization, DynamicQuantizedDense};
pub(crate) use dynamic::{DynamicRange, multiply_dequantized};
pub use lookup::QuantizedLookup;
pub use max_pool::QuantizedMaxPool2d;
pub use mean::{QuantizedAveragePool2d, QuantizedMean};
pub use requantization::Requantization;
