//! Depthwise convolutions, channels last.

use super::depthwise_kernel::{Depthwise, DepthwiseKernel};
use super::{Byte, Requantization};
use crate::Context;
use crate::error::{Result, check_len, require};
use crate::parallel::{run_tasks, threads};
use crate::simd::Isa;
use crate::tensor::{View, ViewMut, len};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// A convolution of each channel with its own kernels, over quantized images `[batch, height, width, channels]` or sequences
/// `[batch, width, channels]`. The padding is the zero point of x.
///
/// ```
/// use tf_layers::nn::{QuantizedDepthwiseConv2d, Requantization};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Two channels over three steps: the sums of neighbours in the first, their differences in the second.
/// let layer = QuantizedDepthwiseConv2d::new(
///     &[1, -1, 1, 1],
///     &[0, 0],
///     Requantization::new::<u8>(&[1.0, 0.5], 0),
///     [1, 2],
///     2,
/// );
/// let x = View::new(&[1_u8, 10, 2, 20, 4, 50], [1, 3, 2])?;
/// let mut y = [0_u8; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 2])?)?;
/// assert_eq!(y.as_slice()?, [3, 5, 6, 15]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedDepthwiseConv2d<'w> {
    /// `[kernel_height · kernel_width, channels · multiplier]`, row-major.
    pub kernel: &'w [i8],
    /// `[channels · multiplier]`: the bias minus the zero point of x times the sums of the weights. See the
    /// [module](crate::nn).
    pub bias: &'w [i32],
    /// From sums to y.
    pub requantization: Requantization<'w>,
    /// The zero point of x, and therefore the padding.
    pub x_zero_point: i32,
    /// The height and width of the kernel. A sequence has height 1.
    pub kernel_size: [usize; 2],
    /// The vertical and horizontal stride.
    pub stride: [usize; 2],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 2],
    /// The channels of x.
    pub channels: usize,
    /// The number of outputs for each channel.
    pub multiplier: usize,
    /// The padding of the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl<'w> QuantizedDepthwiseConv2d<'w> {
    /// A convolution with one output per channel, stride and dilation 1, without padding, of x with zero point 0.
    #[must_use]
    pub const fn new(
        kernel: &'w [i8],
        bias: &'w [i32],
        requantization: Requantization<'w>,
        kernel_size: [usize; 2],
        channels: usize,
    ) -> Self {
        Self {
            kernel,
            bias,
            requantization,
            x_zero_point: 0,
            kernel_size,
            stride: [1; 2],
            dilation: [1; 2],
            channels,
            multiplier: 1,
            padding: [[0; 2]; 2],
        }
    }

    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.kernel_size, self.stride, self.dilation, self.padding, size)
    }

    /// The height and width of the output for an image of `[height, width]`. 0 if the image is smaller than the kernel.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// Computes y `[batch, output_height, output_width, channels · multiplier]` from x `[batch, height, width,
    /// channels]`, or both without height.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, the dims of x, y, kernel, bias and multipliers do not match, or the requantization does
    /// not suit the type of y.
    pub fn run<'y, X: Byte, Y: Byte, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        let (batch, size, channels) = channels_last(&x.dims())?;
        let axes = self.axes(size)?;
        require(self.multiplier > 0, "multiplier", "be positive")?;
        require(channels == self.channels, "x", "have the channels that the layer takes")?;
        let outputs = len(&[self.channels, self.multiplier])?;
        check_len("kernel", len(&[self.kernel_size[0], self.kernel_size[1], outputs])?, self.kernel.len())?;
        check_output(&y.dims(), batch, axes, outputs)?;
        let of = Depthwise {
            kernel: self.kernel,
            epilogue: self.requantization.epilogue::<Y>(self.bias, None, outputs)?,
            axes,
            channels,
            multiplier: self.multiplier,
            flip: X::FLIP,
            zero: X::zero_point(self.x_zero_point)?,
            x: X::bits(x.as_slice()?),
        };
        let to = Y::bits_mut(y.as_mut_slice()?);
        if !to.is_empty() {
            compute(cx.isa, &of, to);
        }
        Ok(y.into_view())
    }
}

/// Computes the lines of `y`, on several threads if there are many. Not generic, so that a program has one copy of the kernel.
fn compute(isa: Isa, of: &Depthwise<'_>, y: &mut [u8]) {
    let [vertical, horizontal] = of.axes;
    let line_len = horizontal.output * of.channels * of.multiplier;
    let work = y.len().saturating_mul(vertical.size * horizontal.size);
    let (lines, offset) = (y.len() / line_len, |line| line * line_len);
    run_tasks(lines, threads(work), offset, y, &mut [], |lines, y, _| {
        isa.run(DepthwiseKernel { of, first: lines.start, y });
    });
}
