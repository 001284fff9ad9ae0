//! Max pooling of regions of feature maps to one size.

use core::ops::Range;

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::index::find;
use crate::tensor::{Outside, View, ViewMut, check_dims, len};

/// Max pooling of regions of feature maps to one size, by the rules of ONNX `MaxRoiPool`.
///
/// ```
/// # use tf_layers::{Context, Isa, ops, tensor::{Buffer, View, ViewMut}};
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 2, 3, 1])?;
/// let regions = View::new(&[0.0, 0.0, 0.0, 1.0, 1.0], [1, 5])?;
/// let mut y = [0.0; 2];
/// let pool = ops::MaxRoiPool { scale: 1.0 };
/// let y = pool.run(cx, x, regions, ViewMut::new(&mut y, [1, 1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [4.0, 5.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxRoiPool {
    /// Converts the coordinates of regions to pixels of x.
    pub scale: f32,
}

impl MaxRoiPool {
    /// Pools x `[batch, height, width, channels]` over `regions` `[n, 5]` to y `[n, rows, columns, channels]`.
    ///
    /// A region is an index into the batch, rounded toward zero, and two corners x₁ y₁ x₂ y₂. Corners are rounded to the
    /// nearest pixel, halves away from zero, and belong to the region. A region is at least one pixel high and wide. It is
    /// divided into rows × columns cells; a pixel that straddles a border belongs to both cells.
    ///
    /// A cell without pixels inside the image is 0, a cell with a NaN is NaN, any other cell is at least `f32::MIN`.
    ///
    /// # Errors
    ///
    /// If a region is not of five numbers, its index is outside the batch, or the dims of y do not match.
    pub fn run<'y>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, 4>,
        regions: View<'_, f32, 2>,
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        let [batch, height, width, channels] = x.dims();
        let ([count, numbers], [_, rows, columns, _]) = (regions.dims(), y.dims());
        require(numbers == 5, "regions", "have an index and four coordinates")?;
        check_dims(&[count, rows, columns, channels], &y.dims())?;
        let (x, regions) = (x.as_slice()?, regions.as_slice()?);
        let image_len = len(&[height, width, channels])?;
        let region_len = len(&[rows, columns, channels])?;
        for (i, y) in y.as_mut_slice()?.chunks_exact_mut(region_len.max(1)).enumerate() {
            let image = find("regions", Outside::Error, batch, regions, i * 5)?;
            let image = &x[image * image_len..][..image_len];
            let pixel = |corner: usize| round(regions[i * 5 + corner] * self.scale);
            let (left, top, right, bottom) = (pixel(1), pixel(2), pixel(3), pixel(4));
            for (j, y) in y.chunks_exact_mut(channels).enumerate() {
                let vertical = cell([top, bottom], rows, j / columns, height);
                let horizontal = cell([left, right], columns, j % columns, width);
                let inside = !vertical.is_empty() && !horizontal.is_empty();
                y.fill(if inside { f32::MIN } else { 0.0 });
                for row in vertical {
                    let row = &image[row * width * channels..][..width * channels];
                    for x in
                        row[horizontal.start * channels..horizontal.end * channels].chunks_exact(channels)
                    {
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = if x > *y || x.is_nan() { x } else { *y };
                        }
                    }
                }
            }
        }
        Ok(y.into_view())
    }
}

/// The pixels of cell `i` of `cells` along an axis with `size` pixels. The region runs from `first` to `last`, inclusive.
fn cell([first, last]: [i64; 2], cells: usize, i: usize, size: usize) -> Range<usize> {
    let step = (last - first + 1).max(1) as f32 / cells as f32;
    let inside = |pixel: i64| (first + pixel).clamp(0, size as i64) as usize;
    let start = inside((i as f32 * step) as i64);
    start..inside(ceil((i + 1) as f32 * step)).max(start)
}

/// The nearest integer, halves away from zero. Saturates at the limits of `i32`, so that differences fit `i64`; NaN is 0.
fn round(x: f32) -> i64 {
    let x = f64::from(x);
    i64::from((x + 0.5_f64.copysign(x)) as i32)
}

fn ceil(x: f32) -> i64 {
    let whole = x as i64;
    whole + i64::from((whole as f32) < x)
}
