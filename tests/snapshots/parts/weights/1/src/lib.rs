//! Arrays 1 to 1 of the weights of parts, packed.

#![forbid(unsafe_code)]
#![no_std]

use tf_layers::io::Aligned;

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/weights.bin")));

/// The packed arrays.
// Not inlined, because a crate that reads the constant itself would embed it again.
#[inline(never)]
#[must_use]
pub fn weights() -> &'static [u8] {
    &WEIGHTS.0
}
