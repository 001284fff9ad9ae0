//! The layer: it checks its arguments and splits images into parts.

use super::part::{Inputs, Outputs, Part};
use super::{WIDTHS, tile};
use crate::Context;
use crate::error::{Error, Result, check_bias, require};
use crate::gemm::im2col::Windows;
use crate::gemm::{Gemm, Linear, Matrix, RowMajor};
use crate::nn::Activation;
use crate::parallel::{run_tasks, threads};
use crate::simd::{Isa, PANEL};
use crate::tensor::{Columns, View, ViewMut, len};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// Elements of the scratch memory of a part, which stays in the level-2 cache while the weights stream by.
const SCRATCH: usize = 160 * 1024;

/// A convolution over images `[batch, height, width, channels]` or sequences `[batch, width, channels]`, with fewer
/// multiplications than [`Conv2d`](crate::nn::Conv2d).
///
/// Stride and dilation are 1, there is one group of channels, and the kernel is 2 to 5 wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinogradConv2d<'w> {
    /// Matrices `[kernel_height · in_channels, out_channels]` that [`Entry::winograd`](crate::io::Entry::winograd)
    /// packs: six for kernels up to 3 wide, eight for wider ones.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation<'w>,
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Channels of x.
    pub in_channels: usize,
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl<'w> WinogradConv2d<'w> {
    /// A convolution without padding, bias and activation.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, kernel_size: [usize; 2], in_channels: usize) -> Self {
        let activation = Activation::Linear;
        Self { kernel, bias: None, activation, kernel_size, in_channels, padding: [[0; 2]; 2] }
    }

    /// Computes y `[batch, output_height, output_width, out_channels]` from x `[batch, height, width, in_channels]`, or
    /// both without height. y may accumulate and may be columns of a wider tensor.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, kernel and bias do not match, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (accumulate, from, to) = (y.accumulates(), x.dims(), y.dims());
        self.compute(cx, &from, x.as_slice()?, &to, Columns::of(&mut y), accumulate)?;
        Ok(y.into_view())
    }

    /// Computes `y` with dims `to` from `x` with dims `from`.
    fn compute(
        &self,
        cx: &mut Context<'_>,
        from: &[usize],
        x: &[f32],
        to: &[usize],
        y: Columns<'_>,
        accumulate: bool,
    ) -> Result<()> {
        let (batch, size, channels) = channels_last(from)?;
        let axes = window_axes(self.kernel_size, [1, 1], [1, 1], self.padding, size)?;
        require(channels == self.in_channels, "x", "have the channels that the layer takes")?;
        check_output(to, batch, axes, self.kernel.cols())?;
        let [mut vertical, horizontal] = axes;
        let isa = cx.isa;
        let [height, width] = self.kernel_size;
        require(WIDTHS.contains(&width), "kernel_size", "be 2 to 5 wide")?;
        require(self.in_channels > 0, "in_channels", "be positive")?;
        let (k, n) = (len(&[height, self.in_channels])?, self.kernel.cols());
        let tile = tile(width);
        require(self.kernel.groups() == tile, "kernel", "be six matrices, or eight from a width of 4 on")?;
        require(self.kernel.rows() == k, "kernel", "have kernel_height · in_channels rows")?;
        let pixels = len(&[batch, vertical.output, horizontal.output])?;
        y.check(pixels, n)?;
        check_bias(self.bias, n)?;
        self.activation.check(n)?;
        if pixels == 0 || n == 0 {
            return Ok(());
        }
        if height == 1 && self.padding[0] == [0, 0] {
            // The lines are independent, so all images are one image.
            vertical = Axis::dilated(1, 1, len(&[batch, size[0]])?);
        }
        let outputs = tile + 1 - width;
        let tiles = [vertical.output, horizontal.output.div_ceil(outputs)];
        // A tile has `tile` products of depth k for `outputs` outputs.
        let threads = threads(len(&[pixels, n])?.saturating_mul(k).saturating_mul(tile) / outputs);
        let images = pixels / (vertical.output * horizontal.output);
        let most = (images * vertical.output).div_ceil(threads);
        let part_size = PartSize::new(tile, tiles, most, height, self.in_channels, n)?;
        let (rectifier, rest) = self.activation.split();
        let image = Winograd {
            isa,
            kernel: self.kernel,
            axes: [vertical, horizontal],
            channels: self.in_channels,
            part_size,
            tile,
            outputs,
            epilogue: Linear { bias: self.bias, accumulate, rectifier },
            stride: y.of,
        };
        let parts = images * image.parts();
        let scratch = cx.scratch.write(len(&[threads.min(parts), part_size.scratch])?)?;
        let offset = |part| image.offset(part);
        run_tasks(parts, threads, offset, &mut *y.y, scratch, |parts, y, scratch| {
            let first = offset(parts.start);
            for part in parts {
                // y ends with the last result, even if that is part of a wider row.
                let end = (offset(part + 1) - first).min(y.len());
                image.run(part, x, &mut y[offset(part) - first..end], scratch);
            }
        });
        if let Some(rest) = rest {
            y.activate(isa, rest, n);
        }
        Ok(())
    }
}

