//! Arithmetic on any type of number, not vectorized: for indices, flags and `f64`.

mod binary;
mod double;
mod reduce;
mod unary;

pub use binary::ScalarBinary;
pub use double::DoubleUnary;
pub use reduce::ScalarReduce;
pub use unary::ScalarUnary;
