//! Deformable convolutions (Dai et al. 2017; with a mask, Zhu et al. 2019), channels first.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, len};

/// A deformable convolution of images `[batch, channels, height, width]`, channels first.
///
/// ```
/// use tf_layers::nn::DeformConv;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer =
///     DeformConv { stride: [1, 1], dilation: [1, 1], padding: [0, 0], groups: 1, offset_groups: 1 };
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])?;
/// let kernel = View::new(&[10.0], [1, 1, 1, 1])?;
/// // The only tap moves half a pixel down and to the right, to the centre of all four pixels.
/// let offset = View::new(&[0.5, 0.5], [1, 2, 1, 1])?;
/// let mut y = [0.0];
/// let y = layer.run(cx, x, kernel, offset, None, ViewMut::new(&mut y, [1, 1, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [25.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeformConv {
    /// The vertical and horizontal stride.
    pub stride: [usize; 2],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 2],
    /// Zeros above and to the left of the image. Those below and to the right follow from the size of y.
    pub padding: [usize; 2],
    /// The number of groups of channels.
    pub groups: usize,
    /// The number of groups of input channels that have their own offsets.
    pub offset_groups: usize,
}

/// Stride and dilation 1, no padding, one group.
impl Default for DeformConv {
    fn default() -> Self {
        Self { stride: [1; 2], dilation: [1; 2], padding: [0; 2], groups: 1, offset_groups: 1 }
    }
}

impl DeformConv {
    /// Computes y `[batch, filters, output_height, output_width]` from x `[batch, channels, height, width]` and a
    /// kernel `[filters, channels / groups, kernel_height, kernel_width]`.
    ///
    /// `offset` `[batch, offset_groups · taps · 2, output_height, output_width]` moves each tap down and to the right.
    /// `mask` `[batch, offset_groups · taps, output_height, output_width]` multiplies the value at each tap. Values
    /// between pixels are interpolated; pixels outside the image are zero.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of the tensors do not match.
    pub fn run<'y>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, 4>,
        kernel: View<'_, f32, 4>,
        offset: View<'_, f32, 4>,
        mask: Option<View<'_, f32, 4>>,
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        let Self { groups, offset_groups, .. } = *self;
        let [batch, channels, height, width] = x.dims();
        let [filters, depth, kernel_height, kernel_width] = kernel.dims();
        let [_, _, down, across] = y.dims();
        let divides = |parts: usize, whole: usize| parts > 0 && whole.is_multiple_of(parts);
        let fits = divides(groups, channels) && divides(groups, filters) && divides(offset_groups, channels);
        require(fits, "groups", "divide the channels")?;
        let (each, own) = (channels / groups, filters / groups);
        let (image, size, output) = ([height, width], [kernel_height, kernel_width], [down, across]);
        let (pixels, outputs, taps) = (len(&image)?, len(&output)?, len(&size)?);
        let (sets, count) = (len(&[offset_groups, taps])?, len(&[batch, offset_groups, taps, outputs])?);
        require(depth == each, "kernel", "have channels / groups channels")?;
        require(
            y.dims() == [batch, filters, down, across],
            "y",
            "have the batch of x and the filters of the kernel",
        )?;
        let moves = [batch, len(&[sets, 2])?, down, across];
        require(offset.dims() == moves, "offset", "have two numbers for each tap and each pixel of y")?;
        let factors = mask.is_none_or(|mask| mask.dims() == [batch, sets, down, across]);
        require(factors, "mask", "have a number for each tap and each pixel of y")?;
        let (x, kernel, offset) = (x.as_slice()?, kernel.as_slice()?, offset.as_slice()?);
        let mask = mask.map(|mask| mask.as_slice()).transpose()?;
        let to = y.as_mut_slice()?;
        to.fill(0.0);
        let shared = channels / offset_groups;
        for at in 0..count {
            let (pixel, rest) = (at % outputs, at / outputs);
            let (tap, set) = (rest % taps, rest / taps);
            let (sample, set) = (set / offset_groups, set % offset_groups);
            let moved = [rest * 2, rest * 2 + 1].map(|axis| offset[axis * outputs + pixel]);
            let corners = self.corners(
                image,
                [pixel / across, pixel % across],
                [tap / kernel_width, tap % kernel_width],
                moved,
            );
            let factor = mask.map_or(1.0, |mask| mask[at]);
            for channel in set * shared..(set + 1) * shared {
                let plane = &x[(sample * channels + channel) * pixels..][..pixels];
                let seen: f32 =
                    corners.iter().flatten().map(|&(pixel, weight)| weight * plane[pixel]).sum::<f32>()
                        * factor;
                for filter in channel / each * own..(channel / each + 1) * own {
                    let weight = kernel[(filter * each + channel % each) * taps + tap];
                    to[(sample * filters + filter) * outputs + pixel] += weight * seen;
                }
            }
        }
        Ok(y.into_view())
    }

    /// The four pixels around a tap, with their weights. `None` is outside the image.
    fn corners(
        &self,
        image: [usize; 2],
        at: [usize; 2],
        tap: [usize; 2],
        moved: [f32; 2],
    ) -> [Option<(usize, f32)>; 4] {
        let position: [f32; 2] = core::array::from_fn(|i| {
            at[i] as f32 * self.stride[i] as f32 - self.padding[i] as f32
                + tap[i] as f32 * self.dilation[i] as f32
                + moved[i]
        });
        core::array::from_fn(|corner| {
            let mut pixel = 0;
            let mut weight = 1.0;
            for (i, &second) in [corner / 2, corner % 2].iter().enumerate() {
                let low = floor(position[i]);
                let index = low + second as f32;
                // NaN is outside too.
                if !(0.0..image[i] as f32).contains(&index) {
                    return None;
                }
                pixel = pixel * image[i] + index as usize;
                weight *= if second == 1 { position[i] - low } else { 1.0 - (position[i] - low) };
            }
            Some((pixel, weight))
        })
    }
}

fn floor(x: f32) -> f32 {
    // Every f32 of at least 2²³ is an integer.
    if x.abs() < 8_388_608.0 {
        let whole = x as i32 as f32;
        if whole > x { whole - 1.0 } else { whole }
    } else {
        x
    }
}
