//! Layers whose weights are tensors like any other: what contradicts itself is an error, and nothing hangs.

mod common;

use tf_layers::{DeformConv, Deformation, Error, F16, MaxPool, cast, max_unpool};

const POOL: MaxPool = MaxPool {
    size: [1, 1, 2],
    stride: [1, 1, 2],
    dilation: [1; 3],
    padding: [[0, 0], [0, 0], [0, 1]],
    column_major: false,
};

#[test]
fn the_first_of_the_greatest_has_its_place() {
    let (mut y, mut places) = ([0.0; 4], [0; 4]);
    let x = [1.0, 1.0, f64::NEG_INFINITY, 4.0, f64::NAN, 2.0];
    POOL.run(2, [1, 1, 3], &x, &mut y, Some(&mut places)).unwrap();
    assert_eq!((y[0], y[1], y[3], places), (1.0, f64::NEG_INFINITY, 2.0, [0, 2, 4, 5]));
    assert!(y[2].is_nan());
    let mut least = [0u8; 1];
    // A window in nothing but padding.
    let outside = MaxPool { padding: [[0, 0], [0, 0], [2, 0]], ..POOL };
    outside.run(1, [1, 1, 0], &[], &mut least, None).unwrap();
    assert_eq!(least, [0]);
}

#[test]
fn pooling_refuses_what_does_not_fit() {
    let mut y = [0i32; 2];
    assert!(POOL.run(1, [1, 1, 3], &[1, 2, 3], &mut y, None).is_ok());
    assert!(POOL.run(1, [1, 1, 3], &[1, 2, 3], &mut y, Some(&mut [0])).is_err());
    assert!(POOL.run(usize::MAX, [1, 1, 3], &[1, 2, 3], &mut y, None).is_err());
    for bad in [
        MaxPool { stride: [1, 0, 1], ..POOL },
        MaxPool { size: [0; 3], ..POOL },
        MaxPool { dilation: [1, 1, usize::MAX], ..POOL },
        MaxPool { padding: [[usize::MAX, 1]; 3], ..POOL },
    ] {
        assert!(bad.run(1, [1, 1, 3], &[1, 2, 3], &mut y, None).is_err(), "{bad:?}");
    }
    let mut y = [0; 6];
    assert!(max_unpool(&[7, 8], &[1, 3], &[2, 2], &[2, 3], &mut y).is_ok());
    assert_eq!(y, [0, 7, 0, 0, 8, 0]);
    for place in [-1, 4, i64::MIN, i64::MAX] {
        let result = max_unpool(&[7, 8], &[1, place], &[2, 2], &[2, 3], &mut y);
        assert!(matches!(result, Err(Error::Index { position: 1, size: 4, .. })), "{place}");
    }
    assert!(max_unpool(&[7, 8], &[1, 3], &[3, 2], &[2, 3], &mut y).is_err());
    assert!(max_unpool(&[7], &[0], &[0, 2], &[2, 3], &mut y).is_err());
}

#[test]
fn a_deformed_convolution_reads_zeros_outside() {
    let layer = DeformConv {
        channels: [1, 1],
        size: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        before: [0, 0],
        groups: 1,
        offset_groups: 1,
    };
    let x = [1.0, 2.0, 3.0, 4.0];
    let run = |layer: DeformConv, offset: &[f32], mask: Option<&[f32]>| {
        let mut y = [9.0];
        layer.run(1, ([2, 2], &x), &[2.0], Deformation { offset, mask }, ([1, 1], &mut y)).map(|()| y[0])
    };
    for (offset, expected) in [
        ([0.0, 0.0], 2.0),
        ([0.5, 0.5], 5.0),
        ([-0.5, 0.0], 1.0),
        ([1.0, 1.0], 8.0),
        ([2.0, 0.0], 0.0),
        ([f32::NAN, 0.0], 0.0),
        ([f32::INFINITY, -1e30], 0.0),
    ] {
        assert_eq!(run(layer, &offset, None), Ok(expected), "{offset:?}");
    }
    assert_eq!(run(layer, &[0.5, 0.5], Some(&[0.5])), Ok(2.5));
    assert!(run(layer, &[0.5], None).is_err());
    assert!(run(layer, &[0.5, 0.5], Some(&[])).is_err());
    assert!(run(DeformConv { groups: 0, ..layer }, &[0.0; 2], None).is_err());
    assert!(run(DeformConv { offset_groups: 2, ..layer }, &[0.0; 2], None).is_err());
    assert!(run(DeformConv { size: [usize::MAX, 2], ..layer }, &[0.0; 2], None).is_err());
}

#[test]
fn casts_of_halves() {
    let mut halves = [F16::default(); 3];
    cast(&[0.1f64, 1e9, -2.0], &mut halves).unwrap();
    assert_eq!(halves.map(F16::to_bits), [0x2e66, 0x7c00, 0xc000]);
    let mut whole = [0i8; 3];
    cast(&halves, &mut whole).unwrap();
    assert_eq!(whole, [0, 127, -2]);
}
