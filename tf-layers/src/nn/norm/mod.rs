//! Normalization layers.

mod group;
mod layer;
mod rms;

pub use group::GroupNorm;
pub use layer::LayerNorm;
pub use rms::{RmsNorm, UnitNorm};
