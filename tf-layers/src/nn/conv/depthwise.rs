//! Depthwise convolutions, channels last.

use crate::Context;
use crate::error::{Result, check_bias, check_len, require};
use crate::nn::Activation;
use crate::nn::conv::depthwise_kernel::DepthwiseKernel;
use crate::parallel::{STREAMED, run_tasks, threads};
use crate::simd::Isa;
use crate::tensor::{View, ViewMut, len};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// A convolution of each channel with its own kernels, over images `[batch, height, width, channels]` or sequences
/// `[batch, width, channels]`.
///
/// ```
/// use tf_layers::nn::DepthwiseConv2d;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Two channels over three steps: the sums of neighbours in the first, their differences in the second.
/// let layer = DepthwiseConv2d::new(&[1.0, -1.0, 1.0, 1.0], [1, 2], 2);
/// let x = View::new(&[1.0, 10.0, 2.0, 20.0, 4.0, 50.0], [1, 3, 2])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 2])?)?;
/// assert_eq!(y.as_slice()?, [3.0, 10.0, 6.0, 30.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthwiseConv2d<'w> {
    /// `[kernel_height · kernel_width, channels · multiplier]`, row-major.
    pub kernel: &'w [f32],
    /// `[channels · multiplier]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
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
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl<'w> DepthwiseConv2d<'w> {
    /// A convolution with one output per channel, stride and dilation 1, without padding, bias and activation.
    #[must_use]
    pub const fn new(kernel: &'w [f32], kernel_size: [usize; 2], channels: usize) -> Self {
        Self {
            kernel,
            bias: None,
            activation: Activation::Linear,
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
    /// If an attribute is invalid, or the dims of x, y, kernel and bias do not match.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let to = y.dims();
        self.compute(cx.isa, &x.dims(), x.as_slice()?, &to, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// Computes `y` with dims `to` from `x` with dims `from`.
    fn compute(&self, isa: Isa, from: &[usize], x: &[f32], to: &[usize], y: &mut [f32]) -> Result<()> {
        let (batch, size, channels) = channels_last(from)?;
        let axes = self.axes(size)?;
        require(self.multiplier > 0, "multiplier", "be positive")?;
        require(channels == self.channels, "x", "have the channels that the layer takes")?;
        let outputs = len(&[self.channels, self.multiplier])?;
        check_len("kernel", len(&[self.kernel_size[0], self.kernel_size[1], outputs])?, self.kernel.len())?;
        check_bias(self.bias, outputs)?;
        self.activation.check(outputs)?;
        check_output(to, batch, axes, outputs)?;
        if y.is_empty() {
            return Ok(());
        }
        let (rectifier, rest) = self.activation.split();
        let work = y.len().saturating_mul(self.kernel_size[0] * self.kernel_size[1]).saturating_mul(STREAMED);
        let line_len = axes[1].output * outputs;
        let lines = y.len().checked_div(line_len).unwrap_or_default();
        let offset = |line| line * line_len;
        run_tasks(lines, threads(work), offset, y, &mut [], |lines, y, _| {
            isa.run(DepthwiseKernel { layer: self, axes, outputs, rectifier, first: lines.start, x, y });
        });
        if let Some(rest) = rest {
            rest.map_in_place(isa, y);
        }
        Ok(())
    }
}
