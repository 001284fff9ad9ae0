//! The kernel of depthwise convolutions on bytes.

use crate::checked::{part, part_mut};
use crate::gemm::Requantize;
use crate::simd::{Kernel, PANEL, Simd};
use crate::window::Axis;

/// A depthwise convolution with checked arguments.
pub(super) struct DepthwiseKernel<'a> {
    /// `[taps, channels · multiplier]`
    pub kernel: &'a [i8],
    pub epilogue: Requantize<'a>,
    /// Vertical and horizontal.
    pub axes: [Axis; 2],
    /// The channels of x.
    pub channels: usize,
    pub multiplier: usize,
    /// The bit that makes unsigned bytes of x.
    pub flip: u8,
    /// The bits of the padding.
    pub zero: u8,
    /// The index of the first line of `y` among the lines of all images.
    pub first: usize,
    pub x: &'a [u8],
    pub y: &'a mut [u8],
}

impl DepthwiseKernel<'_> {
    /// The same convolution without lines.
    pub fn borrowed(&self) -> DepthwiseKernel<'_> {
        DepthwiseKernel { y: &mut [], ..*self }
    }
}

impl Kernel for DepthwiseKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            kernel,
            epilogue,
            axes: [vertical, horizontal],
            channels,
            multiplier,
            flip,
            zero,
            first,
            x,
            y,
        } = self;
        let outputs = channels * multiplier;
        let image = vertical.input * horizontal.input * channels;
        for (i, y) in y.chunks_exact_mut(horizontal.output * outputs).enumerate() {
            let i = first + i;
            let (sample, line) = (i / vertical.output, i % vertical.output);
            let (x, top) = (part(part(x, sample * image..), ..image), vertical.origin(line));
            for (column, y) in y.chunks_exact_mut(outputs).enumerate() {
                let left = horizontal.origin(column);
                let mut channel = 0;
                while channel < outputs {
                    let width = PANEL.min(outputs - channel);
                    let mut sums = [0; PANEL];
                    for (sum, &bias) in sums.iter_mut().zip(part(epilogue.bias, channel..channel + width)) {
                        *sum = bias;
                    }
                    for tap in 0..vertical.size * horizontal.size {
                        let line = vertical.position(top, tap / horizontal.size);
                        let column = horizontal.position(left, tap % horizontal.size);
                        let pixel = line.zip(column).map(|(line, column)| line * horizontal.input + column);
                        let w = part(kernel, tap * outputs + channel..);
                        for i in 0..width {
                            let from = (channel + i) / multiplier;
                            let x = pixel.map_or(zero, |pixel| x[pixel * channels + from]);
                            sums[i] += i32::from(x ^ flip) * i32::from(w[i]);
                        }
                    }
                    let multipliers =
                        s.panel_load_partial(part(epilogue.multipliers, channel..channel + width));
                    epilogue.store_panel(
                        s,
                        s.load_ints(&sums),
                        multipliers,
                        part_mut(y, channel..channel + width),
                    );
                    channel += width;
                }
            }
        }
    }
}
