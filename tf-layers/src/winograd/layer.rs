//! The layer: what it checks, and how it goes through the image.

use super::transform::{Epilogue, transform_input, transform_output};
use super::{TILE, WIDTHS};
use crate::dense::{clamp, start};
use crate::error::{check_len, require};
use crate::operand::{Start, Weights};
use crate::product::product;
use crate::simd::{Isa, Kernel, Simd};
use crate::window::Axis;
use crate::windows::Windows;
use crate::{Activation, Buffer, Matrix, Result, len};

/// Numbers of a block's scratch memory: what stays in a level-2 cache with the weights streaming by.
const BLOCK: usize = 160 * 1024;

/// A convolution over images `[batch, height, width, channels]`, or of height 1 over sequences, with fewer
/// multiplications than [`Conv2d`](crate::Conv2d): stride and dilation are 1, there is one group of channels, and
/// the kernel is 2 to 5 wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinogradConv2d<'w> {
    /// Six matrices `[kernel_height · in_channels, out_channels]`, as [`Entry::winograd`](crate::Entry::winograd)
    /// packs them.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Channels of x.
    pub in_channels: usize,
    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl WinogradConv2d<'_> {
    /// From x `[batch, height, width, in_channels]` to y `[batch, output_height, output_width, out_channels]`.
    pub fn run(
        &self,
        isa: Isa,
        batch: usize,
        size: [usize; 2],
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let axis = |i: usize| Axis::new(self.kernel_size[i], 1, 1, self.padding[i], size[i]);
        let [mut vertical, horizontal] = [axis(0)?, axis(1)?];
        let [height, width] = self.kernel_size;
        require(WIDTHS.contains(&width), "kernel_size", "be 2 to 5 wide")?;
        require(self.in_channels > 0, "in_channels", "be positive")?;
        let (k, n) = (len(&[height, self.in_channels])?, self.kernel.cols());
        require(self.kernel.groups() == TILE, "kernel", "be six matrices")?;
        require(self.kernel.rows() == k, "kernel", "have kernel_height · in_channels rows")?;
        check_len("x", len(&[batch, size[0], size[1], self.in_channels])?, x.len())?;
        check_len("y", len(&[batch, vertical.output, horizontal.output, n])?, y.len())?;
        start(self.bias, n)?;
        if y.is_empty() {
            return Ok(());
        }
        // Lines that do not mix are lines of one image.
        let mut images = batch;
        if height == 1 && self.padding[0] == [0, 0] {
            images = 1;
            vertical = Axis::dilated(1, 1, len(&[batch, size[0]])?);
        }
        let outputs = TILE + 1 - width;
        let block =
            Block::new(vertical.output, horizontal.output.div_ceil(outputs), height, self.in_channels, n)?;
        let clamp = clamp(self.activation);
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        isa.run(Run {
            kernel: self.kernel,
            axes: [vertical, horizontal],
            channels: self.in_channels,
            images,
            block,
            epilogue: Epilogue { bias: self.bias, low, high },
            x,
            y,
            scratch: scratch.write(block.scratch)?,
        });
        if clamp.is_none() { self.activation.run_in_place(isa, y) } else { Ok(()) }
    }
}

/// The part of an image that is done at once.
#[derive(Clone, Copy)]
struct Block {
    lines: usize,
    tiles: usize,
    /// Numbers of scratch memory: six times the inputs and six times the products of all tiles.
    scratch: usize,
}

impl Block {
    /// For an image of `lines` by `tiles`: all tiles of several lines, or some tiles of a line.
    fn new(lines: usize, tiles: usize, height: usize, channels: usize, n: usize) -> Result<Self> {
        let (room, line) = (BLOCK / TILE, len(&[height, channels])?.max(1) + n);
        let (lines, tiles) = if line.checked_mul(tiles).is_some_and(|all| all <= room) {
            let more = (room / tiles).saturating_sub(line) / (channels + n).max(1);
            (even(lines, 1 + more), tiles)
        } else {
            (1, even(tiles, (room / line).max(1)))
        };
        let input = len(&[TILE, tiles, crate::shape::sum(lines, height - 1)?, channels])?;
        let scratch = crate::shape::sum(input, len(&[TILE, tiles, lines, n])?)?;
        Ok(Self { lines, tiles, scratch })
    }
}

