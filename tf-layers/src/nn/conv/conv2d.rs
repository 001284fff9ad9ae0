//! Convolutions over images and sequences, channels last.

use crate::Context;
use crate::error::{Result, check_bias, require};
use crate::gemm::{Linear, Matrix};
use crate::nn::kernel_matrix::{Images, Products};
use crate::nn::{Activation, Dense, KernelMatrix};
use crate::tensor::{Columns, View, ViewMut, check_dims, len};
use crate::window::{Axis, window_axes};

/// A convolution over images `[batch, height, width, channels]`.
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // A pixel plus twice its right neighbour. The matrix has 2 rows and 1 column, padded to 16.
/// let mut kernel = [0.0; 32];
/// (kernel[0], kernel[16]) = (1.0, 2.0);
/// let layer = Conv2d {
///     padding: [[0, 0], [0, 1]],
///     ..Conv2d::new(Matrix::new(&kernel, 1, 2, 1)?, [1, 2], 1)
/// };
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 2, 2, 1])?;
/// let mut y = [0.0; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [5.0, 2.0, 11.0, 4.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d<'w, K = Matrix<'w>> {
    /// Per group `[kernel_height · kernel_width · in_channels / groups, out_channels / groups]`.
    pub kernel: K,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
    /// The height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// The vertical and horizontal stride.
    pub stride: [usize; 2],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 2],
    /// The number of groups of channels. It divides the channels of x and of y.
    pub groups: usize,
    /// The channels of x.
    pub in_channels: usize,
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

/// A convolution over sequences `[batch, width, channels]`.
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Every second step plus twice the next one. The matrix has 2 rows and 1 column, padded to 16.
/// let mut kernel = [0.0; 32];
/// (kernel[0], kernel[16]) = (1.0, 2.0);
/// let layer = Conv1d {
///     bias: Some(&[0.5]),
///     activation: Activation::Relu,
///     stride: 2,
///     ..Conv1d::new(Matrix::new(&kernel, 1, 2, 1)?, 2, 1)
/// };
/// let x = View::new(&[1.0, 2.0, -3.0, 1.0], [1, 4, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [5.5, 0.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv1d<'w, K = Matrix<'w>> {
    /// Per group `[kernel_size · in_channels / groups, out_channels / groups]`.
    pub kernel: K,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
    /// The number of taps.
    pub kernel_size: usize,
    /// The steps of x from one output to the next.
    pub stride: usize,
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: usize,
    /// The number of groups of channels. It divides the channels of x and of y.
    pub groups: usize,
    /// The channels of x.
    pub in_channels: usize,
    /// Zeros before and after the sequence.
    pub padding: [usize; 2],
}

impl<'w, K: KernelMatrix> Conv1d<'w, K> {
    /// A convolution with stride and dilation 1, without padding, bias and activation. It has as many groups as the kernel.
    #[must_use]
    pub fn new(kernel: K, kernel_size: usize, in_channels: usize) -> Self {
        Self {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size,
            stride: 1,
            dilation: 1,
            groups: kernel.sizes()[0],
            in_channels,
            padding: [0; 2],
        }
    }

    fn as_2d(&self) -> Conv2d<'w, K> {
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

    /// The width of the output for an input of `width`. 0 if the input is narrower than the kernel.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_width(&self, width: usize) -> Result<usize> {
        Ok(self.as_2d().output_size([1, width])?[1])
    }

    /// Computes y `[batch, output_width, out_channels]` from x `[batch, width, in_channels]`. y may accumulate and may
    /// be columns of a wider tensor.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel and bias do not match.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        mut y: ViewMut<'y, f32, 3>,
    ) -> Result<View<'y, f32, 3>> {
        let ([batch, width, channels], [outputs, length, _]) = (x.dims(), y.dims());
        let accumulate = y.accumulates();
        let to = [outputs, 1, length];
        let x = (x.as_slice()?, [batch, 1, width, channels]);
        K::conv(&self.as_2d(), cx, x, (Columns::of(&mut y), to), accumulate)?;
        Ok(y.into_view())
    }
}

impl<K: KernelMatrix> Conv2d<'_, K> {
    /// A convolution with stride and dilation 1, without padding, bias and activation. It has as many groups as the kernel.
    #[must_use]
    pub fn new(kernel: K, kernel_size: [usize; 2], in_channels: usize) -> Self {
        Self {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size,
            stride: [1; 2],
            dilation: [1; 2],
            groups: kernel.sizes()[0],
            in_channels,
            padding: [[0; 2]; 2],
        }
    }

    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.kernel_size, self.stride, self.dilation, self.padding, size)
    }

    fn out_channels(&self) -> Result<usize> {
        len(&[self.groups, self.kernel.sizes()[2]])
    }

    /// Whether every output pixel depends on the input pixel at the same position only.
    fn is_pointwise(&self) -> bool {
        self.kernel_size == [1, 1] && self.stride == [1, 1] && self.padding == [[0, 0], [0, 0]]
    }

    /// The height and width of the output for an image of `[height, width]`. 0 if the image is smaller than the kernel.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// Computes y `[batch, output_height, output_width, out_channels]` from x `[batch, height, width, in_channels]`. y
    /// may accumulate and may be columns of a wider tensor.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel and bias do not match.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 4>,
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        let [outputs, height, width, _] = y.dims();
        let accumulate = y.accumulates();
        let to = [outputs, height, width];
        K::conv(self, cx, (x.as_slice()?, x.dims()), (Columns::of(&mut y), to), accumulate)?;
        Ok(y.into_view())
    }

    /// Computes `y` from `x` with dims `from`. `to` are the dims of `y` without the channels.
    #[inline(always)]
    pub(crate) fn compute(
        &self,
        cx: &mut Context<'_>,
        (x, from): (&[f32], [usize; 4]),
        (mut y, to): (Columns<'_>, [usize; 3]),
        accumulate: bool,
    ) -> Result<()> {
        let [batch, height, width, in_channels] = from;
        let axes = self.axes([height, width])?;
        require(in_channels == self.in_channels, "x", "have the channels that the layer takes")?;
        check_dims(&[batch, axes[0].output, axes[1].output], &to)?;
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let k = len(&[self.kernel_size[0], self.kernel_size[1], channels / groups])?;
        let [matrices, rows, n] = self.kernel.sizes();
        require(matrices == groups, "kernel", "have one matrix for each group")?;
        require(rows == k, "kernel", "have kernel_size · in_channels / groups rows")?;
        self.kernel.check()?;
        let out_channels = self.out_channels()?;
        let pixels = len(&[batch, axes[0].output, axes[1].output])?;
        y.check(pixels, out_channels)?;
        check_bias(self.bias, out_channels)?;
        self.activation.check(out_channels)?;
        if pixels == 0 || out_channels == 0 {
            return Ok(());
        }
        if groups == 1 && self.is_pointwise() {
            let Self { kernel, bias, activation, .. } = *self;
            return K::dense(&Dense { kernel, bias, activation }, cx, pixels, x, y, accumulate);
        }
        let (rectifier, rest) = self.activation.split();
        let linear = Linear { bias: self.bias, accumulate, rectifier };
        let mut products = Products { m: pixels, n, linear, y: &mut y };
        self.kernel.convolve(cx, &mut products, &Images { x, batch, axes, channels, groups })?;
        if let Some(rest) = rest {
            y.activate(cx.isa, rest, out_channels);
        }
        Ok(())
    }
}
