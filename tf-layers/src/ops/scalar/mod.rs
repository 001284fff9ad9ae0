//! Arithmetic on numbers of any type, one at a time: what models compute of indices, flags and doubles.

mod binary;
mod double;
mod reduce;
mod unary;

pub use binary::ScalarBinary;
pub use double::DoubleUnary;
pub use reduce::ScalarReduce;
pub use unary::ScalarUnary;
