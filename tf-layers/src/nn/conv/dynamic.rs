//! Convolutions with dynamic weights: any number type, channels first.

use crate::Context;
use crate::error::{Result, require};
use crate::ops::matmul::Widen;
use crate::tensor::{Number, View, ViewMut};
use crate::window::{Axis, channels_first, window_axes};

/// A convolution, or its transpose, with a kernel that is computed at run time. It works on volumes `[batch, channels,
/// depth, height, width]`, images without depth and sequences without height. Windows have size 1 along missing axes.
///
/// ```
/// use tf_layers::nn::DynamicConv;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = DynamicConv::default();
/// let x = View::new(&[1, 2, 3], [1, 1, 3])?;
/// let kernel = View::new(&[1, 10], [1, 1, 2])?;
/// let mut y = [0; 2];
/// let y = layer.run(cx, x, kernel, ViewMut::new(&mut y, [1, 1, 2])?)?;
/// assert_eq!(y.as_slice()?, [21, 32]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicConv {
    /// The stride along each axis: depth, height and width.
    pub stride: [usize; 3],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 3],
    /// The padding before and after each axis. A transposed convolution cuts off as many outputs.
    pub padding: [[usize; 2]; 3],
    /// The number of groups of channels.
    pub groups: usize,
}

/// The windows over an image. The image is x, or y of a transposed convolution. The other tensor has an element for
/// each window.
struct Layout {
    axes: [Axis; 3],
    batch: usize,
    groups: usize,
    image_channels: usize,
    window_channels: usize,
}

/// A tap of the kernel and the windows of a line that have it inside the image.
struct TapLine {
    /// The index of the tap's weight in the kernel.
    tap: usize,
    /// The channel of the tensor of windows.
    channel: usize,
    /// The index of the first window, and the number of windows.
    window: usize,
    count: usize,
    /// The index of the tap in the image, for the first window. It is one stride further for the next.
    image: usize,
}

/// Stride and dilation 1, no padding, one group.
impl Default for DynamicConv {
    fn default() -> Self {
        Self { stride: [1; 3], dilation: [1; 3], padding: [[0; 2]; 3], groups: 1 }
    }
}

