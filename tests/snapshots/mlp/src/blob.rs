//! The packed weights that this crate embeds.

use tf_layers::io::Aligned;

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/weights.bin")));

/// The parts of the weights.
pub fn parts() -> [&'static [u8]; 1] {
    [&WEIGHTS.0]
}
