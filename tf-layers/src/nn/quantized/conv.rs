//! Convolutions over images and sequences, channels last.

use super::product::{BytesEpilogue, Operand, Product};
use super::{Byte, Requantization, row_sums};
use crate::Context;
use crate::checked::{part_mut, split_mut};
use crate::error::{Result, require};
use crate::gemm::{Matrix, RowMajor, ZeroPoints};
use crate::simd::{BLOCK_ROWS, Isa, MAX_SEGMENT, TILE_BYTES, bytes_mut, ints_mut};
use crate::tensor::{Columns, View, ViewMut, add, check_dims, len};
use crate::window::{Axis, Padded, window_axes};

/// A convolution over quantized images `[batch, height, width, channels]`. The padding is the zero point of x.
///
/// ```
/// use tf_layers::nn::{QuantizedConv2d, Requantization};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // A pixel plus twice its right neighbour; the zero point of x is 10. The matrix has 2 rows and 1 column, padded to 4
/// // and 16.
/// let mut kernel = [0; 64];
/// (kernel[0], kernel[1]) = (1, 2);
/// let layer = QuantizedConv2d {
///     x_zero_point: 10,
///     padding: [[0, 0], [0, 1]],
///     ..QuantizedConv2d::new(
///         Matrix::new(&kernel, 1, 2, 1)?,
///         &[-10 * (1 + 2)],
///         Requantization::new::<u8>(&[1.0], 0),
///         [1, 2],
///         1,
///     )
/// };
/// let x = View::new(&[11_u8, 12, 13, 14], [1, 2, 2, 1])?;
/// let mut y = [0_u8; 4];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [5, 2, 11, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedConv2d<'w> {
    /// Per group `[kernel_height · kernel_width · in_channels / groups, out_channels / groups]`.
    pub kernel: Matrix<'w, i8>,
    /// `[out_channels]`: what is subtracted from the weights of a channel, within 16 bits. `None` stands for zeros, as a layer
    /// with several groups must have.
    pub kernel_zero_points: Option<&'w [i32]>,
    /// `[out_channels]`: the bias minus the zero point of x times the sums of the weights. See the [module](crate::nn).
    pub bias: &'w [i32],
    /// From sums to y.
    pub requantization: Requantization<'w>,
    /// The zero point of x, and therefore the padding.
    pub x_zero_point: i32,
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
    /// The padding of the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

/// A convolution over quantized sequences `[batch, width, channels]`. The padding is the zero point of x.
///
/// ```
/// use tf_layers::nn::{QuantizedConv1d, Requantization};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Every second step plus twice the next one. The matrix has 2 rows and 1 column, padded to 4 and 16.
/// let mut kernel = [0; 64];
/// (kernel[0], kernel[1]) = (1, 2);
/// let requantization = Requantization::new::<i8>(&[0.5], -3);
/// // An `i8` is multiplied as an unsigned byte, plus 128.
/// let bias = [-128 * (1 + 2)];
/// let kernel = Matrix::new(&kernel, 1, 2, 1)?;
/// let layer = QuantizedConv1d { stride: 2, ..QuantizedConv1d::new(kernel, &bias, requantization, 2, 1) };
/// let x = View::new(&[1_i8, 2, -3, 1], [1, 4, 1])?;
/// let mut y = [0_i8; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// // 5/2 rounds to 2, and −1/2 to 0.
/// assert_eq!(y.as_slice()?, [-1, -3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedConv1d<'w> {
    /// Per group `[kernel_size · in_channels / groups, out_channels / groups]`.
    pub kernel: Matrix<'w, i8>,
    /// `[out_channels]`: what is subtracted from the weights of a channel, within 16 bits. `None` stands for zeros, as a layer
    /// with several groups must have.
    pub kernel_zero_points: Option<&'w [i32]>,
    /// `[out_channels]`: the bias minus the zero point of x times the sums of the weights. See the [module](crate::nn).
    pub bias: &'w [i32],
    /// From sums to y.
    pub requantization: Requantization<'w>,
    /// The zero point of x, and therefore the padding.
    pub x_zero_point: i32,
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
    /// The padding before and after the sequence.
    pub padding: [usize; 2],
}

