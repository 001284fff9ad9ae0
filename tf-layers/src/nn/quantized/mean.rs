//! Means of quantized tensors over windows and over whole images.

use super::Byte;
use super::requantization::rounding;
use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::{Result, require};
use crate::gemm::Rounding;
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::tensor::{View, ViewMut, len};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// The mean of the windows of quantized images `[batch, height, width, channels]` or sequences `[batch, width, channels]`:
/// y = clamp(round((Σ x − count·z)·(multiplier / divisor) + offset) + zero point).
///
/// z is the zero point of x, and count the elements of a window that are inside the image.
///
/// ```
/// use tf_layers::nn::QuantizedAveragePool2d;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = QuantizedAveragePool2d::new::<u8>([1, 2], 10, 1.0, 100);
/// let x = View::new(&[12_u8, 16, 4, 10], [1, 4, 1])?;
/// let mut y = [0_u8; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [104, 97]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedAveragePool2d {
    /// The window size `[height, width]`. A sequence has height 1.
    pub size: [usize; 2],
    /// The stride `[vertical, horizontal]`.
    pub stride: [usize; 2],
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: [usize; 2],
    /// The padding `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
    /// Whether the divisor includes the padding, as zeros, instead of only the elements of the image.
    pub count_include_pad: bool,
    /// The zero point of x.
    pub x_zero_point: i32,
    /// The scale of x / the scale of y.
    pub multiplier: f32,
    /// Usually 0. Engines that add the zero point of y before they round have it here, and 0 as zero point.
    pub offset: f32,
    /// The zero point of y.
    pub zero_point: i32,
    /// The least element of y: that of its type, or the zero point for a `Relu`.
    pub min: i32,
    /// The greatest element of y.
    pub max: i32,
}

/// The mean of each channel of quantized images (global average pooling):
/// y = clamp(round((Σ x − count·z)·(multiplier / count)) + zero point), with the zero point z of x.
///
/// ```
/// use tf_layers::nn::QuantizedMean;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = QuantizedMean::new::<i8>(10, 1.0, 0);
/// let x = View::new(&[12_u8, 0, 16, 10], [1, 2, 1, 2])?;
/// let mut y = [0_i8; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2])?)?;
/// assert_eq!(y.as_slice()?, [4, -5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedMean {
    /// The zero point of x.
    pub x_zero_point: i32,
    /// The scale of x / the scale of y.
    pub multiplier: f32,
    /// The zero point of y.
    pub zero_point: i32,
    /// The least element of y: that of its type, or the zero point for a `Relu`.
    pub min: i32,
    /// The greatest element of y.
    pub max: i32,
}

/// The largest number of elements whose sum fits `i32`.
const MAX_COUNT: usize = 1 << 23;

const TOO_MANY: &str = "have at most 8388608 elements in a window";

impl QuantizedAveragePool2d {
    /// Windows side by side: the stride is the window size. No dilation, no padding, no activation.
    #[must_use]
    pub const fn new<Y: Byte>(size: [usize; 2], x_zero_point: i32, multiplier: f32, zero_point: i32) -> Self {
        Self {
            size,
            stride: size,
            dilation: [1; 2],
            padding: [[0; 2]; 2],
            count_include_pad: false,
            x_zero_point,
            multiplier,
            offset: 0.0,
            zero_point,
            min: Y::MIN,
            max: Y::MAX,
        }
    }

    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.size, self.stride, self.dilation, self.padding, size)
    }

    /// The output `[height, width]` for an image of this `[height, width]`; 0 if the image is smaller than the window.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// From x `[batch, height, width, channels]` to y `[batch, output_height, output_width, channels]`, or both without
    /// height. A window that contains only padding gives the zero point of y.
    ///
    /// # Errors
    ///
    /// If y has other dims, an attribute is invalid, or a zero point or bound is not in the range of its type.
    pub fn run<'y, X: Byte, Y: Byte, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        let (batch, size, channels) = channels_last(&x.dims())?;
        let axes = self.axes(size)?;
        check_output(&y.dims(), batch, axes, channels)?;
        let count =
            axes.map(|axis| axis.size.min(axis.input)).iter().try_fold(1usize, |n, &m| n.checked_mul(m));
        require(count.is_some_and(|count| count <= MAX_COUNT), "x", TOO_MANY)?;
        let kernel = Means {
            axes,
            channels,
            count_include_pad: self.count_include_pad,
            flip: X::FLIP,
            x_zero_point: i32::from(X::zero_point(self.x_zero_point)? ^ X::FLIP),
            multiplier: self.multiplier,
            offset: self.offset,
            rounding: rounding::<Y>(self.zero_point, self.min, self.max)?,
            x: X::bits(x.as_slice()?),
            y: Y::bits_mut(y.as_mut_slice()?),
        };
        run(cx.isa, kernel);
        Ok(y.into_view())
    }
}

