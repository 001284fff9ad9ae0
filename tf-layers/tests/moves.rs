//! What moves elements, looks them up, compares or converts them.

mod common;

use tf_layers::{Compare, Logic, Pad, broadcast, cast, concat_part, not, pad, select, tile, transpose};

fn count(len: usize) -> Vec<i32> {
    (0..len as i32).collect()
}

/// The multi-index of element `i`.
fn unravel(mut i: usize, dims: &[usize]) -> Vec<usize> {
    let mut at = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        at[axis] = i % dims[axis];
        i /= dims[axis];
    }
    at
}

fn ravel(at: &[usize], dims: &[usize]) -> usize {
    at.iter().zip(dims).fold(0, |i, (at, dim)| i * dim + at)
}

#[test]
fn transpositions() {
    let cases: &[(&[usize], &[usize])] = &[
        (&[], &[]),
        (&[5], &[0]),
        (&[3, 4], &[1, 0]),
        (&[40, 33], &[1, 0]),
        (&[2, 3, 4, 5], &[0, 3, 1, 2]),
        (&[2, 17, 18, 3], &[0, 2, 3, 1]),
        (&[2, 3, 4], &[2, 1, 0]),
        (&[2, 3, 4], &[1, 0, 2]),
        (&[2, 3, 4], &[0, 1, 2]),
        (&[1, 3, 1, 4], &[3, 2, 1, 0]),
        (&[2, 0, 3], &[2, 0, 1]),
        (&[2, 1, 2, 3, 2, 2, 1, 3], &[7, 1, 5, 3, 2, 0, 6, 4]),
    ];
    for &(dims, perm) in cases {
        let x = count(dims.iter().product());
        let out: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
        let expected: Vec<i32> = (0..x.len())
            .map(|i| {
                let mut at = vec![0; dims.len()];
                for (to, &from) in unravel(i, &out).iter().zip(perm) {
                    at[from] = *to;
                }
                x[ravel(&at, dims)]
            })
            .collect();
        let mut y = vec![-1; x.len()];
        transpose(&x, &mut y, dims, perm).unwrap();
        assert_eq!(y, expected, "{dims:?} {perm:?}");
    }
    let mut y = [0; 6];
    assert!(transpose(&[0; 6], &mut y, &[2, 3], &[0, 0]).is_err());
    assert!(transpose(&[0; 6], &mut y, &[2, 3], &[0, 2]).is_err());
    assert!(transpose(&[0; 6], &mut y, &[2, 3], &[0]).is_err());
    assert!(transpose(&[0; 6], &mut y, &[2, 4], &[0, 1]).is_err());
    assert!(transpose(&[0; 6], &mut y[..5], &[2, 3], &[0, 1]).is_err());
    assert!(transpose::<i32>(&[], &mut [], &[usize::MAX, 0, usize::MAX], &[0, 1, 2]).is_err());
    assert!(transpose::<i32>(&[], &mut [], &[usize::MAX, 0], &[1, 0]).is_ok());
}

#[test]
fn padding() {
    let x = [1, 2, 3, 4, 5, 6];
    let cases: &[(Pad<i32>, &[i32])] = &[
        (Pad::Constant(9), &[9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9, 9, 9]),
        (Pad::Edge, &[1, 1, 2, 3, 3, 3, 1, 1, 2, 3, 3, 3, 4, 4, 5, 6, 6, 6, 4, 4, 5, 6, 6, 6]),
        (Pad::Reflect, &[5, 4, 5, 6, 5, 4, 2, 1, 2, 3, 2, 1, 5, 4, 5, 6, 5, 4, 2, 1, 2, 3, 2, 1]),
        (Pad::Wrap, &[6, 4, 5, 6, 4, 5, 3, 1, 2, 3, 1, 2, 6, 4, 5, 6, 4, 5, 3, 1, 2, 3, 1, 2]),
    ];
    for &(mode, expected) in cases {
        let mut y = [0; 24];
        pad(&x, &[2, 3], &[1, 1], mode, &[4, 6], &mut y).unwrap();
        assert_eq!(y, expected, "{mode:?}");
        assert!(pad(&x, &[2, 3], &[1, 4], mode, &[4, 6], &mut y).is_err());
        assert!(pad(&x, &[2, 3], &[3, 0], mode, &[4, 6], &mut y).is_err());
        assert!(pad(&x, &[2, 3], &[1], mode, &[4, 6], &mut y).is_err());
        assert!(pad(&x, &[2, 3], &[1, usize::MAX], mode, &[4, 6], &mut y).is_err());
        assert!(pad(&[], &[0, 3], &[0, 0], mode, &[0, 6], &mut []).is_ok());
        assert!(pad(&[7], &[], &[], mode, &[], &mut y[..1]).is_ok());
    }
    let mut y = [0; 2];
    assert!(pad(&[], &[0], &[1], Pad::Edge, &[2], &mut y).is_err());
    assert!(pad(&[], &[0], &[1], Pad::Constant(3), &[2], &mut y).is_ok());
    assert_eq!(y, [3, 3]);
    pad(&[8], &[1], &[1], Pad::Reflect, &[2], &mut y).unwrap();
    assert_eq!(y, [8, 8]);
}

