//! The trait of engines. All run the same ONNX file, or the crate generated from it, on the same inputs.

pub mod arrays;
mod clock;
pub mod once;

use std::time::Duration;

pub use clock::Clock;

/// Any error; the program ends at the first one.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A loaded model with its inputs.
pub trait Engine {
    /// Predicts `times` times and keeps the last outputs.
    fn run(&mut self, times: u32) -> Result<()>;

    /// Predicts `times` times and returns the time that this took.
    fn measure(&mut self, times: u32, clock: Clock) -> Result<Duration> {
        let start = clock.now()?;
        self.run(times)?;
        Ok(clock.now()? - start)
    }

    /// The elements of all outputs of the last prediction, concatenated.
    fn outputs(&mut self) -> Result<Vec<f32>>;
}
