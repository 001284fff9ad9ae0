//! Depthwise convolutions: every channel by itself.

use crate::error::{Result, check_bias, check_len, require};
use crate::nn::Activation;
use crate::nn::conv::depthwise_kernel::DepthwiseKernel;
use crate::parallel::{SLOW, each_piece, threads};
use crate::simd::Isa;
use crate::tensor::len;
use crate::window::Axis;

/// A convolution of each channel with kernels of its own, over images `[batch, height, width, channels]`;
/// a sequence is an image of height 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthwiseConv2d<'w> {
    /// `[kernel_height · kernel_width, channels · multiplier]`, not packed.
    pub kernel: &'w [f32],
    /// `[channels · multiplier]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 2],
    /// Channels of x.
    pub channels: usize,
    /// Outputs for each channel.
    pub multiplier: usize,
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl DepthwiseConv2d<'_> {
    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        let axis = |i: usize| {
            Axis::new(self.kernel_size[i], self.stride[i], self.dilation[i], self.padding[i], size[i])
        };
        Ok([axis(0)?, axis(1)?])
    }

    /// Height and width of the result for an image of `[height, width]`; 0 if that is too small for the kernel.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// From x `[batch, height, width, channels]` to y `[batch, output_height, output_width, channels · multiplier]`.
    pub fn run(&self, isa: Isa, batch: usize, size: [usize; 2], x: &[f32], y: &mut [f32]) -> Result<()> {
        let axes = self.axes(size)?;
        require(self.multiplier > 0, "multiplier", "be positive")?;
        let outputs = len(&[self.channels, self.multiplier])?;
        check_len("kernel", len(&[self.kernel_size[0], self.kernel_size[1], outputs])?, self.kernel.len())?;
        check_bias(self.bias, outputs)?;
        check_len("x", len(&[batch, size[0], size[1], self.channels])?, x.len())?;
        check_len("y", len(&[batch, axes[0].output, axes[1].output, outputs])?, y.len())?;
        if y.is_empty() {
            return Ok(());
        }
        let (bounds, rest) = self.activation.split();
        let work = y.len().saturating_mul(self.kernel_size[0] * self.kernel_size[1]).saturating_mul(SLOW);
        let line_len = axes[1].output * outputs;
        let (lines, begin) = (y.len() / line_len, |line| line * line_len);
        each_piece(lines, threads(work), begin, y, &mut [], |lines, y, _| {
            isa.run(DepthwiseKernel { layer: self, axes, outputs, bounds, first: lines.start, x, y });
        });
        match rest {
            Some(rest) => rest.run_in_place(isa, y),
            None => Ok(()),
        }
    }
}