/// The size of the parts of an image.
#[derive(Clone, Copy)]
struct PartSize {
    lines: usize,
    tiles: usize,
    /// Elements of scratch memory: the values and the products of all tiles.
    scratch: usize,
}

impl PartSize {
    /// Splits an image of `lines` by `tiles` into parts of at most `most` lines or, if a line is too long, some tiles
    /// of a line.
    fn new(
        values: usize,
        [lines, tiles]: [usize; 2],
        most: usize,
        height: usize,
        channels: usize,
        n: usize,
    ) -> Result<Self> {
        let (room, line) = (SCRATCH / values, len(&[height, channels])?.max(1) + n);
        let (lines, tiles) = if line.checked_mul(tiles).is_some_and(|all| all <= room) {
            let more = (room / tiles).saturating_sub(line) / (channels + n).max(1);
            (even(lines, most.min(1 + more)), tiles)
        } else {
            (1, even(tiles, (room / line).max(1)))
        };
        let input = len(&[values, tiles, crate::tensor::add(lines, height - 1)?, channels])?;
        let scratch = crate::tensor::add(input, len(&[values, tiles, lines, n])?)?;
        // The scratch memory of every thread has the same alignment.
        let scratch = scratch.checked_next_multiple_of(PANEL).ok_or(Error::Overflow)?;
        Ok(Self { lines, tiles, scratch })
    }
}

/// The largest part of `all` that is split evenly into as few parts of at most `most` as possible.
fn even(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most).max(1)).max(1)
}

/// A convolution with checked arguments.
struct Winograd<'a> {
    isa: Isa,
    kernel: Matrix<'a>,
    axes: [Axis; 2],
    channels: usize,
    part_size: PartSize,
    /// Input pixels of a tile.
    tile: usize,
    /// Output pixels of a tile.
    outputs: usize,
    epilogue: Linear<'a>,
    /// Elements from one pixel of y to the next.
    stride: usize,
}

impl Winograd<'_> {
    /// The number of parts of a line. 1 if a part has whole lines.
    fn line_parts(&self) -> usize {
        self.axes[1].output.div_ceil(self.outputs).div_ceil(self.part_size.tiles)
    }

    /// The number of parts of an image.
    fn parts(&self) -> usize {
        self.axes[0].output.div_ceil(self.part_size.lines) * self.line_parts()
    }

    /// The image of a part, whose index counts the parts of all images, and the part within the image.
    fn locate(&self, part: usize) -> (usize, Part) {
        let ([vertical, horizontal], PartSize { lines, tiles, .. }) = (self.axes, self.part_size);
        let (image, part) = (part / self.parts(), part % self.parts());
        let (line, tile) = (part / self.line_parts() * lines, part % self.line_parts() * tiles);
        let (lines, all) = (lines.min(vertical.output - line), horizontal.output.div_ceil(self.outputs));
        (image, Part { line, lines, tile, tiles: tiles.min(all - tile) })
    }

    /// The offset in y of the first pixel of a part.
    fn offset(&self, part: usize) -> usize {
        let [vertical, horizontal] = self.axes;
        let (image, part) = self.locate(part);
        let line = image * vertical.output + part.line;
        (line * horizontal.output + part.tile * self.outputs) * self.stride
    }

    /// Computes a part.
    fn run(&self, part: usize, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        let (image, part) = self.locate(part);
        let [vertical, horizontal] = self.axes;
        let image_len = vertical.input * horizontal.input * self.channels;
        let x = &x[image * image_len..][..image_len];
        let Self { isa, kernel, axes, channels, tile, outputs, epilogue, stride, .. } = *self;
        let n = kernel.cols();
        // The elements of one value of all tiles. A line of the image is a line of tiles.
        let pitch = (part.lines + axes[0].size - 1) * part.tiles * channels;
        let rows = part.lines * part.tiles;
        let (inputs, products) = scratch.split_at_mut(tile * pitch);
        isa.run(Inputs { axes, channels, tile, made: outputs, part, x, pitch, values: inputs });
        for (value, y) in products.chunks_exact_mut(rows * n).take(tile).enumerate() {
            let gemm = Gemm::from_matrix(&kernel, value);
            let x = &inputs[value * pitch..][..pitch];
            if axes[0].size == 1 {
                gemm.run(isa, rows, RowMajor { data: x, stride: channels }, y);
            } else {
                // The vertical taps are a line of tiles apart, so this is a dilated convolution over a single line.
                let taps = [Axis::dilated(1, 1, 1), Axis::dilated(axes[0].size, part.tiles, rows)];
                let windows = Windows::new(x, taps, channels, 0..channels);
                gemm.run(isa, rows, windows, y);
            }
        }
        isa.run(Outputs {
            axes,
            channels: n,
            tile,
            made: outputs,
            part,
            pitch: rows * n,
            products,
            epilogue,
            stride,
            y,
        });
    }
}
