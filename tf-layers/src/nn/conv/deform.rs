//! Convolutions whose taps stand where a tensor says (Dai et al. 2017; with a mask, Zhu et al. 2019).

use crate::error::{Result, check_len, require};
use crate::tensor::len;

/// A deformable convolution of images `[batch, channels, height, width]`, channels first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeformConv {
    /// Channels of the image, and of the result.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub size: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 2],
    /// Padding above and to the left of the image.
    pub before: [usize; 2],
    /// Parts of the channels that are convolved apart from each other.
    pub groups: usize,
    /// Parts of the image's channels that have offsets of their own.
    pub offset_groups: usize,
}

/// What decides where the taps stand, and what they count.
#[derive(Debug, Clone, Copy)]
pub struct Deformation<'a> {
    /// `[batch, offset_groups · taps · 2, …output]`: for each tap, how far down and how far right it is moved.
    pub offset: &'a [f32],
    /// `[batch, offset_groups · taps, …output]`, factors of what the taps see; ones without.
    pub mask: Option<&'a [f32]>,
}

impl DeformConv {
    /// From x `[batch, channels, …image]` and a kernel `[filters, channels / groups, …size]` to y
    /// `[batch, filters, …output]`, which is overwritten.
    ///
    /// Between pixels values are interpolated; beyond the image there are zeros.
    pub fn run(
        &self,
        batch: usize,
        (image, x): ([usize; 2], &[f32]),
        kernel: &[f32],
        deformation: Deformation<'_>,
        (output, y): ([usize; 2], &mut [f32]),
    ) -> Result<()> {
        let Self { channels: [channels, filters], groups, offset_groups, .. } = *self;
        let divides = |parts: usize, whole: usize| parts > 0 && whole.is_multiple_of(parts);
        let fits = divides(groups, channels) && divides(groups, filters) && divides(offset_groups, channels);
        require(fits, "groups", "divide the channels")?;
        let (pixels, places, taps) = (len(&image)?, len(&output)?, len(&self.size)?);
        let (each, own) = (channels / groups, filters / groups);
        check_len("x", len(&[batch, channels, pixels])?, x.len())?;
        check_len("kernel", len(&[filters, each, taps])?, kernel.len())?;
        check_len("y", len(&[batch, filters, places])?, y.len())?;
        let count = len(&[batch, offset_groups, taps, places])?;
        check_len("offset", len(&[count, 2])?, deformation.offset.len())?;
        check_len("mask", count, deformation.mask.map_or(count, <[f32]>::len))?;
        y.fill(0.0);
        let shared = channels / offset_groups;
        for at in 0..count {
            let (place, rest) = (at % places, at / places);
            let (tap, set) = (rest % taps, rest / taps);
            let (sample, set) = (set / offset_groups, set % offset_groups);
            let moved = [rest * 2, rest * 2 + 1].map(|axis| deformation.offset[axis * places + place]);
            let corners = self.corners(image, [place / output[1], place % output[1]], tap, moved);
            let factor = deformation.mask.map_or(1.0, |mask| mask[at]);
            for channel in set * shared..(set + 1) * shared {
                let plane = &x[(sample * channels + channel) * pixels..][..pixels];
                let seen: f32 =
                    corners.iter().flatten().map(|&(pixel, weight)| weight * plane[pixel]).sum::<f32>()
                        * factor;
                for filter in channel / each * own..(channel / each + 1) * own {
                    let weight = kernel[(filter * each + channel % each) * taps + tap];
                    y[(sample * filters + filter) * places + place] += weight * seen;
                }
            }
        }
        Ok(())
    }

    /// The pixels around where a tap stands, with their weights; `None` is outside of the image.
    fn corners(
        &self,
        image: [usize; 2],
        at: [usize; 2],
        tap: usize,
        moved: [f32; 2],
    ) -> [Option<(usize, f32)>; 4] {
        let taps = [tap / self.size[1], tap % self.size[1]];
        let place: [f32; 2] = core::array::from_fn(|i| {
            at[i] as f32 * self.stride[i] as f32 - self.before[i] as f32
                + taps[i] as f32 * self.dilation[i] as f32
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
