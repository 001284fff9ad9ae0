//! Where the windows of convolutions and pooling lie.

use crate::error::{Error, Result, require};

/// One axis of a window that slides over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
    pub padding: [usize; 2],
    /// The image's size along the axis.
    pub input: usize,
    /// How many windows there are.
    pub output: usize,
    /// From the first to the last tap, both included.
    extent: usize,
}

impl Axis {
    /// `output` windows of `size` taps `dilation` apart, without padding. The input must not overflow.
    pub fn dilated(size: usize, dilation: usize, output: usize) -> Self {
        let extent = (size - 1) * dilation + 1;
        Self { size, stride: 1, dilation, padding: [0, 0], input: extent - 1 + output, output, extent }
    }

    /// An error for a size, stride or dilation of zero, and for sums that overflow.
    pub fn new(
        size: usize,
        stride: usize,
        dilation: usize,
        padding: [usize; 2],
        input: usize,
    ) -> Result<Self> {
        require(size > 0, "kernel_size", "be positive")?;
        require(stride > 0, "stride", "be positive")?;
        require(dilation > 0, "dilation", "be positive")?;
        let extent = (size - 1).checked_mul(dilation).and_then(|n| n.checked_add(1));
        let padded = padding[0].checked_add(padding[1]).and_then(|n| n.checked_add(input));
        let (extent, padded) = extent.zip(padded).ok_or(Error::Overflow)?;
        // Positions within the padding are negative, so they must fit the signed type.
        if padded > isize::MAX as usize {
            return Err(Error::Overflow);
        }
        let output = padded.checked_sub(extent).map_or(0, |room| room / stride + 1);
        Ok(Self { size, stride, dilation, padding, input, output, extent })
    }

    /// Where the window of output `at` begins; negative within the padding.
    #[inline(always)]
    pub fn origin(&self, at: usize) -> isize {
        (at * self.stride) as isize - self.padding[0] as isize
    }

    /// Whether no tap of a window lies in the padding.
    #[inline(always)]
    pub fn inside(&self, origin: isize) -> bool {
        origin >= 0 && origin as usize + self.extent <= self.input
    }

    /// The input position of tap `tap` of a window, if it is no padding.
    #[inline(always)]
    pub fn position(&self, origin: isize, tap: usize) -> Option<usize> {
        let at = origin.wrapping_add((tap * self.dilation) as isize) as usize;
        // A negative position is a huge one when seen unsigned.
        (at < self.input).then_some(at)
    }

    /// The taps of a window that lie in the image.
    #[inline(always)]
    pub fn taps(&self, origin: isize) -> core::ops::Range<usize> {
        let before = (origin.min(0).unsigned_abs()).div_ceil(self.dilation);
        let room = self.input as isize - origin;
        let after = if room <= 0 { 0 } else { (room as usize).div_ceil(self.dilation).min(self.size) };
        before.min(after)..after
    }

    /// The taps of a window that lie in the image or its padding.
    #[inline(always)]
    pub fn taps_padded(&self, origin: isize) -> usize {
        let room = (self.input + self.padding[1]) as isize - origin;
        if room <= 0 { 0 } else { (room as usize).div_ceil(self.dilation).min(self.size) }
    }
}

/// The padding that TensorFlow's SAME gives an axis of `input` elements: as much as ⌈input / stride⌉ windows take, the
/// odd one at the end.
pub fn same_padding(input: usize, size: usize, stride: usize, dilation: usize) -> Result<[usize; 2]> {
    let axis = Axis::new(size, stride, dilation, [0, 0], input)?;
    let reach = (input.div_ceil(stride).saturating_sub(1) * stride)
        .checked_add(axis.extent)
        .ok_or(Error::Overflow)?;
    let total = reach.saturating_sub(input);
    Ok([total / 2, total - total / 2])
}

/// The batch, the sizes along `N` spatial axes, and the channels of a channels-last tensor. Spatial axes that it lacks
/// stand in front, with size 1: a sequence is an image of height 1.
pub(crate) fn channels_last<const N: usize>(dims: &[usize]) -> Result<(usize, [usize; N], usize)> {
    match *dims {
        [batch, ref size @ .., channels] => Ok((batch, spatial(size)?, channels)),
        _ => Err(RANK),
    }
}

/// The same of a channels-first tensor: the batch, the channels, and the sizes.
pub(crate) fn channels_first<const N: usize>(dims: &[usize]) -> Result<(usize, usize, [usize; N])> {
    match *dims {
        [batch, channels, ref size @ ..] => Ok((batch, channels, spatial(size)?)),
        _ => Err(RANK),
    }
}

/// An error unless `dims` are those of a channels-last result.
pub(crate) fn check_made<const N: usize>(made: (usize, [Axis; N], usize), dims: &[usize]) -> Result<()> {
    let (batch, axes, channels) = made;
    let made = (batch, axes.map(|axis| axis.output), channels);
    require(channels_last(dims)? == made, "y", "have the dims of the result")
}

const RANK: Error =
    Error::Dims { what: "x", must: "have a batch, channels, and the spatial axes of the layer" };

fn spatial<const N: usize>(size: &[usize]) -> Result<[usize; N]> {
    let mut axes = [1; N];
    match N.checked_sub(size.len()) {
        Some(flat) if flat < N => axes[flat..].copy_from_slice(size),
        _ => return Err(RANK),
    }
    Ok(axes)
}

/// The axes of a window of `N` dimensions over an image of `size`.
pub(crate) fn window_axes<const N: usize>(
    kernel_size: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: [[usize; 2]; N],
    size: [usize; N],
) -> Result<[Axis; N]> {
    let mut axes = [Axis::new(1, 1, 1, [0, 0], 1)?; N];
    for (i, axis) in axes.iter_mut().enumerate() {
        *axis = Axis::new(kernel_size[i], stride[i], dilation[i], padding[i], size[i])?;
    }
    Ok(axes)
}
