//! Maxima of quantized tensors over windows.

use super::Byte;
use crate::Context;
use crate::checked::{copy, part};
use crate::error::Result;
use crate::simd::{Kernel, Simd};
use crate::tensor::{View, ViewMut};
use crate::window::{Axis, channels_last, check_output, window_axes};

/// The maximum of the windows of quantized images `[batch, height, width, channels]` or sequences `[batch, width,
/// channels]`. The result has the scale and zero point of x. Padding does not count.
///
/// ```
/// use tf_layers::nn::QuantizedMaxPool2d;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = QuantizedMaxPool2d { stride: [1, 1], ..QuantizedMaxPool2d::new([1, 2]) };
/// let x = View::new(&[-12_i8, 16, 4], [1, 3, 1])?;
/// let mut y = [0_i8; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [16, 16]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantizedMaxPool2d {
    /// The window size `[height, width]`. A sequence has height 1.
    pub size: [usize; 2],
    /// The stride `[vertical, horizontal]`.
    pub stride: [usize; 2],
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: [usize; 2],
    /// The padding `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl QuantizedMaxPool2d {
    /// Windows side by side: the stride is the window size. No dilation, no padding.
    #[must_use]
    pub const fn new(size: [usize; 2]) -> Self {
        Self { size, stride: size, dilation: [1; 2], padding: [[0; 2]; 2] }
    }

    fn axes(&self, size: [usize; 2]) -> Result<[Axis; 2]> {
        window_axes(self.size, self.stride, self.dilation, self.padding, size)
    }

    /// The output `[height, width]` for an image of this `[height, width]`; 0 if the image is smaller than the window.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// From x `[batch, height, width, channels]` to y `[batch, output_height, output_width, channels]`, or both without
    /// height. A window that contains only padding gives the least element of the type.
    ///
    /// # Errors
    ///
    /// If y has other dims, or an attribute is invalid.
    pub fn run<'y, X: Byte, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, X, R>,
        mut y: ViewMut<'y, X, R>,
    ) -> Result<View<'y, X, R>> {
        let (batch, size, channels) = channels_last(&x.dims())?;
        let axes = self.axes(size)?;
        check_output(&y.dims(), batch, axes, channels)?;
        cx.isa.run(Maxima { axes, channels, least: X::LEAST, x: x.as_slice()?, y: y.as_mut_slice()? });
        Ok(y.into_view())
    }
}

/// The maxima of windows, with checked arguments.
struct Maxima<'a, X> {
    /// Vertical and horizontal.
    axes: [Axis; 2],
    channels: usize,
    least: X,
    x: &'a [X],
    y: &'a mut [X],
}

impl<X: Copy + Ord> Kernel for Maxima<'_, X> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { axes: [vertical, horizontal], channels, least, x, y } = self;
        let image = vertical.input * horizontal.input * channels;
        let [height, width] = [vertical.output.max(1), horizontal.output.max(1)];
        for (pixel, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
            let (line, column) = (pixel / width, pixel % width);
            let (sample, line) = (line / height, line % height);
            let x = part(part(x, sample * image..), ..image);
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            let (lines, taps) = (vertical.taps(top), horizontal.taps(left));
            let mut is_first = true;
            for tap_y in lines {
                let line = (top + (tap_y * vertical.dilation) as isize) as usize * horizontal.input;
                for tap_x in taps.clone() {
                    let column = (left + (tap_x * horizontal.dilation) as isize) as usize;
                    let from = part(part(x, (line + column) * channels..), ..channels);
                    if is_first {
                        copy(y, from);
                        is_first = false;
                    } else {
                        for (y, &x) in y.iter_mut().zip(from) {
                            *y = (*y).max(x);
                        }
                    }
                }
            }
            if is_first {
                y.fill(least);
            }
        }
    }
}