/// The largest part of at most `most` when `all` are parted evenly.
fn even(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most).max(1)).max(1)
}

/// The convolution, its arguments checked.
struct Run<'a> {
    kernel: Matrix<'a>,
    axes: [Axis; 2],
    channels: usize,
    images: usize,
    block: Block,
    epilogue: Epilogue<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let [vertical, horizontal] = self.axes;
        let tiles = horizontal.output.div_ceil(TILE + 1 - horizontal.size);
        for image in 0..self.images {
            for line in (0..vertical.output).step_by(self.block.lines) {
                for tile in (0..tiles).step_by(self.block.tiles) {
                    let part = Part {
                        image,
                        line,
                        lines: self.block.lines.min(vertical.output - line),
                        tile,
                        tiles: self.block.tiles.min(tiles - tile),
                    };
                    match horizontal.size {
                        2 => self.part::<S, 5>(s, part),
                        3 => self.part::<S, 4>(s, part),
                        4 => self.part::<S, 3>(s, part),
                        _ => self.part::<S, 2>(s, part),
                    }
                }
            }
        }
    }
}

/// Some lines of some tiles.
#[derive(Clone, Copy)]
struct Part {
    image: usize,
    line: usize,
    lines: usize,
    tile: usize,
    tiles: usize,
}

impl Run<'_> {
    /// One block, of tiles of `M` output pixels.
    #[inline(always)]
    fn part<S: Simd, const M: usize>(&mut self, s: S, part: Part) {
        let [vertical, horizontal] = self.axes;
        let (channels, n) = (self.channels, self.kernel.cols());
        let line_len = part.tiles * channels;
        let pitch = (part.lines + vertical.size - 1) * line_len;
        let rows = part.lines * part.tiles;
        let (inputs, products) = self.scratch.split_at_mut(TILE * pitch);

        let image = &self.x[part.image * vertical.input * horizontal.input * channels..]
            [..vertical.input * horizontal.input * channels];
        for (i, space) in (0..part.lines + vertical.size - 1).map(|i| (i, i * line_len)) {
            let Some(line) = vertical.position(vertical.origin(part.line), i) else {
                for value in inputs.chunks_exact_mut(pitch) {
                    value[space..space + line_len].fill(0.0);
                }
                continue;
            };
            let line = &image[line * horizontal.input * channels..][..horizontal.input * channels];
            for t in 0..part.tiles {
                let left = horizontal.origin((part.tile + t) * M);
                transform_input(s, line, left, channels, &mut inputs[space + t * channels..], pitch);
            }
        }

        // A pixel's taps in the lines below lie a line further on each: a dilated convolution over a single line.
        let taps = [Axis::dilated(1, 1, 1), Axis::dilated(vertical.size, part.tiles, rows)];
        for value in 0..TILE {
            let weights =
                Weights { panels: self.kernel.group(value), ..Weights::plain(&self.kernel, Start::Zero) };
            let windows = Windows::new(&inputs[value * pitch..][..pitch], taps, channels, 0..channels);
            product(s, windows, rows, weights, &mut products[value * rows * n..][..rows * n]);
        }

        let image = &mut self.y[part.image * vertical.output * horizontal.output * n..];
        for (i, t) in (0..part.lines).flat_map(|i| (0..part.tiles).map(move |t| (i, t))) {
            let column = (part.tile + t) * M;
            let end = (part.line + i + 1) * horizontal.output * n;
            let y = &mut image[((part.line + i) * horizontal.output + column) * n..end];
            transform_output::<S, M>(s, &products[(i * part.tiles + t) * n..], rows * n, n, self.epilogue, y);
        }
    }
}