impl QuantizedMean {
    /// A mean of type `Y` without an activation.
    #[must_use]
    pub const fn new<Y: Byte>(x_zero_point: i32, multiplier: f32, zero_point: i32) -> Self {
        Self { x_zero_point, multiplier, zero_point, min: Y::MIN, max: Y::MAX }
    }

    /// From x `[batch, .., channels]` to y `[batch, channels]`, where `..` are the axes of the mean. y may also have them,
    /// with size 1. The mean of nothing is the zero point of y.
    ///
    /// # Errors
    ///
    /// If y has other dims, or a zero point or bound is not in the range of its type.
    pub fn run<'y, X: Byte, Y: Byte, const R: usize, const Q: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, Y, Q>,
    ) -> Result<View<'y, Y, Q>> {
        let (from, to) = (x.dims(), y.dims());
        let ([batch, axes @ .., channels], [first, ones @ .., last]) = (&from[..], &to[..]) else {
            return Err(crate::Error::Dims { what: "x", must: "have a batch and channels" });
        };
        let fits = batch == first && channels == last && ones.iter().all(|&one| one == 1);
        require(fits, "y", "have the batch and the channels of x")?;
        let count = len(axes)?;
        require(count <= MAX_COUNT, "x", TOO_MANY)?;
        let y_bits = Y::bits_mut(y.as_mut_slice()?);
        let x_zero_point = i32::from(X::zero_point(self.x_zero_point)? ^ X::FLIP);
        let rounding = rounding::<Y>(self.zero_point, self.min, self.max)?;
        if count == 0 {
            y_bits.fill(self.zero_point.clamp(self.min, self.max) as u8);
            return Ok(y.into_view());
        }
        let kernel = Means {
            axes: [Axis::new(1, 1, 1, [0, 0], 1)?, Axis::new(count, 1, 1, [0, 0], count)?],
            channels: *channels,
            count_include_pad: false,
            flip: X::FLIP,
            x_zero_point,
            multiplier: self.multiplier,
            offset: 0.0,
            rounding,
            x: X::bits(x.as_slice()?),
            y: y_bits,
        };
        run(cx.isa, kernel);
        Ok(y.into_view())
    }
}

// Not generic, so that a program has one copy of the kernel.
fn run(isa: Isa, kernel: Means<'_>) {
    isa.run(kernel);
}

/// The means of windows, with checked arguments.
struct Means<'a> {
    /// Vertical and horizontal.
    axes: [Axis; 2],
    channels: usize,
    count_include_pad: bool,
    /// The bit that makes unsigned bytes of x.
    flip: u8,
    /// That of the unsigned bytes.
    x_zero_point: i32,
    multiplier: f32,
    /// Added before the rounding.
    offset: f32,
    rounding: Rounding,
    x: &'a [u8],
    y: &'a mut [u8],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            axes: [vertical, horizontal],
            channels,
            flip,
            x_zero_point,
            multiplier,
            offset: moved,
            rounding,
            x,
            y,
            ..
        } = self;
        let image = vertical.input * horizontal.input * channels;
        let [height, width] = [vertical.output.max(1), horizontal.output.max(1)];
        let (flip, moved) = (s.isplat(flip.into()), s.splat(moved));
        for (pixel, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
            let (line, column) = (pixel / width, pixel % width);
            let (sample, line) = (line / height, line % height);
            let x = part(part(x, sample * image..), ..image);
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            let (lines, taps) = (vertical.taps(top), horizontal.taps(left));
            let count = lines.len() * taps.len();
            let divisor = if self.count_include_pad {
                vertical.taps_padded(top) * horizontal.taps_padded(left)
            } else {
                count
            };
            // Not fused with anything, so that all instruction sets give the same bits.
            let multiplier = s.splat(multiplier / divisor.max(1) as f32);
            let offset = s.isplat(-(count as i32 * x_zero_point));
            let mut channel = 0;
            while channel < channels {
                let end = channels.min(channel + PANEL);
                let mut sums = s.int_panel(0);
                for tap_y in lines.clone() {
                    let line = (top + (tap_y * vertical.dilation) as isize) as usize * horizontal.input;
                    for tap_x in taps.clone() {
                        let column = (left + (tap_x * horizontal.dilation) as isize) as usize;
                        let from = (line + column) * channels;
                        let bytes = s.load_bytes(part(x, from + channel..from + end));
                        for lane in 0..PANEL / S::LANES {
                            sums[lane] = s.iadd(sums[lane], s.xor(bytes[lane], flip));
                        }
                    }
                }
                for lane in 0..PANEL / S::LANES {
                    let mean = s.add(s.mul(s.to_f32(s.iadd(sums[lane], offset)), multiplier), moved);
                    sums[lane] = rounding.round(s, mean);
                }
                s.store_bytes(sums, part_mut(y, channel..end));
                channel = end;
            }
        }
    }
}