impl DynamicConv {
    /// Computes y `[batch, filters, …]` from x `[batch, channels, …]` and a kernel `[filters, channels / groups, …]`.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of the tensors do not match.
    pub fn run<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        kernel: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let layout = self.layout(&x.dims(), &kernel.dims(), &y.dims())?;
        let (x, kernel, to) = (x.as_slice()?, kernel.as_slice()?, y.as_mut_slice()?);
        to.fill(T::ZERO);
        let stride = self.stride[2];
        layout.tap_lines(|line| {
            let (weight, xs) = (kernel[line.tap], x[line.image..].iter().step_by(stride));
            for (y, &x) in to[line.window..][..line.count].iter_mut().zip(xs) {
                *y = y.add(x.mul(weight));
            }
        });
        Ok(y.into_view())
    }

    /// Like [`run`](Self::run), for 8-bit integers with zero points: `x_zero` is one number, `kernel_zero` one number
    /// or one for each filter.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if the number of zero points does not match.
    pub fn run_integers<'y, A: Widen, B: Widen, const R: usize, const P: usize, const Q: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, A, R>,
        kernel: View<'_, B, R>,
        x_zero: View<'_, A, P>,
        kernel_zero: View<'_, B, Q>,
        mut y: ViewMut<'y, i32, R>,
    ) -> Result<View<'y, i32, R>> {
        let layout = self.layout(&x.dims(), &kernel.dims(), &y.dims())?;
        let (x, kernel, to) = (x.as_slice()?, kernel.as_slice()?, y.as_mut_slice()?);
        let (x_zero, kernel_zero) = (x_zero.as_slice()?, kernel_zero.as_slice()?);
        require(x_zero.len() == 1, "x_zero", "be one number")?;
        let zeros = kernel_zero.len();
        let fits = zeros == 1 || zeros == layout.window_channels;
        require(fits, "kernel_zero", "be one number, or one for each filter")?;
        to.fill(0);
        let (x_zero, stride) = (x_zero[0].widen(), self.stride[2]);
        layout.tap_lines(|line| {
            let weight = kernel[line.tap].widen() - kernel_zero[line.channel % zeros].widen();
            let xs = x[line.image..].iter().step_by(stride);
            for (y, x) in to[line.window..][..line.count].iter_mut().zip(xs) {
                *y = y.wrapping_add((x.widen() - x_zero).wrapping_mul(weight));
            }
        });
        Ok(y.into_view())
    }

    /// The transposed convolution: computes y `[batch, filters, …]` from x `[batch, channels, …]` and a kernel
    /// `[channels, filters / groups, …]`.
    ///
    /// y may have any spatial dims. Outputs beyond them are cut off; outputs that no window reaches are 0.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of the tensors do not match.
    pub fn run_transposed<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        kernel: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let layout = self.transposed_layout(&x.dims(), &kernel.dims(), &y.dims())?;
        let (x, kernel, to) = (x.as_slice()?, kernel.as_slice()?, y.as_mut_slice()?);
        to.fill(T::ZERO);
        let stride = self.stride[2];
        layout.tap_lines(|line| {
            let (weight, xs) = (kernel[line.tap], &x[line.window..][..line.count]);
            for (y, &x) in to[line.image..].iter_mut().step_by(stride).zip(xs) {
                *y = y.add(x.mul(weight));
            }
        });
        Ok(y.into_view())
    }

    /// The layout of a convolution with arguments of these dims.
    fn layout(&self, x: &[usize], kernel: &[usize], y: &[usize]) -> Result<Layout> {
        let (layout, output) = self.over(x, kernel, y)?;
        let expected = layout.axes.map(|axis| axis.output);
        require(output == expected, "y", "have the spatial dims of the result")?;
        Ok(layout)
    }

    /// The layout of a transposed convolution with arguments of these dims.
    fn transposed_layout(&self, x: &[usize], kernel: &[usize], y: &[usize]) -> Result<Layout> {
        let (mut layout, size) = self.over(y, kernel, x)?;
        for (axis, size) in layout.axes.iter_mut().zip(size) {
            axis.output = size;
        }
        Ok(layout)
    }

    /// The layout of the windows over `image`, and the spatial dims of `windows`, which are not checked.
    fn over(&self, image: &[usize], kernel: &[usize], windows: &[usize]) -> Result<(Layout, [usize; 3])> {
        let groups = self.groups;
        let (batch, image_channels, size) = channels_first(image)?;
        let (samples, window_channels, output) = channels_first(windows)?;
        let (filters, each, kernel_size) = channels_first(kernel)?;
        let axes = window_axes(kernel_size, self.stride, self.dilation, self.padding, size)?;
        let fits = groups > 0 && image_channels % groups == 0 && window_channels % groups == 0;
        require(fits, "groups", "divide the channels of x and of y")?;
        require(samples == batch, "y", "have the batch of x")?;
        let fits = filters == window_channels && each == image_channels / groups;
        require(fits, "kernel", "have the channels of x and of y")?;
        Ok((Layout { axes, batch, groups, image_channels, window_channels }, output))
    }
}

impl Layout {
    /// Calls `each` for all lines of windows and all taps that are inside the image for some of them.
    fn tap_lines(&self, mut each: impl FnMut(TapLine)) {
        let Self { axes, batch, groups, image_channels, window_channels } = self;
        let [output, input] = [axes.map(|axis| axis.output), axes.map(|axis| axis.input)];
        let [image_each, window_each] = [image_channels, window_channels].map(|channels| channels / groups);
        let [size, stride] = [axes.map(|axis| axis.size), axes.map(|axis| axis.stride)];
        if output.contains(&0) || input.contains(&0) {
            return;
        }
        let taps: usize = size.iter().product();
        for plane in 0..batch * window_channels {
            let (sample, channel) = (plane / window_channels, plane % window_channels);
            let group = channel / window_each;
            for tap in 0..image_each * taps {
                let image = sample * image_channels + group * image_each + tap / taps;
                let at = [tap / size[2] / size[1], tap / size[2], tap];
                let ranges: [_; 3] = core::array::from_fn(|i| windows(&axes[i], at[i] % size[i]));
                let [(depth, z), (height, y), (width, column)] = ranges;
                for line in 0..depth.len() * height.len() {
                    let (i, j) = (line / height.len(), line % height.len());
                    let window = (plane * output[0] + depth.start + i) * output[1] + height.start + j;
                    let from = (image * input[0] + z + i * stride[0]) * input[1] + y + j * stride[1];
                    each(TapLine {
                        tap: channel * image_each * taps + tap,
                        channel,
                        window: window * output[2] + width.start,
                        count: width.len(),
                        image: from * input[2] + column,
                    });
                }
            }
        }
    }
}

