//! Deformable convolutions.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::nn::DeformConv;

const LAYER: DeformConv =
    DeformConv { stride: [1, 1], dilation: [1, 1], padding: [0, 0], groups: 1, offset_groups: 1 };

/// A single tap over an image `[[1, 2], [3, 4]]`, displaced by `offset`; `None` for an error.
fn run(layer: DeformConv, offset: &[f32], mask: Option<&[f32]>) -> Option<f32> {
    let mut y = [9.0];
    let x = [1.0, 2.0, 3.0, 4.0];
    let offset = view(offset, [1, offset.len(), 1, 1]);
    let mask = mask.map(|mask| view(mask, [1, mask.len(), 1, 1]));
    let kernel = view(&[2.0], [1; 4]);
    let to = view_mut(&mut y, [1; 4]);
    on(isas()[0], |cx| layer.run(cx, view(&x, [1, 1, 2, 2]), kernel, offset, mask, to).map(|_| ())).ok()?;
    Some(y[0])
}

#[test]
fn pixels_outside_are_zeros() {
    for (offset, expected) in [
        ([0.0, 0.0], 2.0),
        ([0.5, 0.5], 5.0),
        ([-0.5, 0.0], 1.0),
        ([1.0, 1.0], 8.0),
        ([2.0, 0.0], 0.0),
        ([f32::NAN, 0.0], 0.0),
        ([f32::INFINITY, -1e30], 0.0),
    ] {
        assert_eq!(run(LAYER, &offset, None), Some(expected), "{offset:?}");
    }
    assert_eq!(run(LAYER, &[0.5, 0.5], Some(&[0.5])), Some(2.5));
    assert_eq!(run(DeformConv { padding: [1, 0], ..LAYER }, &[1.0, 1.0], None), Some(4.0));
}

#[test]
fn invalid_dims_are_errors() {
    assert_eq!(run(LAYER, &[0.5], None), None);
    assert_eq!(run(LAYER, &[0.5, 0.5], Some(&[])), None);
    assert_eq!(run(DeformConv { groups: 0, ..LAYER }, &[0.0; 2], None), None);
    assert_eq!(run(DeformConv { groups: 2, ..LAYER }, &[0.0; 2], None), None);
    assert_eq!(run(DeformConv { offset_groups: 2, ..LAYER }, &[0.0; 2], None), None);
    let far = DeformConv { stride: [usize::MAX; 2], dilation: [usize::MAX; 2], ..LAYER };
    assert_eq!(run(far, &[0.0; 2], None), Some(2.0));
    for (kernel, offset, y) in [
        ([1, 2, 1, 1], [1, 2, 1, 1], [1, 1, 1, 1]),
        ([2, 1, 1, 1], [1, 2, 1, 1], [1, 1, 1, 1]),
        ([1, 1, 1, 1], [1, 1, 2, 1], [1, 1, 1, 1]),
        ([1, 1, 1, 1], [2, 1, 1, 1], [1, 1, 1, 1]),
        ([1, 1, 1, 1], [1, 2, 1, 1], [2, 1, 1, 1]),
    ] {
        let ones = [1.0; 4];
        let (kernel, offset) = (view(&ones[..kernel.iter().product()], kernel), view(&ones[..2], offset));
        let mut to = [0.0; 2];
        let to = view_mut(&mut to[..y.iter().product()], y);
        let x = view(&ones, [1, 1, 2, 2]);
        assert!(on(isas()[0], |cx| LAYER.run(cx, x, kernel, offset, None, to).is_err()), "{y:?}");
    }
}