#[test]
fn repeating_and_joining() {
    let mut y = [0; 12];
    broadcast(&[1, 2], &[2, 1], &mut y, &[2, 2, 3]).unwrap();
    assert_eq!(y, [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
    assert!(broadcast(&[1, 2], &[2, 1], &mut y, &[4, 3]).is_err());
    assert!(broadcast(&[1, 2, 3], &[3], &mut y[..1], &[1]).is_err());
    broadcast(&[5], &[], &mut y, &[12]).unwrap();
    assert_eq!(y, [5; 12]);

    let mut y = [0; 24];
    tile(&[1, 2, 3, 4], &[2, 2], &[2, 3], &mut y).unwrap();
    let (first, second) = ([1, 2, 1, 2, 1, 2], [3, 4, 3, 4, 3, 4]);
    assert_eq!(y.chunks(6).collect::<Vec<_>>(), [first, second, first, second]);
    assert!(tile(&[1, 2], &[2], &[13], &mut y).is_err());
    assert!(tile(&[1, 2], &[2], &[usize::MAX], &mut y).is_err());
    assert!(tile(&[1, 2], &[2], &[0], &mut y[..0]).is_ok());
    assert!(tile::<i32>(&[], &[0, 2], &[3, 3], &mut []).is_ok());

    let mut y = [0; 6];
    concat_part(2, &[1, 2], 1, &mut y, 3, 0).unwrap();
    concat_part(2, &[3, 4, 5, 6], 2, &mut y, 3, 1).unwrap();
    assert_eq!(y, [1, 3, 4, 2, 5, 6]);
    assert!(concat_part(2, &[3, 4, 5, 6], 2, &mut y, 3, 2).is_err());
    assert!(concat_part(2, &[3, 4, 5, 6], 2, &mut y, 3, usize::MAX).is_err());
    assert!(concat_part::<i32>(2, &[], 0, &mut [], 0, 0).is_ok());
}

#[test]
fn comparisons() {
    let (a, b) = ([1.0, 2.0, f32::NAN], [1.0, 3.0, 0.0]);
    for (comparison, expected) in [
        (Compare::Equal, [true, false, false]),
        (Compare::NotEqual, [false, true, true]),
        (Compare::Less, [false, true, false]),
        (Compare::LessOrEqual, [true, true, false]),
        (Compare::Greater, [false, false, false]),
        (Compare::GreaterOrEqual, [true, false, false]),
    ] {
        let mut out = [false; 3];
        comparison.run(&a, &[3], &b, &[3], &mut out).unwrap();
        assert_eq!(out, expected, "{comparison:?}");
        assert!(comparison.run(&a, &[3], &b, &[3], &mut out[..2]).is_err());
    }
    let mut out = [false; 4];
    for (operation, expected) in [
        (Logic::And, [true, false, false, false]),
        (Logic::Or, [true, true, true, false]),
        (Logic::Xor, [false, true, true, false]),
    ] {
        operation.run(&[true, false], &[2, 1], &[true, false], &[2], &mut out).unwrap();
        assert_eq!(out, expected, "{operation:?}");
    }
    let mut y = [false; 2];
    not(&[true, false], &mut y).unwrap();
    assert_eq!(y, [false, true]);
    let mut y = [0; 4];
    select(&[true, false], &[2, 1], &[1, 2], &[2], &[9], &[], &mut y).unwrap();
    assert_eq!(y, [1, 2, 9, 9]);
    assert!(select(&[true, false], &[2, 1], &[1, 2, 3], &[3], &[9], &[], &mut y).is_err());
}

#[test]
fn casts() {
    let mut y = [0u8; 4];
    cast(&[-1.5f32, 3.9, 300.0, f32::NAN], &mut y).unwrap();
    assert_eq!(y, [0, 3, 255, 0]);
    let mut y = [false; 3];
    cast(&[0.0f32, -0.0, 0.1], &mut y).unwrap();
    assert_eq!(y, [false, false, true]);
    let mut y = [0.0f32; 2];
    cast(&[true, false], &mut y).unwrap();
    assert_eq!(y, [1.0, 0.0]);
    let mut y = [0i8; 1];
    cast(&[300i64], &mut y).unwrap();
    assert_eq!(y, [44]);
    assert!(cast(&[1i64, 2], &mut y).is_err());
}
