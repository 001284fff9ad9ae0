//! `GridSample`, `RoiAlign` and `Col2Im`: errors, and extreme values.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::Result;
use tf_layers::ops::{Col2Im, GridSample, GridSampleMode, PaddingMode, RoiAlign};
use tf_layers::tensor::View;

/// The samples of an image at the positions of a grid.
fn sampled<const R: usize>(
    sample: GridSample,
    x: View<'_, f32, R>,
    grid: View<'_, f32, R>,
    dims: [usize; R],
) -> Result<Vec<f32>> {
    let mut y = vec![9.0; dims.iter().product()];
    on(isas()[0], |cx| sample.run(cx, x, grid, view_mut(&mut y, dims)).map(|_| ()))?;
    Ok(y)
}

#[test]
fn grids() {
    let x = view(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]);
    let linear =
        GridSample { mode: GridSampleMode::Linear, padding_mode: PaddingMode::Zeros, align_corners: true };
    let grid = view(&[0.0, 0.0, -1.0, -1.0, 1.0, -1.0], [1, 1, 3, 2]);
    assert_eq!(sampled(linear, x, grid, [1, 1, 1, 3]), Ok(vec![2.5, 1.0, 2.0]));
    let wild = [f32::NAN, 0.0, f32::INFINITY, f32::MAX, -1e30, f32::NEG_INFINITY];
    let wild = view(&wild, [1, 1, 3, 2]);
    for mode in [GridSampleMode::Nearest, GridSampleMode::Linear, GridSampleMode::Cubic] {
        for padding_mode in [PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection] {
            for align_corners in [false, true] {
                let sample = GridSample { mode, padding_mode, align_corners };
                assert!(sampled(sample, x, wild, [1, 1, 1, 3]).is_ok());
                assert!(sampled(sample, view(&[1.0], [1, 1, 1, 1]), wild, [1, 1, 1, 3]).is_ok());
            }
        }
    }
    let refuses = |x, grid, dims| sampled(linear, x, grid, dims).is_err();
    assert!(refuses(x, grid.reshape([1, 2, 3, 1]).unwrap(), [1, 1, 2, 3]));
    assert!(refuses(x, grid.reshape([3, 1, 1, 2]).unwrap(), [3, 1, 1, 1]));
    assert!(refuses(x, grid, [1, 1, 3, 1]));
    assert!(refuses(view(&[], [1, 1, 0, 2]), grid, [1, 1, 1, 3]));
    let flat = (x.reshape([4]).unwrap(), grid.reshape([6]).unwrap());
    assert!(sampled(linear, flat.0, flat.1, [3]).is_err());
    let none = (view(&[], [usize::MAX / 4, 0, 1, 1]), view(&[], [usize::MAX / 4, 0, 1, 2]));
    assert_eq!(sampled(linear, none.0, none.1, [usize::MAX / 4, 0, 0, 1]), Ok(vec![]));
}

#[test]
fn regions() {
    let x = view(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]);
    let mean = RoiAlign { maximum: false, sampling_ratio: 1, spatial_scale: 1.0, offset: 0.0 };
    let pooled = |align: RoiAlign, x, region: &[f32], image, dims: [usize; 4]| {
        let mut y = vec![9.0; dims.iter().product()];
        let (region, image) = (view(region, [1, region.len()]), [image]);
        on(isas()[0], |cx| align.run(cx, x, region, view(&image, [1]), view_mut(&mut y, dims)).map(|_| ()))?;
        Result::Ok(y)
    };
    let region = [0.0, 0.0, 1.0, 1.0];
    assert_eq!(pooled(mean, x, &region, 0, [1, 1, 1, 1]), Ok(vec![2.5]));
    assert!(pooled(mean, x, &region, 1, [1, 1, 1, 1]).is_err());
    assert!(pooled(mean, x, &region, -1, [1, 1, 1, 1]).is_err());
    assert!(pooled(mean, x, &region, 0, [2, 1, 1, 1]).is_err());
    assert!(pooled(mean, x, &region, 0, [1, 2, 1, 1]).is_err());
    assert!(pooled(mean, x, &region[..3], 0, [1, 1, 1, 1]).is_err());
    let adaptive = RoiAlign { sampling_ratio: 0, ..mean };
    assert!(pooled(adaptive, x, &[f32::NAN, 0.0, 9.0, f32::NEG_INFINITY], 0, [1, 1, 1, 1]).is_ok());
    assert!(pooled(mean, view(&[], [1, 1, 0, 2]), &[0.0; 4], 0, [1, 1, 1, 1]).is_err());
}

/// The sum of columns, as an image of three pixels.
fn folded(fold: Col2Im<1>, x: View<'_, f32, 3>) -> Result<[f32; 3]> {
    let mut y = [9.0; 3];
    on(isas()[0], |cx| fold.run(cx, x, view_mut(&mut y, [1, 1, 3])).map(|_| ()))?;
    Ok(y)
}

#[test]
fn columns_are_added_up() {
    let fold = Col2Im { block: [2], stride: [1], dilation: [1], padding: [[0, 0]] };
    let x = view(&[1.0, 2.0, 10.0, 20.0], [1, 2, 2]);
    assert_eq!(folded(fold, x), Ok([1.0, 12.0, 20.0]));
    let shifted = Col2Im { stride: [2], padding: [[1, 0]], ..fold };
    assert_eq!(folded(shifted, x), Ok([10.0, 2.0, 20.0]));
    let far = Col2Im { stride: [usize::MAX], ..fold };
    assert_eq!(folded(far, view(&[1.0, 2.0], [1, 2, 1])), Ok([1.0, 2.0, 0.0]));
    for bad in [
        Col2Im { stride: [0], ..fold },
        Col2Im { block: [0], ..fold },
        Col2Im { block: [3], ..fold },
        Col2Im { dilation: [usize::MAX], ..fold },
        Col2Im { padding: [[usize::MAX, 1]], ..fold },
        Col2Im { padding: [[1, 0]], ..fold },
    ] {
        assert!(folded(bad, x).is_err(), "{bad:?}");
    }
    assert!(folded(fold, view(&[1.0, 2.0, 3.0], [1, 3, 1])).is_err());
    let plane = Col2Im { block: [2, 1], stride: [1; 2], dilation: [1; 2], padding: [[0; 2]; 2] };
    let mut y = [9.0; 3];
    assert!(on(isas()[0], |cx| plane.run(cx, x, view_mut(&mut y, [1, 1, 3])).is_err()));
}
