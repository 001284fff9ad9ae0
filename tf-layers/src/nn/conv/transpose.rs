//! Transposed convolutions, channels last.

use crate::error::{Error, Result, check_bias, check_len, require};
use crate::gemm::{Gemm, Matrix, RowMajor};
use crate::nn::Activation;
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{Buffer, len};

/// A transposed convolution over volumes `[batch, depth, height, width, channels]`; images have depth 1, sequences
/// height 1 too. Every input pixel adds its multiple of the kernel to the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvTranspose<'w> {
    /// Per group `[in_channels / groups, kernel_depth · kernel_height · kernel_width · out_channels / groups]`.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Depth, height and width of the kernel.
    pub kernel_size: [usize; 3],
    /// How far apart the kernels of neighbouring inputs are.
    pub stride: [usize; 3],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 3],
    /// Groups of channels that do not mix; both channel counts are multiples.
    pub groups: usize,
    /// Channels of x.
    pub in_channels: usize,
    /// How much of the result is cut off in front, along each axis.
    pub padding: [usize; 3],
}

/// Products that are in memory at once, about.
const BLOCK: usize = 1 << 15;

impl ConvTranspose<'_> {
    /// From x `[batch, …size, in_channels]` to y `[batch, …output, out_channels]`.
    pub fn run(
        &self,
        isa: Isa,
        batch: usize,
        size: [usize; 3],
        output: [usize; 3],
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let (groups, channels) = (self.groups, self.in_channels);
        require(groups > 0 && channels.is_multiple_of(groups), "in_channels", "be a multiple of the groups")?;
        let taps = len(&self.kernel_size)?;
        let (k, columns) = (channels / groups, self.kernel.cols());
        require(taps > 0 && columns.is_multiple_of(taps), "kernel", "have a column for each tap and output")?;
        require(self.kernel.groups() == groups, "kernel", "have one matrix for each group")?;
        require(self.kernel.rows() == k, "kernel", "have in_channels / groups rows")?;
        let outputs = columns / taps;
        let out_channels = len(&[groups, outputs])?;
        let pixels = len(&size)?;
        check_len("x", len(&[batch, pixels, channels])?, x.len())?;
        let out_pixels = len(&output)?;
        check_len("y", len(&[batch, out_pixels, out_channels])?, y.len())?;
        check_bias(self.bias, out_channels)?;
        for axis in 0..3 {
            // The last position that any tap reaches must be a number.
            let last = size[axis].checked_mul(self.stride[axis]);
            let reach = self.kernel_size[axis].checked_mul(self.dilation[axis]);
            let end = last.zip(reach).and_then(|(a, b)| a.checked_add(b)).ok_or(Error::Overflow)?;
            if end > isize::MAX as usize {
                return Err(Error::Overflow);
            }
        }
        let rows = (BLOCK / columns.max(1)).clamp(1, pixels.max(1));
        let products = scratch.write(len(&[rows, columns])?)?;
        for y in y.chunks_exact_mut(out_channels.max(1)) {
            match self.bias {
                Some(bias) => y.copy_from_slice(bias),
                None => y.fill(0.0),
            }
        }
        if x.is_empty() || y.is_empty() {
            return self.activation.run_in_place(isa, y);
        }
        let samples = x.chunks_exact(pixels * channels).zip(y.chunks_exact_mut(out_pixels * out_channels));
        for (x, y) in samples {
            for group in 0..groups {
                for first in (0..pixels).step_by(rows) {
                    let rows = rows.min(pixels - first);
                    let products = &mut products[..rows * columns];
                    let x = RowMajor { data: &x[first * channels + group * k..], stride: channels };
                    Gemm::of(&self.kernel, group).run_parallel(isa, rows, x, products);
                    let place = [out_channels, group * outputs, outputs];
                    isa.run(Scatter { layer: self, size, output, first, place, products, y });
                }
            }
        }
        self.activation.run_in_place(isa, y)
    }
}

/// Adds what some of the pixels contribute to where it belongs.
struct Scatter<'a> {
    layer: &'a ConvTranspose<'a>,
    size: [usize; 3],
    output: [usize; 3],
    /// The first pixel.
    first: usize,
    /// The output's channels, the first of the group's, and how many these are.
    place: [usize; 3],
    products: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [channels, first, count] = self.place;
        let ConvTranspose { kernel_size, .. } = *self.layer;
        let taps = kernel_size[0] * kernel_size[1] * kernel_size[2];
        for (i, products) in self.products.chunks_exact(taps * count).enumerate() {
            let pixel = self.first + i;
            let [_, height, width] = self.size;
            let at = [pixel / (height * width), pixel / width % height, pixel % width];
            for (tap, product) in products.chunks_exact(count).enumerate() {
                let [_, height, width] = kernel_size;
                let tap = [tap / (height * width), tap / width % height, tap % width];
                if let Some(pixel) = self.target(at, tap) {
                    add(s, product, &mut self.y[pixel * channels + first..][..count]);
                }
            }
        }
    }
}

impl Scatter<'_> {
    /// The output pixel that a tap of an input pixel adds to; `None` if it is cut off.
    #[inline(always)]
    fn target(&self, at: [usize; 3], tap: [usize; 3]) -> Option<usize> {
        let ConvTranspose { stride, dilation, padding, .. } = *self.layer;
        let mut pixel = 0;
        for axis in 0..3 {
            let place = (at[axis] * stride[axis] + tap[axis] * dilation[axis]).wrapping_sub(padding[axis]);
            if place >= self.output[axis] {
                return None;
            }
            pixel = pixel * self.output[axis] + place;
        }
        Some(pixel)
    }
}

/// y += x
#[inline(always)]
fn add<S: Simd>(s: S, x: &[f32], y: &mut [f32]) {
    let whole = x.len() - x.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        s.store(s.add(s.load(&x[at..]), s.load(&y[at..])), &mut y[at..]);
    }
    for (y, x) in y[whole..].iter_mut().zip(&x[whole..]) {
        *y += x;
    }
}
