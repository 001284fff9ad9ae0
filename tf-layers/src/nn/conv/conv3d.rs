//! Convolutions over volumes, channels last.

use crate::Context;
use crate::error::{Result, check_bias, require};
use crate::gemm::im2col::Windows;
use crate::gemm::{Gemm, Matrix, Rectifier};
use crate::nn::Activation;
use crate::simd::Isa;
use crate::tensor::{View, ViewMut, len};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// A convolution over volumes `[batch, depth, height, width, channels]`.
///
/// ```
/// use tf_layers::nn::Conv3d;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // A voxel plus twice the one behind it: two taps along the depth, each a matrix of 1 row and 1 column, padded to 16.
/// let mut kernel = [0.0; 32];
/// (kernel[0], kernel[16]) = (1.0, 2.0);
/// let layer = Conv3d::new(Matrix::new(&kernel, 2, 1, 1)?, [2, 1, 1], 1);
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 2, 1, 2, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 1, 1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [7.0, 10.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv3d<'w> {
    /// For each tap along the depth, and within it for each group, `[kernel_height · kernel_width · in_channels /
    /// groups, out_channels / groups]`.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
    /// The depth, height and width of the kernel.
    pub kernel_size: [usize; 3],
    /// The stride along each axis.
    pub stride: [usize; 3],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 3],
    /// The number of groups of channels. It divides the channels of x and of y.
    pub groups: usize,
    /// The channels of x.
    pub in_channels: usize,
    /// Zeros around the volume, before and after along each axis.
    pub padding: [[usize; 2]; 3],
}

impl<'w> Conv3d<'w> {
    /// A convolution in one group with stride and dilation 1, without padding, bias and activation.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, kernel_size: [usize; 3], in_channels: usize) -> Self {
        Self {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size,
            stride: [1; 3],
            dilation: [1; 3],
            groups: 1,
            in_channels,
            padding: [[0; 2]; 3],
        }
    }

    fn axes(&self, size: [usize; 3]) -> Result<[Axis; 3]> {
        window_axes(self.kernel_size, self.stride, self.dilation, self.padding, size)
    }

    /// The depth, height and width of the output for a volume of `size`. 0 if the volume is smaller than the kernel.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 3]) -> Result<[usize; 3]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// Computes y `[batch, output_depth, output_height, output_width, out_channels]` from x `[batch, depth, height,
    /// width, in_channels]`.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel and bias do not match.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 5>,
        mut y: ViewMut<'y, f32, 5>,
    ) -> Result<View<'y, f32, 5>> {
        let to = y.dims();
        self.compute(cx.isa, x.dims(), x.as_slice()?, to, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// Computes `y` with dims `to` from `x` with dims `from`.
    ///
    /// Every slice of `y` is a sum of 2-D convolutions of slices of `x`, one for each tap along the depth.
    fn compute(&self, isa: Isa, from: [usize; 5], x: &[f32], to: [usize; 5], y: &mut [f32]) -> Result<()> {
        let (batch, size, in_channels) = channels_last(&from)?;
        let axes @ [depth, vertical, horizontal] = self.axes(size)?;
        require(in_channels == self.in_channels, "x", "have the channels that the layer takes")?;
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let k = len(&[self.kernel_size[1], self.kernel_size[2], channels / groups])?;
        let matrices = len(&[self.kernel_size[0], groups])?;
        require(self.kernel.groups() == matrices, "kernel", "have one matrix for each tap and group")?;
        require(
            self.kernel.rows() == k,
            "kernel",
            "have kernel_height · kernel_width · in_channels / groups rows",
        )?;
        let n = self.kernel.cols();
        let out_channels = len(&[groups, n])?;
        check_output(&to, batch, axes, out_channels)?;
        let pixels = len(&[vertical.output, horizontal.output])?;
        check_bias(self.bias, out_channels)?;
        self.activation.check(out_channels)?;
        if y.is_empty() {
            return Ok(());
        }
        let (rectifier, rest) = self.activation.split();
        let slice = size[1] * size[2] * channels;
        for (i, y) in y.chunks_exact_mut(pixels * out_channels).enumerate() {
            let (sample, at) = (i / depth.output, i % depth.output);
            let origin = depth.origin(at);
            let taps = depth.taps(origin);
            if taps.is_empty() {
                self.fill(y);
                if rest.is_none() {
                    self.activation.map_in_place(isa, y);
                }
            }
            for tap in taps.clone() {
                let z = (origin + (tap * depth.dilation) as isize) as usize;
                let x = &x[(sample * size[0] + z) * slice..][..slice];
                for group in 0..groups {
                    let first = group * n;
                    let bias = self.bias.filter(|_| tap == taps.start).map(|bias| &bias[first..first + n]);
                    let rectifier = if tap + 1 == taps.end { rectifier } else { Rectifier::NONE };
                    let gemm = Gemm::from_matrix(&self.kernel, tap * groups + group).bias(bias);
                    let gemm = gemm.accumulate(tap > taps.start).ldc(out_channels);
                    let gemm = gemm.rectifier(rectifier.columns(first..first + n));
                    let part = channels / groups;
                    let windows =
                        Windows::new(x, [axes[1], axes[2]], channels, group * part..(group + 1) * part);
                    gemm.run(isa, pixels, windows, &mut y[first..]);
                }
            }
        }
        if let Some(rest) = rest {
            rest.map_in_place(isa, y);
        }
        Ok(())
    }

    /// Fills a slice whose windows are all in the padding with the bias.
    fn fill(&self, y: &mut [f32]) {
        match self.bias {
            None => y.fill(0.0),
            Some(bias) => {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = bias[i % bias.len()];
                }
            }
        }
    }
}