/// The windows that have tap `tap` inside the image, and its position in the first of them.
fn windows(axis: &Axis, tap: usize) -> (core::ops::Range<usize>, usize) {
    let (offset, before) = (tap * axis.dilation, axis.padding[0]);
    let first = before.saturating_sub(offset).div_ceil(axis.stride);
    let end = (axis.input + before).saturating_sub(offset).div_ceil(axis.stride).min(axis.output);
    if first >= end {
        return (0..0, 0);
    }
    (first..end, first * axis.stride + offset - before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    const PLAIN: DynamicConv =
        DynamicConv { stride: [1, 1, 2], dilation: [1, 1, 1], padding: [[0, 0], [0, 0], [1, 1]], groups: 1 };

    fn on<T>(run: impl FnOnce(&mut Context<'_>) -> T) -> T {
        run(&mut Context::new(Isa::detect(), &mut Buffer::default()))
    }

    fn line<T>(x: &[T]) -> View<'_, T, 3> {
        View::new(x, [1, 1, x.len()]).unwrap()
    }

    fn line_mut<T>(y: &mut [T]) -> ViewMut<'_, T, 3> {
        let dims = [1, 1, y.len()];
        ViewMut::new(y, dims).unwrap()
    }

    #[test]
    fn transposed_is_the_way_back() {
        // Windows over [0, 1, 2, 3, 0] in steps of 2: [0, 1], [2, 3].
        let (mut y, mut back) = ([0.0f64; 2], [0.0f64; 3]);
        let (x, kernel) = ([1.0, 2.0, 3.0], [10.0, 1.0]);
        on(|cx| PLAIN.run(cx, line(&x), line(&kernel), line_mut(&mut y)).map(|_| ())).unwrap();
        assert_eq!(y, [1.0, 23.0]);
        on(|cx| PLAIN.run_transposed(cx, line(&y), line(&kernel), line_mut(&mut back)).map(|_| ())).unwrap();
        assert_eq!(back, [1.0, 230.0, 23.0]);
    }

    #[test]
    fn integers_have_zeros_of_their_own() {
        let mut y = [0; 2];
        let run = |y: &mut [i32], x_zero: &[u8], kernel_zero: &[i8]| {
            let zero = View::new(kernel_zero, [kernel_zero.len()]).unwrap();
            let (x, kernel) = (line(&[6, 7, 8]), line(&[11, 2]));
            let x_zero = View::new(x_zero, [x_zero.len()]).unwrap();
            on(|cx| PLAIN.run_integers(cx, x, kernel, x_zero, zero, line_mut(y)).map(|_| ()))
        };
        // The padding is zero whatever the zero point is.
        run(&mut y, &[5], &[1]).unwrap();
        assert_eq!(y, [1, 23]);
        assert!(run(&mut y, &[], &[1]).is_err());
        assert!(run(&mut y, &[5], &[]).is_err());
        assert!(run(&mut y, &[5], &[1, 1]).is_err());
    }

    #[test]
    fn contradictions_are_errors() {
        let x = [1.0f32, 2.0, 3.0];
        let run = |layer: DynamicConv, kernel: View<'_, f32, 3>, dims| {
            let mut y = [0.0; 2];
            let y = ViewMut::new(&mut y, dims).unwrap();
            on(|cx| layer.run(cx, line(&x), kernel, y).is_ok())
        };
        let ones = [1.0; 4];
        let kernel = line(&ones[..2]);
        assert!(run(PLAIN, kernel, [1, 1, 2]));
        assert!(!run(PLAIN, line(&ones), [1, 1, 2]));
        assert!(!run(PLAIN, View::new(&ones, [2, 1, 2]).unwrap(), [1, 1, 2]));
        assert!(!run(PLAIN, View::new(&ones, [1, 2, 2]).unwrap(), [1, 1, 2]));
        assert!(!run(PLAIN, kernel, [2, 1, 1]));
        assert!(!run(PLAIN, kernel, [1, 2, 1]));
        for bad in [
            DynamicConv { groups: 0, ..PLAIN },
            DynamicConv { groups: 2, ..PLAIN },
            DynamicConv { stride: [1, 1, 0], ..PLAIN },
            DynamicConv { dilation: [1, 1, usize::MAX], ..PLAIN },
            DynamicConv { padding: [[0, 0], [0, 0], [usize::MAX, 1]], ..PLAIN },
        ] {
            assert!(!run(bad, kernel, [1, 1, 2]), "{bad:?}");
        }
        let none = View::<f32, 3>::new(&[], [usize::MAX, 1, 0]).unwrap();
        let y = ViewMut::new(&mut [], [usize::MAX, 1, 0]).unwrap();
        let padded = DynamicConv { padding: [[0, 0], [0, 0], [0, 0]], ..PLAIN };
        assert!(on(|cx| padded.run(cx, none, kernel, y).is_ok()));
    }
}
