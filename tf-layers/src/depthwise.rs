//! Depthwise convolutions: every channel by itself.

use crate::dense::start;
use crate::error::{check_len, require};
use crate::simd::{Isa, Kernel, Simd};
use crate::window::Axis;
use crate::{Activation, Result, len};

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
        start(self.bias, outputs)?;
        check_len("x", len(&[batch, size[0], size[1], self.channels])?, x.len())?;
        check_len("y", len(&[batch, axes[0].output, axes[1].output, outputs])?, y.len())?;
        if y.is_empty() {
            return Ok(());
        }
        isa.run(Run { layer: self, batch, axes, outputs, x, y });
        if self.activation == Activation::Linear { Ok(()) } else { self.activation.run_in_place(isa, y) }
    }
}

struct Run<'a> {
    layer: &'a DepthwiseConv2d<'a>,
    batch: usize,
    axes: [Axis; 2],
    outputs: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [vertical, horizontal] = self.axes;
        let channels = self.layer.channels;
        let image = vertical.input * horizontal.input * channels;
        let mut pixels = self.y.chunks_exact_mut(self.outputs);
        for sample in 0..self.batch {
            let x = &self.x[sample * image..][..image];
            for line in 0..vertical.output {
                let top = vertical.origin(line);
                for (column, y) in (0..horizontal.output).zip(&mut pixels) {
                    let left = horizontal.origin(column);
                    match self.layer.bias {
                        Some(bias) => y.copy_from_slice(bias),
                        None => y.fill(0.0),
                    }
                    for tap_y in vertical.taps(top) {
                        for tap_x in horizontal.taps(left) {
                            let at_y = (top + (tap_y * vertical.dilation) as isize) as usize;
                            let at_x = (left + (tap_x * horizontal.dilation) as isize) as usize;
                            let x = &x[(at_y * horizontal.input + at_x) * channels..][..channels];
                            let tap = tap_y * horizontal.size + tap_x;
                            let kernel = &self.layer.kernel[tap * self.outputs..][..self.outputs];
                            if self.layer.multiplier == 1 {
                                add_product(s, x, kernel, y);
                            } else {
                                add_multiplied(x, kernel, y, self.layer.multiplier);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// y += x·w, element by element.
#[inline(always)]
fn add_product<S: Simd>(s: S, x: &[f32], w: &[f32], y: &mut [f32]) {
    let whole = y.len() - y.len() % S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        let sum = s.fma(s.load(&x[i..]), s.load(&w[i..]), s.load(&y[i..]));
        s.store(sum, &mut y[i..]);
    }
    let (x, w, y) = (&x[whole..], &w[whole..], &mut y[whole..]);
    let sum = s.fma(s.load_partial(x, 0.0), s.load_partial(w, 0.0), s.load_partial(y, 0.0));
    s.store_partial(sum, y);
}

/// The same where each element of x has `multiplier` elements of w and y.
#[inline(always)]
fn add_multiplied(x: &[f32], w: &[f32], y: &mut [f32], multiplier: usize) {
    for ((&x, w), y) in x.iter().zip(w.chunks_exact(multiplier)).zip(y.chunks_exact_mut(multiplier)) {
        for (y, w) in y.iter_mut().zip(w) {
            *y += x * w;
        }
    }
}
