//! Layers whose weights are tensors like any other: what contradicts itself is an error, and nothing hangs.

mod common;

use tf_layers::{F16, cast};

#[test]
fn casts_of_halves() {
    let mut halves = [F16::default(); 3];
    cast(&[0.1f64, 1e9, -2.0], &mut halves).unwrap();
    assert_eq!(halves.map(F16::to_bits), [0x2e66, 0x7c00, 0xc000]);
    let mut whole = [0i8; 3];
    cast(&halves, &mut whole).unwrap();
    assert_eq!(whole, [0, 127, -2]);
}
