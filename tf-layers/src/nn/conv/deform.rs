//! Convolutions whose taps stand where a tensor says (Dai et al. 2017; with a mask, Zhu et al. 2019).

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, len};

/// A deformable convolution of images `[batch, channels, height, width]`, channels first.
///
/// ```
/// use tf_layers::nn::DeformConv;
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer =
///     DeformConv { stride: [1, 1], dilation: [1, 1], padding: [0, 0], groups: 1, offset_groups: 1 };
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])?;
/// let kernel = View::new(&[10.0], [1, 1, 1, 1])?;
/// // The only tap stands half a pixel further down and to the right: between all four.
/// let offset = View::new(&[0.5, 0.5], [1, 2, 1, 1])?;
/// let mut y = [0.0];
/// let y = layer.run(cx, x, kernel, offset, None, ViewMut::new(&mut y, [1, 1, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [25.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeformConv {
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 2],
    /// Zeros above and to the left of the image. What is below and to the right follows from the size of the result.
    pub padding: [usize; 2],
    /// Parts of the channels that are convolved apart from each other.
    pub groups: usize,
    /// Parts of the image's channels that have offsets of their own.
    pub offset_groups: usize,
}

impl DeformConv {
    /// From x `[batch, channels, height, width]` and a kernel `[filters, channels / groups, kernel_height, kernel_width]` to
    /// y `[batch, filters, output_height, output_width]`.
    ///
    /// `offset` `[batch, offset_groups · taps · 2, output_height, output_width]` says how far down and how far right each
    /// tap is moved; `mask` `[batch, offset_groups · taps, output_height, output_width]` has factors of what it sees.
    /// Between pixels values are interpolated; beyond the image there are zeros.
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
        let (pixels, places, taps) = (len(&image)?, len(&output)?, len(&size)?);
        let (sets, count) = (len(&[offset_groups, taps])?, len(&[batch, offset_groups, taps, places])?);
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
            let (place, rest) = (at % places, at / places);
            let (tap, set) = (rest % taps, rest / taps);
            let (sample, set) = (set / offset_groups, set % offset_groups);
            let moved = [rest * 2, rest * 2 + 1].map(|axis| offset[axis * places + place]);
            let corners = self.corners(
                image,
                [place / across, place % across],
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
                    to[(sample * filters + filter) * places + place] += weight * seen;
                }
            }
        }
        Ok(y.into_view())
    }

    /// The pixels around where a tap stands, with their weights; `None` is outside of the image.
    fn corners(
        &self,
        image: [usize; 2],
        at: [usize; 2],
        tap: [usize; 2],
        moved: [f32; 2],
    ) -> [Option<(usize, f32)>; 4] {
        let place: [f32; 2] = core::array::from_fn(|i| {
            at[i] as f32 * self.stride[i] as f32 - self.padding[i] as f32
                + tap[i] as f32 * self.dilation[i] as f32
                + moved[i]
        });
        core::array::from_fn(|corner| {
            let mut pixel = 0;
            let mut weight = 1.0;
            for (i, &second) in [corner / 2, corner % 2].iter().enumerate() {
                let low = floor(place[i]);
                let index = low + second as f32;
                // A place that is no number is outside too.
                if !(0.0..image[i] as f32).contains(&index) {
                    return None;
                }
                pixel = pixel * image[i] + index as usize;
                weight *= if second == 1 { place[i] - low } else { 1.0 - (place[i] - low) };
            }
            Some((pixel, weight))
        })
    }
}

fn floor(x: f32) -> f32 {
    // From 2²³ on every f32 is an integer.
    if x.abs() < 8_388_608.0 {
        let whole = x as i32 as f32;
        if whole > x { whole - 1.0 } else { whole }
    } else {
        x
    }
}
