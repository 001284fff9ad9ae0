//! What all layers of a run share.

use crate::simd::Isa;
use crate::tensor::Buffer;

/// The instruction set that a run uses, and memory that its layers take in turn for results of their own.
#[derive(Debug)]
pub struct Context<'a> {
    /// Chosen once for a model, as detecting it costs as much as a small layer.
    pub isa: Isa,
    /// What it holds means nothing to the next layer.
    pub scratch: &'a mut Buffer<f32>,
}

impl<'a> Context<'a> {
    /// For one run, or for one thread of it.
    #[must_use]
    pub fn new(isa: Isa, scratch: &'a mut Buffer<f32>) -> Self {
        Self { isa, scratch }
    }
}