impl<'w> QuantizedConv1d<'w> {
    /// A convolution with stride and dilation 1, without padding, of x with zero point 0. It has as many groups as the kernel.
    #[must_use]
    pub const fn new(
        kernel: Matrix<'w, i8>,
        bias: &'w [i32],
        requantization: Requantization<'w>,
        kernel_size: usize,
        in_channels: usize,
    ) -> Self {
        Self {
            kernel,
            kernel_zero_points: None,
            bias,
            requantization,
            x_zero_point: 0,
            kernel_size,
            stride: 1,
            dilation: 1,
            groups: kernel.groups(),
            in_channels,
            padding: [0; 2],
        }
    }

    fn as_2d(&self) -> QuantizedConv2d<'w> {
        QuantizedConv2d {
            kernel: self.kernel,
            kernel_zero_points: self.kernel_zero_points,
            bias: self.bias,
            requantization: self.requantization,
            x_zero_point: self.x_zero_point,
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

    /// Computes y `[batch, output_width, out_channels]` from x `[batch, width, in_channels]`. y may be columns of a wider
    /// tensor.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, the dims of x, y, kernel, bias and multipliers do not match, or the requantization does
    /// not suit the type of y.
    pub fn run<'y, X: Byte, Y: Byte>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, 3>,
        mut y: ViewMut<'y, Y, 3>,
    ) -> Result<View<'y, Y, 3>> {
        y.check_overwritten()?;
        let layer = self.as_2d();
        let ([batch, width, channels], [outputs, length, _]) = (x.dims(), y.dims());
        let (from, to) = ([batch, 1, width, channels], [outputs, 1, length]);
        let images = layer.images::<X>(cx, from, X::bits(x.as_slice()?), to)?;
        let (zero_points, n) = (layer.zero_points(&images)?, layer.out_channels()?);
        let epilogue = self.requantization.epilogue::<Y>(self.bias, zero_points, n)?;
        layer.multiply(&images, Columns::bits(&mut y), epilogue)?;
        Ok(y.into_view())
    }

    /// As [`run`](Self::run), with results clamp((x ∗ kernel + bias)·multipliers + `bias`) in `f32`. `bounds` are the least
    /// and the greatest result. Of the requantization, it uses the multipliers only: x's scale times those of the weights.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel, biases and multipliers do not match.
    pub fn run_f32<'y, X: Byte>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, 3>,
        bias: Option<&[f32]>,
        bounds: [f32; 2],
        mut y: ViewMut<'y, f32, 3>,
    ) -> Result<View<'y, f32, 3>> {
        y.check_overwritten()?;
        let layer = self.as_2d();
        let ([batch, width, channels], [outputs, length, _]) = (x.dims(), y.dims());
        let (from, to) = ([batch, 1, width, channels], [outputs, 1, length]);
        let images = layer.images::<X>(cx, from, X::bits(x.as_slice()?), to)?;
        let (zero_points, n) = (layer.zero_points(&images)?, layer.out_channels()?);
        let epilogue = self.requantization.float_epilogue(self.bias, zero_points, bias, bounds, n)?;
        layer.multiply(&images, Columns::of(&mut y), epilogue)?;
        Ok(y.into_view())
    }
}

