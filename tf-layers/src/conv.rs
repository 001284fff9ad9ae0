//! Convolutions, channels last.

use crate::dense::{clamp, start};
use crate::error::{check_len, require};
use core::ops::Range;

use crate::product::{MAX_RANGE, Rows, Weights, product};
use crate::simd::{Isa, Kernel, Simd};
use crate::window::Axis;
use crate::{Activation, Matrix, Result, len};

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
}

impl Conv2d<'_> {
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

    /// From x `[batch, height, width, in_channels]` to y `[batch, output_height, output_width, out_channels]`.
    pub fn run(&self, isa: Isa, batch: usize, size: [usize; 2], x: &[f32], y: &mut [f32]) -> Result<()> {
        let axes = self.axes(size)?;
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let k = len(&[self.kernel_size[0], self.kernel_size[1], channels / groups])?;
        require(self.kernel.groups() == groups, "kernel", "have one matrix for each group")?;
        require(self.kernel.rows() == k, "kernel", "have kernel_size · in_channels / groups rows")?;
        let n = self.kernel.cols();
        let out_channels = len(&[groups, n])?;
        check_len("x", len(&[batch, size[0], size[1], channels])?, x.len())?;
        let pixels = len(&[batch, axes[0].output, axes[1].output])?;
        check_len("y", len(&[pixels, out_channels])?, y.len())?;
        start(self.bias, out_channels)?;
        if y.is_empty() {
            return Ok(());
        }
        let clamp = clamp(self.activation);
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        for group in 0..groups {
            let first = group * n;
            let start = start(self.bias.map(|bias| &bias[first..first + n]), n)?;
            let panels = self.kernel.group(group);
            let weights = Weights { panels, k, n, start, low, high, stride: out_channels };
            let windows =
                Windows { x, axes, channels, first: group * (channels / groups), depth: channels / groups };
            isa.run(Run { windows, pixels, weights, y: &mut y[first..] });
        }
        if clamp.is_none() { self.activation.run_in_place(isa, y) } else { Ok(()) }
    }
}

struct Run<'a, 'y> {
    windows: Windows<'a>,
    pixels: usize,
    weights: Weights<'a>,
    y: &'y mut [f32],
}

impl Kernel for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        product(s, self.windows, self.pixels, self.weights, self.y);
    }
}

/// What taps in the padding read.
static ZEROS: [f32; MAX_RANGE] = [0.0; MAX_RANGE];

/// The windows of all output pixels as the rows of a matrix, which is never written down.
#[derive(Clone, Copy)]
struct Windows<'a> {
    x: &'a [f32],
    axes: [Axis; 2],
    channels: usize,
    /// The first channel of the group, and how many it has.
    first: usize,
    depth: usize,
}

/// The windows of `M` consecutive output pixels.
#[derive(Clone, Copy)]
struct Tile<'a, const M: usize> {
    /// For each the image, and where the window begins in it.
    windows: [(&'a [f32], isize, isize); M],
    /// Whether each row of a window is one piece of memory.
    whole: bool,
}

impl<'a> Rows<'a> for Windows<'a> {
    type Tile<const M: usize> = Tile<'a, M>;

    #[inline(always)]
    fn tile<const M: usize>(self, row: usize) -> Tile<'a, M> {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (line, mut column) = (row / horizontal.output, row % horizontal.output);
        let (mut sample, mut line) = (line / vertical.output, line % vertical.output);
        let mut windows = [(self.x, 0, 0); M];
        let mut whole = horizontal.dilation == 1 && self.depth == self.channels;
        for window in &mut windows {
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            whole &=
                vertical.taps(top) == (0..vertical.size) && horizontal.taps(left) == (0..horizontal.size);
            *window = (&self.x[sample * image..][..image], top, left);
            column += 1;
            if column == horizontal.output {
                (column, line) = (0, line + 1);
                if line == vertical.output {
                    (line, sample) = (0, sample + 1);
                }
            }
        }
        Tile { windows, whole }
    }

    #[inline(always)]
    fn pieces<const M: usize>(self, tile: Tile<'a, M>, range: Range<usize>) -> Range<usize> {
        let len = self.piece_len(tile.whole);
        // Divisions are slow, and whole windows of few numbers are asked for whole.
        let first = if range.start == 0 { 0 } else { range.start / len };
        first..range.end.div_ceil(len)
    }

    #[inline(always)]
    fn piece<const M: usize>(
        self,
        tile: Tile<'a, M>,
        piece: usize,
        range: Range<usize>,
    ) -> Option<(usize, [&'a [f32]; M])> {
        let [vertical, horizontal] = self.axes;
        let len = self.piece_len(tile.whole);
        // The numbers of the piece, and what of them is asked for.
        let start = piece * len;
        let from = range.start.saturating_sub(start);
        let len = len.min(range.end - start) - from;
        let mut slices = [&self.x[..0]; M];
        if tile.whole {
            for (slice, &(image, top, left)) in slices.iter_mut().zip(&tile.windows) {
                let line = top as usize + piece * vertical.dilation;
                let pixel = line * horizontal.input + left as usize;
                *slice = &image[pixel * self.channels + from..][..len];
            }
            return Some((start + from, slices));
        }
        let (tap_y, tap_x) = (piece / horizontal.size, piece % horizontal.size);
        let mut any = false;
        for (slice, &(image, top, left)) in slices.iter_mut().zip(&tile.windows) {
            *slice = match (vertical.position(top, tap_y), horizontal.position(left, tap_x)) {
                (Some(line), Some(column)) => {
                    any = true;
                    let pixel = line * horizontal.input + column;
                    &image[pixel * self.channels + self.first + from..][..len]
                }
                _ => &ZEROS[..len],
            };
        }
        any.then_some((start + from, slices))
    }
}

impl Windows<'_> {
    /// The numbers in a piece: a line of the window where that is one stretch of memory, else a tap.
    #[inline(always)]
    fn piece_len(&self, whole: bool) -> usize {
        if whole { self.axes[1].size * self.depth } else { self.depth }
    }
}
