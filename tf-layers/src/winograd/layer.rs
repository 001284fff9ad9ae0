//! The layer: what it checks, and how it goes through the image.

use super::transform::{Epilogue, transform_input, transform_output};
use super::{TILE, WIDTHS};
use crate::dense::{self, Plain, clamp, start};
use crate::error::{check_len, require};
use crate::operand::{Start, Weights};
use crate::simd::{Isa, Kernel, Simd};
use crate::window::Axis;
use crate::windows::{self, Windows};
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
        if height == 1 && self.padding[0] == [0, 0] {
            // Lines that do not mix are lines of one image.
            vertical = Axis::dilated(1, 1, len(&[batch, size[0]])?);
        }
        let outputs = TILE + 1 - width;
        let block =
            Block::new(vertical.output, horizontal.output.div_ceil(outputs), height, self.in_channels, n)?;
        let clamp = clamp(self.activation);
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let run = Run {
            isa,
            kernel: self.kernel,
            axes: [vertical, horizontal],
            channels: self.in_channels,
            outputs,
            epilogue: Epilogue { bias: self.bias, low, high },
        };
        let scratch = scratch.write(block.scratch)?;
        let (input, output) = (vertical.input * horizontal.input, vertical.output * horizontal.output);
        for (image, y) in y.chunks_exact_mut(output * n).enumerate() {
            run.image(block, &x[image * input * self.in_channels..][..input * self.in_channels], y, scratch);
        }
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

/// The convolution of an image, its arguments checked.
struct Run<'a> {
    isa: Isa,
    kernel: Matrix<'a>,
    axes: [Axis; 2],
    channels: usize,
    /// Pixels of a tile's result.
    outputs: usize,
    epilogue: Epilogue<'a>,
}

/// Some lines of some tiles.
#[derive(Clone, Copy)]
struct Part {
    line: usize,
    lines: usize,
    tile: usize,
    tiles: usize,
}

impl Run<'_> {
    fn image(&self, block: Block, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        let [vertical, horizontal] = self.axes;
        let tiles = horizontal.output.div_ceil(self.outputs);
        for line in (0..vertical.output).step_by(block.lines) {
            for tile in (0..tiles).step_by(block.tiles) {
                let lines = block.lines.min(vertical.output - line);
                self.part(Part { line, lines, tile, tiles: block.tiles.min(tiles - tile) }, x, y, scratch);
            }
        }
    }

    fn part(&self, part: Part, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        let Self { isa, kernel, axes, channels, outputs, epilogue } = *self;
        let n = kernel.cols();
        // One value of all tiles; a tile's lines lie a line of tiles apart.
        let pitch = (part.lines + axes[0].size - 1) * part.tiles * channels;
        let rows = part.lines * part.tiles;
        let (inputs, products) = scratch.split_at_mut(TILE * pitch);
        isa.run(Inputs { axes, channels, tile: outputs, part, x, pitch, space: inputs });
        for (value, y) in products.chunks_exact_mut(rows * n).take(TILE).enumerate() {
            let weights = Weights { panels: kernel.group(value), ..Weights::plain(&kernel, Start::Zero) };
            let x = &inputs[value * pitch..][..pitch];
            if axes[0].size == 1 {
                isa.run(dense::Run { rows, x: Plain { x, stride: channels }, weights, y });
            } else {
                // A pixel's taps in the lines below lie a line further on each: a dilated convolution over one line.
                let taps = [Axis::dilated(1, 1, 1), Axis::dilated(axes[0].size, part.tiles, rows)];
                let windows = Windows::new(x, taps, channels, 0..channels);
                isa.run(windows::Run { windows, pixels: rows, weights, y });
            }
        }
        isa.run(Outputs {
            axes,
            channels: n,
            tile: outputs,
            part,
            pitch: rows * n,
            space: products,
            epilogue,
            y,
        });
    }
}

/// The transform of the inputs of a part.
struct Inputs<'a> {
    axes: [Axis; 2],
    channels: usize,
    /// Pixels of a tile's result.
    tile: usize,
    part: Part,
    x: &'a [f32],
    pitch: usize,
    space: &'a mut [f32],
}

impl Kernel for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { axes: [vertical, horizontal], channels, tile, part, pitch, space, .. } = self;
        let (line_len, width) = (part.tiles * channels, horizontal.input * channels);
        for (i, at) in (0..part.lines + vertical.size - 1).map(|i| (i, i * line_len)) {
            let Some(line) = vertical.position(vertical.origin(part.line), i) else {
                for value in space.chunks_exact_mut(pitch) {
                    value[at..at + line_len].fill(0.0);
                }
                continue;
            };
            let line = &self.x[line * width..][..width];
            for t in 0..part.tiles {
                let left = horizontal.origin((part.tile + t) * tile);
                transform_input(s, line, left, channels, &mut space[at + t * channels..], pitch);
            }
        }
    }
}

/// The transform of the products of a part.
struct Outputs<'a> {
    axes: [Axis; 2],
    channels: usize,
    /// Pixels of a tile's result.
    tile: usize,
    part: Part,
    pitch: usize,
    space: &'a [f32],
    epilogue: Epilogue<'a>,
    y: &'a mut [f32],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { part, channels, tile, pitch, space, epilogue, .. } = self;
        let line_len = self.axes[1].output * channels;
        for (i, line) in self.y.chunks_exact_mut(line_len).skip(part.line).take(part.lines).enumerate() {
            for t in 0..part.tiles {
                let space = &space[(i * part.tiles + t) * channels..];
                let y = &mut line[(part.tile + t) * tile * channels..];
                transform_output(s, space, pitch, channels, tile, epilogue, y);
            }
        }
    }
}
