//! The geometry of windows: convolutions and pooling.

use crate::checked::split_mut;
use crate::error::{Error, Result, require};
use crate::tensor::len;

/// The windows along one axis of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    /// The taps of a window.
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
    pub padding: [usize; 2],
    /// The size of the image.
    pub input: usize,
    /// The number of windows.
    pub output: usize,
    /// The distance from the first to the last tap, both included.
    extent: usize,
}

impl Axis {
    /// `output` windows of `size` taps that are `dilation` apart, without padding. The size of the image must not
    /// overflow.
    pub fn dilated(size: usize, dilation: usize, output: usize) -> Self {
        let extent = (size - 1) * dilation + 1;
        Self { size, stride: 1, dilation, padding: [0, 0], input: extent - 1 + output, output, extent }
    }

    /// The windows that fit into an image of size `input`. Fails if the size, stride or dilation is zero or a sum
    /// overflows.
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
        // Positions in the padding are negative, so all positions must fit the signed type.
        if padded > isize::MAX as usize {
            return Err(Error::Overflow);
        }
        let output = padded.checked_sub(extent).map_or(0, |room| room / stride + 1);
        Ok(Self { size, stride, dilation, padding, input, output, extent })
    }

    /// Whether each window is a single element of the image, without padding.
    pub fn is_single(&self) -> bool {
        self.size == 1 && self.padding == [0; 2]
    }

    /// The same windows of an image that contains the padding.
    pub fn padded(self) -> Self {
        Self { input: self.input + self.padding[0] + self.padding[1], padding: [0; 2], ..self }
    }

    /// The position of the first tap of window `index`. Negative in the padding.
    #[inline(always)]
    pub fn origin(&self, index: usize) -> isize {
        (index * self.stride) as isize - self.padding[0] as isize
    }

    /// Whether all taps of the window at `origin` are inside the image.
    #[inline(always)]
    pub fn inside(&self, origin: isize) -> bool {
        origin >= 0 && origin as usize + self.extent <= self.input
    }

    /// The number of windows that do not reach into the padding after the image.
    pub fn inside_end(&self) -> usize {
        match (self.input + self.padding[0]).checked_sub(self.extent) {
            Some(room) => self.output.min(room / self.stride.max(1) + 1),
            None => 0,
        }
    }

    /// The position in the image of a tap of the window at `origin`. `None` in the padding.
    #[inline(always)]
    pub fn position(&self, origin: isize, tap: usize) -> Option<usize> {
        let at = origin.wrapping_add((tap * self.dilation) as isize) as usize;
        // A negative position becomes a huge unsigned one.
        (at < self.input).then_some(at)
    }

    /// The taps of the window at `origin` that are inside the image.
    #[inline(always)]
    pub fn taps(&self, origin: isize) -> core::ops::Range<usize> {
        // Most windows are inside, and divisions are slow.
        if self.inside(origin) {
            return 0..self.size;
        }
        let before = (origin.min(0).unsigned_abs()).div_ceil(self.dilation.max(1));
        let room = self.input as isize - origin;
        let after = if room <= 0 { 0 } else { (room as usize).div_ceil(self.dilation.max(1)).min(self.size) };
        before.min(after)..after
    }

    /// The number of taps of the window at `origin` that are inside the image or its padding.
    #[inline(always)]
    pub fn taps_padded(&self, origin: isize) -> usize {
        let room = (self.input + self.padding[1]) as isize - origin;
        if room <= 0 { 0 } else { (room as usize).div_ceil(self.dilation.max(1)).min(self.size) }
    }
}

/// Images that are copied together with their padding.
pub(crate) struct Padded {
    pub batch: usize,
    /// Vertical and horizontal.
    pub axes: [Axis; 2],
    pub channels: usize,
}

impl Padded {
    /// The elements of the images with their padding.
    pub fn len(&self) -> Result<usize> {
        let [height, width] = self.axes.map(|axis| axis.padded().input);
        len(&[self.batch, height, width, self.channels])
    }

