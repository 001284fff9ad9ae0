//! Engines behind one trait: the same ONNX file, or the crate converted from it, and the same inputs, on one thread.

pub mod arrays;
pub mod once;

/// Any error: this is a program for one purpose, which ends at the first.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A model that is loaded, with the inputs at hand.
pub trait Engine {
    /// Predicts `times` times and keeps the last outputs.
    fn run(&mut self, times: u32) -> Result<()>;

    /// The elements of the outputs of the last prediction, one output after the other.
    fn outputs(&self) -> Result<Vec<f32>>;
}
