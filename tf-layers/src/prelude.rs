//! The names that most programs need: `use tf_layers::prelude::*;`.

pub use crate::context::Context;
pub use crate::error::{Error, Result};
pub use crate::gemm::Matrix;
#[cfg(feature = "alloc")]
pub use crate::io::Npz;
pub use crate::io::{Aligned, Blob};
pub use crate::nn::{Activation, Conv1d, Conv2d, Dense, Embedding, Gru, LayerNorm, Lstm};
pub use crate::simd::Isa;
pub use crate::tensor::{BF16, Buffer, F16, Shape, Tensor, TensorView, View, ViewMut};