    /// Writes the images `x` to `y`, where `copy` writes each line, and `zero` for each element of the padding.
    pub fn write<A, B: Copy>(&self, x: &[A], zero: B, y: &mut [B], copy: impl Fn(&[A], &mut [B])) {
        let ([vertical, horizontal], channels) = (self.axes, self.channels);
        let [line, padded_line] =
            [horizontal.input, horizontal.padded().input].map(|pixels| pixels * channels);
        let inside = vertical.padding[0]..vertical.padding[0] + vertical.input;
        let height = vertical.padded().input.max(1);
        let mut lines = x.chunks_exact(line.max(1));
        for (i, y) in y.chunks_exact_mut(padded_line.max(1)).enumerate() {
            let x = if inside.contains(&(i % height)) { lines.next().unwrap_or(&[]) } else { &[] };
            let (before, y) = split_mut(y, if x.is_empty() { 0 } else { horizontal.padding[0] * channels });
            let (inside, after) = split_mut(y, x.len());
            before.fill(zero);
            copy(x, inside);
            after.fill(zero);
        }
    }
}

/// The padding before and after an axis of `input` elements that TensorFlow calls `SAME`.
///
/// It makes room for ⌈input / stride⌉ windows. If the total is odd, the extra element comes after the axis.
///
/// # Errors
///
/// If a size, stride or dilation is 0, or a sum overflows.
pub fn same_padding(input: usize, size: usize, stride: usize, dilation: usize) -> Result<[usize; 2]> {
    let axis = Axis::new(size, stride, dilation, [0, 0], input)?;
    let reach = (input.div_ceil(stride).saturating_sub(1) * stride)
        .checked_add(axis.extent)
        .ok_or(Error::Overflow)?;
    let total = reach.saturating_sub(input);
    Ok([total / 2, total - total / 2])
}

/// The padding before and after an axis, with a longer end if the last window would otherwise be incomplete, as ONNX's
/// `ceil_mode` has it. No window starts in the padding at the end.
///
/// # Errors
///
/// If a size, stride or dilation is 0, or a sum overflows.
pub fn ceil_padding(
    input: usize,
    size: usize,
    stride: usize,
    dilation: usize,
    [before, after]: [usize; 2],
) -> Result<[usize; 2]> {
    let axis = Axis::new(size, stride, dilation, [before, after], input)?;
    let start = input + before;
    let Some(room) = (start + after).checked_sub(axis.extent) else { return Ok([before, after]) };
    let windows = (room.div_ceil(stride) + 1).min(start.div_ceil(stride));
    let reach = (windows.saturating_sub(1) * stride).checked_add(axis.extent).ok_or(Error::Overflow)?;
    Ok([before, after.max(reach.saturating_sub(start))])
}

/// The padding before and after an axis that ONNX calls `SAME_LOWER`: as [`same_padding`], but an odd element comes before
/// the axis.
///
/// # Errors
///
/// As [`same_padding`].
pub fn same_lower_padding(input: usize, size: usize, stride: usize, dilation: usize) -> Result<[usize; 2]> {
    same_padding(input, size, stride, dilation).map(|[small, large]| [large, small])
}

/// The batch, the `N` spatial dims and the channels of a channels-last tensor.
///
/// Missing spatial axes are added in front with size 1: a sequence is an image of height 1.
pub(crate) fn channels_last<const N: usize>(dims: &[usize]) -> Result<(usize, [usize; N], usize)> {
    match *dims {
        [batch, ref size @ .., channels] => Ok((batch, spatial(size)?, channels)),
        _ => Err(RANK),
    }
}

/// The batch, the channels and the `N` spatial dims of a channels-first tensor. See [`channels_last`].
pub(crate) fn channels_first<const N: usize>(dims: &[usize]) -> Result<(usize, usize, [usize; N])> {
    match *dims {
        [batch, channels, ref size @ ..] => Ok((batch, channels, spatial(size)?)),
        _ => Err(RANK),
    }
}

/// Fails unless `dims` are those of a channels-last result with this batch, these windows and these channels.
pub(crate) fn check_output<const N: usize>(
    dims: &[usize],
    batch: usize,
    axes: [Axis; N],
    channels: usize,
) -> Result<()> {
    let output = axes.map(|axis| axis.output);
    require(channels_last(dims)? == (batch, output, channels), "y", "have the dims of the result")
}

const RANK: Error =
    Error::Dims { what: "x", must: "have a batch, channels, and the spatial axes of the layer" };

fn spatial<const N: usize>(size: &[usize]) -> Result<[usize; N]> {
    let mut axes = [1; N];
    match N.checked_sub(size.len()) {
        Some(flat) if flat < N => {
            for (axis, &size) in axes.iter_mut().skip(flat).zip(size) {
                *axis = size;
            }
            Ok(axes)
        }
        _ => Err(RANK),
    }
}

/// The windows along `N` axes of an image of `size`.
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
