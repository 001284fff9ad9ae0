//! Images sampled between their pixels: what is refused, and what no number may break.

use tf_layers::{Buffer, Col2Im, GridSample, Outer, RoiAlign, Sampling, determinant};

#[test]
fn grids() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let linear = GridSample { interpolation: Sampling::Linear, outside: Outer::Zeros, align_corners: true };
    let mut y = [9.0; 3];
    let grid = [0.0, 0.0, -1.0, -1.0, 1.0, -1.0];
    linear.run(&x, &[1, 1, 2, 2], &grid, &[1, 1, 3, 2], &mut y).unwrap();
    assert_eq!(y, [2.5, 1.0, 2.0]);
    let wild = [f32::NAN, 0.0, f32::INFINITY, f32::MAX, -1e30, f32::NEG_INFINITY];
    for interpolation in [Sampling::Nearest, Sampling::Linear, Sampling::Cubic] {
        for outside in [Outer::Zeros, Outer::Border, Outer::Reflection] {
            for align_corners in [false, true] {
                let sample = GridSample { interpolation, outside, align_corners };
                sample.run(&x, &[1, 1, 2, 2], &wild, &[1, 1, 3, 2], &mut y).unwrap();
                sample.run(&x[..1], &[1, 1, 1, 1], &wild, &[1, 1, 3, 2], &mut y).unwrap();
            }
        }
    }
    assert!(linear.run(&x, &[1, 1, 2, 2], &grid, &[1, 2, 3, 1], &mut y).is_err());
    assert!(linear.run(&x, &[4], &grid, &[6], &mut y).is_err());
    assert!(linear.run(&[], &[1, 1, 0, 2], &grid, &[1, 1, 3, 2], &mut y).is_err());
    assert!(linear.run(&x, &[1, 1, 2, 2], &grid, &[1, 1, 3, 2], &mut y[1..]).is_err());
}

#[test]
fn regions() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let mean = RoiAlign { maximum: false, samples: 1, scale: 1.0, offset: 0.0, cells: [1, 1] };
    let mut y = [0.0];
    mean.run(&x, [1, 1, 2, 2], &[0.0, 0.0, 1.0, 1.0], &[0], &mut y).unwrap();
    assert_eq!(y, [2.5]);
    assert!(mean.run(&x, [1, 1, 2, 2], &[0.0, 0.0, 1.0, 1.0], &[1], &mut y).is_err());
    assert!(mean.run(&x, [1, 1, 2, 2], &[0.0, 0.0, 1.0, 1.0], &[-1], &mut y).is_err());
    let adaptive = RoiAlign { samples: 0, ..mean };
    adaptive.run(&x, [1, 1, 2, 2], &[f32::NAN, 0.0, 9.0, f32::NEG_INFINITY], &[0], &mut y).unwrap();
    assert!(mean.run(&[], [1, 1, 0, 2], &[0.0; 4], &[0], &mut y).is_err());
}

#[test]
fn columns_are_added_up() {
    let fold =
        Col2Im { image: &[3], block: &[2], strides: &[1], dilations: &[1], before: &[0], places: &[2] };
    let mut y = [9.0; 3];
    fold.run(1, &[1.0, 2.0, 10.0, 20.0], &mut y).unwrap();
    assert_eq!(y, [1.0, 12.0, 20.0]);
    Col2Im { before: &[1], ..fold }.run(1, &[1.0, 2.0, 10.0, 20.0], &mut y).unwrap();
    assert_eq!(y, [12.0, 20.0, 0.0]);
    assert!(Col2Im { places: &[2, 1], ..fold }.run(1, &[1.0; 4], &mut y).is_err());
    assert!(fold.run(1, &[1.0; 3], &mut y).is_err());
    Col2Im { strides: &[usize::MAX], ..fold }.run(1, &[1.0; 4], &mut y).unwrap();
}

#[test]
fn determinants() {
    let (mut scratch, mut y) = (Buffer::default(), [0.0; 2]);
    determinant(2, &[0.0, 2.0, 3.0, 4.0, 1.0, 2.0, 2.0, 4.0], &mut scratch, &mut y).unwrap();
    assert_eq!(y, [-6.0, 0.0]);
    determinant(0, &[], &mut scratch, &mut y).unwrap();
    assert_eq!(y, [1.0, 1.0]);
    assert!(determinant(2, &[0.0; 7], &mut scratch, &mut y).is_err());
}
