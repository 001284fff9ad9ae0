//! The trait of engines. All run the same ONNX file, or the crate generated from it, on the same inputs in one thread.

pub mod arrays;
pub mod once;

/// Any error; the program ends at the first one.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A loaded model with its inputs.
pub trait Engine {
    /// Predicts `times` times and keeps the last outputs.
    fn run(&mut self, times: u32) -> Result<()>;

    /// The elements of all outputs of the last prediction, concatenated.
    fn outputs(&self) -> Result<Vec<f32>>;
}
