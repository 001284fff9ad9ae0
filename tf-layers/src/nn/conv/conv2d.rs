//! Convolutions, channels last.

use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::im2col::Windows;
use crate::gemm::{Gemm, Matrix};
use crate::nn::{Activation, Dense};
use crate::simd::Isa;
use crate::tensor::{Columns, len};
use crate::window::{Axis, window_axes};

/// A convolution over images `[batch, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d<'w> {
    /// Per group `[kernel_height · kernel_width · in_channels / groups, out_channels / groups]`.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 2],
    /// Groups of channels that do not mix; both channel counts are multiples.
    pub groups: usize,
    /// Channels of x.
    pub in_channels: usize,
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

/// A convolution over sequences `[batch, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv1d<'w> {
    /// Per group `[kernel_size · in_channels / groups, out_channels / groups]`.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Taps of the kernel.
    pub kernel_size: usize,
    /// Step from one output to the next.
    pub stride: usize,
    /// Distance between taps, 1 for neighbours.
    pub dilation: usize,
    /// Groups of channels that do not mix; both channel counts are multiples.
    pub groups: usize,
    /// Channels of x.
    pub in_channels: usize,
    /// Zeros before and after the sequence.
    pub padding: [usize; 2],
}

impl<'w> Conv1d<'w> {
    fn as_2d(&self) -> Conv2d<'w> {
        Conv2d {
            kernel: self.kernel,
            bias: self.bias,
            activation: self.activation,
            kernel_size: [1, self.kernel_size],
            stride: [1, self.stride],
            dilation: [1, self.dilation],
            groups: self.groups,
            in_channels: self.in_channels,
            padding: [[0, 0], self.padding],
        }
    }

    /// The width of the result for an input of `width`; 0 if that is too short for the kernel.
    pub fn output_width(&self, width: usize) -> Result<usize> {
        Ok(self.as_2d().output_size([1, width])?[1])
    }

    /// From x `[batch, width, in_channels]` to y `[batch, output_width, out_channels]`.
    pub fn run(&self, isa: Isa, batch: usize, width: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.as_2d().run(isa, batch, [1, width], x, y)
    }

    /// The same added to what y holds, a residual connection, before the activation.
    pub fn run_onto(&self, isa: Isa, batch: usize, width: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.as_2d().run_onto(isa, batch, [1, width], x, y)
    }

    /// From x `[batch, width, in_channels]` to columns of y `[batch · output_width, of]`.
    pub fn run_columns(&self, isa: Isa, batch: usize, width: usize, x: &[f32], y: Columns<'_>) -> Result<()> {
        self.as_2d().run_columns(isa, batch, [1, width], x, y)
    }
}

impl Conv2d<'_> {
    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.kernel_size, self.stride, self.dilation, self.padding, size)
    }

    fn out_channels(&self) -> Result<usize> {
        len(&[self.groups, self.kernel.cols()])
    }

    /// Whether every output pixel depends on the input pixel in its place alone.
    fn is_pointwise(&self) -> bool {
        self.kernel_size == [1, 1] && self.stride == [1, 1] && self.padding == [[0, 0], [0, 0]]
    }

    /// Height and width of the result for an image of `[height, width]`; 0 if that is too small for the kernel.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// From x `[batch, height, width, in_channels]` to y `[batch, output_height, output_width, out_channels]`.
    pub fn run(&self, isa: Isa, batch: usize, size: [usize; 2], x: &[f32], y: &mut [f32]) -> Result<()> {
        self.compute(isa, batch, size, x, Columns::all(y, self.out_channels()?), false)
    }

    /// The same added to what y holds, a residual connection, before the activation.
    pub fn run_onto(&self, isa: Isa, batch: usize, size: [usize; 2], x: &[f32], y: &mut [f32]) -> Result<()> {
        self.compute(isa, batch, size, x, Columns::all(y, self.out_channels()?), true)
    }

    /// From x `[batch, height, width, in_channels]` to columns of y `[batch · output_height · output_width, of]`.
    pub fn run_columns(
        &self,
        isa: Isa,
        batch: usize,
        size: [usize; 2],
        x: &[f32],
        y: Columns<'_>,
    ) -> Result<()> {
        self.compute(isa, batch, size, x, y, false)
    }

    fn compute(
        &self,
        isa: Isa,
        batch: usize,
        size: [usize; 2],
        x: &[f32],
        mut y: Columns<'_>,
        accumulate: bool,
    ) -> Result<()> {
        let axes = self.axes(size)?;
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let k = len(&[self.kernel_size[0], self.kernel_size[1], channels / groups])?;
        require(self.kernel.groups() == groups, "kernel", "have one matrix for each group")?;
        require(self.kernel.rows() == k, "kernel", "have kernel_size · in_channels / groups rows")?;
        let n = self.kernel.cols();
        let out_channels = self.out_channels()?;
        check_len("x", len(&[batch, size[0], size[1], channels])?, x.len())?;
        let pixels = len(&[batch, axes[0].output, axes[1].output])?;
        y.check(pixels, out_channels)?;
        check_bias(self.bias, out_channels)?;
        if pixels == 0 || out_channels == 0 {
            return Ok(());
        }
        if groups == 1 && self.is_pointwise() {
            let Self { kernel, bias, activation, .. } = *self;
            return Dense { kernel, bias, activation }.compute(isa, pixels, x, y, accumulate);
        }
        let (bounds, rest) = self.activation.split();
        let depth = channels / groups;
        for group in 0..groups {
            let first = group * n;
            let bias = self.bias.map(|bias| &bias[first..first + n]);
            let gemm = Gemm::of(&self.kernel, group).bias(bias).accumulate(accumulate);
            let windows = Windows::new(x, axes, channels, group * depth..(group + 1) * depth);
            gemm.clamp(bounds).ldc(y.of).run_parallel(isa, pixels, windows, y.from(first));
        }
        match rest {
            Some(rest) => y.activate(isa, rest, out_channels),
            None => Ok(()),
        }
    }
}
