//! The packed arrays 1 to 1 of the weights of parts.

#![forbid(unsafe_code)]
#![no_std]

use tf_layers::io::Aligned;

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/weights.bin")));

/// The packed arrays.
// Never inlined, because a crate that reads the constant directly would embed it again.
#[inline(never)]
#[must_use]
pub fn weights() -> &'static [u8] {
    &WEIGHTS.0
}
