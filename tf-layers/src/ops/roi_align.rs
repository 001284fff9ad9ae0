//! `RoiAlign`: pools regions of feature maps to a fixed size.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::tensor::{View, ViewMut, check_dims};

/// Pools regions of feature maps to a fixed size, with bilinear interpolation (He et al. 2017).
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])?;
/// let regions = View::new(&[0.0, 0.0, 1.0, 1.0], [1, 4])?;
/// let images = View::new(&[0], [1])?;
/// let mut y = [0.0];
/// let mean = ops::RoiAlign { sampling_ratio: 1, offset: 0.0, ..ops::RoiAlign::default() };
/// let y = mean.run(cx, x, regions, images, ViewMut::new(&mut y, [1, 1, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [2.5]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// Take the maximum of the samples in a cell instead of their mean.
    pub maximum: bool,
    /// The number of samples along each side of a cell; 0 for one per pixel.
    pub sampling_ratio: usize,
    /// The factor from region coordinates to pixels.
    pub spatial_scale: f32,
    /// Subtracted from the scaled coordinates: ½ for ONNX's `half_pixel` mode, 0 for `output_half_pixel`.
    pub offset: f32,
}

/// The mean of one sample per pixel, with half-pixel coordinates: the defaults of ONNX.
impl Default for RoiAlign {
    fn default() -> Self {
        Self { maximum: false, sampling_ratio: 0, spatial_scale: 1.0, offset: 0.5 }
    }
}

impl RoiAlign {
    /// From x `[batch, channels, height, width]`, `regions` `[n, 4]` as x₁, y₁, x₂, y₂, and the image index of each region
    /// `[n]` to y `[n, channels, rows, columns]`.
    ///
    /// # Errors
    ///
    /// If the dims do not match, an image index is out of range, or x has no pixels and y is not empty.
    pub fn run<'y>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, 4>,
        regions: View<'_, f32, 2>,
        images: View<'_, i64, 1>,
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        let (dims, [_, _, rows, columns], [count, corners]) = (x.dims(), y.dims(), regions.dims());
        require(corners == 4, "regions", "have four coordinates")?;
        check_len("images", count, images.dims()[0])?;
        check_dims(&[count, dims[1], rows, columns], &y.dims())?;
        let cells = [rows, columns];
        self.align(dims, x.as_slice()?, regions.as_slice()?, images.as_slice()?, cells, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn align(
        &self,
        [batch, channels, height, width]: [usize; 4],
        x: &[f32],
        regions: &[f32],
        images: &[i64],
        [rows, columns]: [usize; 2],
        y: &mut [f32],
    ) -> Result<()> {
        require(y.is_empty() || (height > 0 && width > 0), "x", "have pixels")?;
        for (i, y) in y.chunks_exact_mut((channels * rows * columns).max(1)).enumerate() {
            let image = usize::try_from(images[i]).ok().filter(|&image| image < batch);
            let Some(image) = image else {
                return require(false, "images", "be indices into the batch of x");
            };
            let corner = |j: usize| regions[i * 4 + j] * self.spatial_scale - self.offset;
            // Without half-pixel coordinates, a region is at least one pixel large.
            let least = if self.offset == 0.0 { 1.0 } else { 0.0 };
            let spans = [(corner(3) - corner(1)).max(least), (corner(2) - corner(0)).max(least)];
            let cell = [spans[0] / rows as f32, spans[1] / columns as f32];
            let counts = cell.map(|size| {
                if self.sampling_ratio > 0 { self.sampling_ratio } else { ceil(size).clamp(1, 1 << 16) }
            });
            for (j, y) in y.iter_mut().enumerate() {
                let (channel, row, column) = (j / columns / rows, j / columns % rows, j % columns);
                let plane = &x[(image * channels + channel) * height * width..][..height * width];
                let start = [corner(1) + row as f32 * cell[0], corner(0) + column as f32 * cell[1]];
                *y = self.pool(plane, [height, width], start, cell, counts);
            }
        }
        Ok(())
    }

    fn pool(
        &self,
        plane: &[f32],
        size: [usize; 2],
        start: [f32; 2],
        cell: [f32; 2],
        counts: [usize; 2],
    ) -> f32 {
        let mut result = if self.maximum { f32::NEG_INFINITY } else { 0.0 };
        for i in 0..counts[0] {
            for j in 0..counts[1] {
                let step =
                    |k: usize, axis: usize| start[axis] + (k as f32 + 0.5) * cell[axis] / counts[axis] as f32;
                let taps = corners(step(i, 0), step(j, 1), size);
                let values = taps.map(|(at, weight)| plane[at] * weight);
                if self.maximum {
                    // As in ONNX's reference, the maximum of the four weighted pixels, not of their sum.
                    result = values.into_iter().fold(result, f32::max);
                } else {
                    result += values.iter().sum::<f32>();
                }
            }
        }
        if self.maximum { result } else { result / (counts[0] * counts[1]) as f32 }
    }
}

/// The four pixels around a position, with their weights: all 0 if the position is more than a pixel outside.
fn corners(row: f32, column: f32, [height, width]: [usize; 2]) -> [(usize, f32); 4] {
    let outside = !(row >= -1.0 && row <= height as f32 && column >= -1.0 && column <= width as f32);
    let axis = |at: f32, size: usize| {
        let at = at.max(0.0);
        let low = (at as usize).min(size - 1);
        if low + 1 >= size { (low, low, 0.0) } else { (low, low + 1, at - low as f32) }
    };
    let (top, bottom, v) = axis(row, height);
    let (left, right, h) = axis(column, width);
    let whole = if outside { 0.0 } else { 1.0 };
    [
        (top * width + left, whole * (1.0 - v) * (1.0 - h)),
        (top * width + right, whole * (1.0 - v) * h),
        (bottom * width + left, whole * v * (1.0 - h)),
        (bottom * width + right, whole * v * h),
    ]
}

fn ceil(x: f32) -> usize {
    let whole = x as usize;
    whole + usize::from((whole as f32) < x)
}