impl<'w> QuantizedConv2d<'w> {
    /// A convolution with stride and dilation 1, without padding, of x with zero point 0. It has as many groups as the kernel.
    #[must_use]
    pub const fn new(
        kernel: Matrix<'w, i8>,
        bias: &'w [i32],
        requantization: Requantization<'w>,
        kernel_size: [usize; 2],
        in_channels: usize,
    ) -> Self {
        Self {
            kernel,
            kernel_zero_points: None,
            bias,
            requantization,
            x_zero_point: 0,
            kernel_size,
            stride: [1; 2],
            dilation: [1; 2],
            groups: kernel.groups(),
            in_channels,
            padding: [[0; 2]; 2],
        }
    }

    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.kernel_size, self.stride, self.dilation, self.padding, size)
    }

    fn out_channels(&self) -> Result<usize> {
        len(&[self.groups, self.kernel.cols()])
    }

    /// Whether the windows are the rows of a matrix: every one is a pixel.
    fn is_pointwise(&self) -> bool {
        let plain = self.kernel_size == [1, 1] && self.stride == [1, 1] && self.padding == [[0, 0], [0, 0]];
        plain && self.groups == 1
    }

    /// The height and width of the output for an image of `[height, width]`. 0 if the image is smaller than the kernel.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// Computes y `[batch, output_height, output_width, out_channels]` from x `[batch, height, width, in_channels]`. y may
    /// be columns of a wider tensor.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, the dims of x, y, kernel, bias and multipliers do not match, or the requantization does
    /// not suit the type of y.
    pub fn run<'y, X: Byte, Y: Byte>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, 4>,
        mut y: ViewMut<'y, Y, 4>,
    ) -> Result<View<'y, Y, 4>> {
        y.check_overwritten()?;
        let [outputs, height, width, _] = y.dims();
        let images = self.images::<X>(cx, x.dims(), X::bits(x.as_slice()?), [outputs, height, width])?;
        let (zero_points, n) = (self.zero_points(&images)?, self.out_channels()?);
        let epilogue = self.requantization.epilogue::<Y>(self.bias, zero_points, n)?;
        self.multiply(&images, Columns::bits(&mut y), epilogue)?;
        Ok(y.into_view())
    }

    /// As [`run`](Self::run), with results clamp((x ∗ kernel + bias)·multipliers + `bias`) in `f32`. `bounds` are the least
    /// and the greatest result. Of the requantization, it uses the multipliers only: x's scale times those of the weights.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel, biases and multipliers do not match.
    pub fn run_f32<'y, X: Byte>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, 4>,
        bias: Option<&[f32]>,
        bounds: [f32; 2],
        mut y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        y.check_overwritten()?;
        let [outputs, height, width, _] = y.dims();
        let images = self.images::<X>(cx, x.dims(), X::bits(x.as_slice()?), [outputs, height, width])?;
        let (zero_points, n) = (self.zero_points(&images)?, self.out_channels()?);
        let epilogue = self.requantization.float_epilogue(self.bias, zero_points, bias, bounds, n)?;
        self.multiply(&images, Columns::of(&mut y), epilogue)?;
        Ok(y.into_view())
    }

    /// Checks the arguments, and reads the bits of x with dims `from`. `to` are the dims of y without the channels.
    fn images<'a, X: Byte>(
        &self,
        cx: &'a mut Context<'_>,
        from: [usize; 4],
        x: &'a [u8],
        to: [usize; 3],
    ) -> Result<Images<'a>> {
        let [batch, height, width, in_channels] = from;
        let axes = self.axes([height, width])?;
        require(in_channels == self.in_channels, "x", "have the channels that the layer takes")?;
        check_dims(&[batch, axes[0].output, axes[1].output], &to)?;
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let k = len(&[self.kernel_size[0], self.kernel_size[1], channels / groups])?;
        require(self.kernel.groups() == groups, "kernel", "have one matrix for each group")?;
        require(self.kernel.rows() == k, "kernel", "have kernel_size · in_channels / groups rows")?;
        let zero = X::zero_point(self.x_zero_point)?;
        let pixels = len(&[batch, axes[0].output, axes[1].output])?;
        let (isa, flip) = (cx.isa, X::FLIP);
        let pointwise = self.is_pointwise();
        let mut images = Images { isa, x, axes, channels, pointwise, zero, flip, pixels, row_sums: &[] };
        let padded = Padded { batch, axes, channels };
        // The elements of scratch memory for the sums of windows, for those of pixels, and for a copy of the images.
        let [mut sums, mut inputs, mut copy] = [0; 3];
        if self.kernel_zero_points.is_some() {
            require(groups == 1, "kernel_zero_points", "be absent if there are groups")?;
            (sums, inputs) = (pixels, if pointwise { 0 } else { len(&[batch, height, width])? });
        }
        // Tile registers read windows in place if the image has no padding and its bytes are unsigned.
        let neighbours = self.stride == [1; 2] && (channels / groups).is_multiple_of(TILE_BYTES);
        let in_place = pointwise || (flip == 0 && self.padding == [[0; 2]; 2]);
        if isa.tiles().is_some() && neighbours && pixels >= BLOCK_ROWS && !in_place {
            copy = padded.len()?.div_ceil(size_of::<f32>());
        }
        let (sums, rest) = split_mut(cx.scratch.write(add(add(sums, inputs)?, copy)?)?, sums);
        let (inputs, copy) = split_mut(rest, inputs);
        if !sums.is_empty() {
            images.row_sums = images.sum_windows(ints_mut(inputs), ints_mut(sums));
        }
        if !copy.is_empty() {
            let copy = part_mut(bytes_mut(copy), ..padded.len()?);
            padded.write(x, zero ^ flip, copy, |x, y| {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = x ^ X::FLIP;
                }
            });
            (images.x, images.axes, images.flip) = (copy, axes.map(Axis::padded), 0);
        }
        Ok(images)
    }

    /// The zero points of the kernel, if there are any.
    fn zero_points<'a>(&self, images: &Images<'a>) -> Result<Option<ZeroPoints<'a>>>
    where
        'w: 'a,
    {
        let zero_points = |columns| row_sums::zero_points(columns, images.row_sums, self.kernel.cols());
        self.kernel_zero_points.map(zero_points).transpose()
    }

    /// Computes `y`.
    fn multiply<E: BytesEpilogue>(
        &self,
        images: &Images<'_>,
        mut y: Columns<'_, E::Output>,
        epilogue: E,
    ) -> Result<()> {
        let Images { isa, x, axes, channels, pointwise, zero, flip, pixels, .. } = *images;
        let (groups, n) = (self.groups, self.kernel.cols());
        let out_channels = self.out_channels()?;
        y.check(pixels, out_channels)?;
        if pixels == 0 || out_channels == 0 {
            return Ok(());
        }
        let (k, depth) = (self.kernel.rows(), channels / groups);
        let padding = &[zero; MAX_SEGMENT];
        for group in 0..groups {
            let first = group * n;
            let epilogue = epilogue.columns(first..first + n);
            let a = if pointwise {
                Operand::Matrix(RowMajor { data: x, stride: k })
            } else {
                Operand::Windows { x, axes, channels, group: group * depth..(group + 1) * depth, padding }
            };
            let (b, ldc) = (self.kernel.group(group), y.of);
            E::multiply(Product { isa, m: pixels, k, n, a, flip, b, epilogue, c: y.from(first), ldc });
        }
        Ok(())
    }
}

/// The images of a call.
struct Images<'a> {
    isa: Isa,
    x: &'a [u8],
    axes: [Axis; 2],
    channels: usize,
    /// Whether the windows are the rows of a matrix.
    pointwise: bool,
    /// The bits of the padding.
    zero: u8,
    /// The bits to flip.
    flip: u8,
    /// The number of windows.
    pixels: usize,
    /// The sums of the windows, if the kernel has zero points.
    row_sums: &'a [i32],
}

impl Images<'_> {
    /// The sums of all windows. `inputs` is memory for a sum for each pixel of the images.
    fn sum_windows<'s>(&self, inputs: &mut [i32], sums: &'s mut [i32]) -> &'s [i32] {
        let Self { isa, x, axes, channels, zero, flip, .. } = *self;
        if self.pointwise {
            row_sums::of_matrix(isa, x, channels, flip, sums);
        } else {
            row_sums::of_matrix(isa, x, channels, flip, inputs);
            let padding = i32::from(zero ^ flip).wrapping_mul(channels as i32);
            row_sums::of_windows(inputs, axes, padding, sums);
        }
        sums
    }
}
