//! Convolutions whose kernel is a tensor like any other: of numbers of any type, channels first.

use crate::error::{Result, check_len, require};
use crate::ops::matmul::Widen;
use crate::tensor::{Scalar, len};
use crate::window::{Axis, window_axes};

/// A convolution of volumes `[batch, channels, depth, height, width]`, or its transpose; flat axes have size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenConv {
    /// Depth, height and width of the kernel.
    pub size: [usize; 3],
    /// Step along each axis.
    pub stride: [usize; 3],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 3],
    /// Padding before and after along each axis; a transposed convolution leaves so much of its result away.
    pub padding: [[usize; 2]; 3],
    /// Parts of the channels that are convolved apart from each other.
    pub groups: usize,
    /// The channels of the image that the window slides over: x, or y of a transposed convolution.
    pub wide_channels: usize,
    /// The channels of the other one.
    pub narrow_channels: usize,
}

/// A row of windows beneath one tap of the kernel.
struct Row {
    /// The tap's place in the kernel's tensor.
    tap: usize,
    /// The channel that has one element for each window.
    narrow_channel: usize,
    /// Where the first of its elements lies, and how many there are.
    narrow: usize,
    count: usize,
    /// Where the first element beneath the tap lies in the image; the next one is a stride further.
    wide: usize,
}

impl GivenConv {
    /// From x `[batch, wide_channels, …size]` to y `[batch, narrow_channels, …]`, which is overwritten.
    ///
    /// The kernel is `[narrow_channels, wide_channels / groups, …]`.
    pub fn run<T: Scalar>(
        &self,
        batch: usize,
        size: [usize; 3],
        x: &[T],
        kernel: &[T],
        y: &mut [T],
    ) -> Result<()> {
        let axes = window_axes(self.size, self.stride, self.dilation, self.padding, size)?;
        self.check(batch, &axes, x.len(), kernel.len(), y.len())?;
        y.fill(T::ZERO);
        let stride = self.stride[2];
        self.rows(batch, &axes, |row| {
            let (weight, xs) = (kernel[row.tap], x[row.wide..].iter().step_by(stride));
            for (y, &x) in y[row.narrow..][..row.count].iter_mut().zip(xs) {
                *y = y.add(x.mul(weight));
            }
        });
        Ok(())
    }

    /// The same of integers, whose zeros lie at `x_zero` and, for each filter or all of them, at `kernel_zeros`.
    pub fn run_integers<A: Widen, B: Widen>(
        &self,
        batch: usize,
        size: [usize; 3],
        (x, x_zero): (&[A], &[A]),
        (kernel, kernel_zeros): (&[B], &[B]),
        y: &mut [i32],
    ) -> Result<()> {
        let axes = window_axes(self.size, self.stride, self.dilation, self.padding, size)?;
        self.check(batch, &axes, x.len(), kernel.len(), y.len())?;
        check_len("zero point", 1, x_zero.len())?;
        let zeros = kernel_zeros.len();
        require(zeros == 1 || zeros == self.narrow_channels, "zero points", "be one for each filter")?;
        y.fill(0);
        let (x_zero, stride) = (x_zero[0].widen(), self.stride[2]);
        self.rows(batch, &axes, |row| {
            let weight = kernel[row.tap].widen() - kernel_zeros[row.narrow_channel % zeros].widen();
            let xs = x[row.wide..].iter().step_by(stride);
            for (y, x) in y[row.narrow..][..row.count].iter_mut().zip(xs) {
                *y = y.wrapping_add((x.widen() - x_zero).wrapping_mul(weight));
            }
        });
        Ok(())
    }

    /// The transposed convolution: from x `[batch, narrow_channels, …size]` to y `[batch, wide_channels, …output]`.
    ///
    /// What would stand beyond y is left away; what no window of x reaches is 0.
    pub fn run_transposed<T: Scalar>(
        &self,
        batch: usize,
        (size, x): ([usize; 3], &[T]),
        kernel: &[T],
        (output, y): ([usize; 3], &mut [T]),
    ) -> Result<()> {
        let mut axes = window_axes(self.size, self.stride, self.dilation, self.padding, output)?;
        for (axis, size) in axes.iter_mut().zip(size) {
            axis.output = size;
        }
        self.check(batch, &axes, y.len(), kernel.len(), x.len())?;
        y.fill(T::ZERO);
        let stride = self.stride[2];
        self.rows(batch, &axes, |row| {
            let (weight, xs) = (kernel[row.tap], &x[row.narrow..][..row.count]);
            for (y, &x) in y[row.wide..].iter_mut().step_by(stride).zip(xs) {
                *y = y.add(x.mul(weight));
            }
        });
        Ok(())
    }

    /// Checks the lengths of the image, the kernel and of what has an element for each window.
    fn check(&self, batch: usize, axes: &[Axis; 3], wide: usize, kernel: usize, narrow: usize) -> Result<()> {
        let Self { groups, wide_channels, narrow_channels, .. } = *self;
        let fits = groups > 0 && wide_channels % groups == 0 && narrow_channels % groups == 0;
        require(fits, "groups", "divide the channels of both sides")?;
        let [image, windows] = [axes.map(|axis| axis.input), axes.map(|axis| axis.output)];
        check_len("image", len(&[batch, wide_channels, len(&image)?])?, wide)?;
        check_len("kernel", len(&[narrow_channels, wide_channels / groups, len(&self.size)?])?, kernel)?;
        check_len("windows", len(&[batch, narrow_channels, len(&windows)?])?, narrow)
    }

    /// Calls `each` for all rows of windows and all taps that have a part of the image beneath them.
    fn rows(&self, batch: usize, axes: &[Axis; 3], mut each: impl FnMut(Row)) {
        let [output, input] = [axes.map(|axis| axis.output), axes.map(|axis| axis.input)];
        let wide_each = self.wide_channels / self.groups;
        let narrow_each = self.narrow_channels / self.groups;
        let taps: usize = self.size.iter().product();
        if output.contains(&0) || input.contains(&0) {
            return;
        }
        for plane in 0..batch * self.narrow_channels {
            let (sample, channel) = (plane / self.narrow_channels, plane % self.narrow_channels);
            let group = channel / narrow_each;
            for tap in 0..wide_each * taps {
                let image = sample * self.wide_channels + group * wide_each + tap / taps;
                let at = [tap / self.size[2] / self.size[1], tap / self.size[2], tap];
                let ranges: [_; 3] = core::array::from_fn(|i| windows(&axes[i], at[i] % self.size[i]));
                let [(depth, z), (height, y), (width, column)] = ranges;
                for line in 0..depth.len() * height.len() {
                    let (i, j) = (line / height.len(), line % height.len());
                    let narrow = (plane * output[0] + depth.start + i) * output[1] + height.start + j;
                    let from =
                        (image * input[0] + z + i * self.stride[0]) * input[1] + y + j * self.stride[1];
                    each(Row {
                        tap: channel * wide_each * taps + tap,
                        narrow_channel: channel,
                        narrow: narrow * output[2] + width.start,
                        count: width.len(),
                        wide: from * input[2] + column,
                    });
                }
            }
        }
    }
}

/// The windows whose tap `tap` lies in the image, and where the first of them has it.
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

    const PLAIN: GivenConv = GivenConv {
        size: [1, 1, 2],
        stride: [1, 1, 2],
        dilation: [1, 1, 1],
        padding: [[0, 0], [0, 0], [1, 1]],
        groups: 1,
        wide_channels: 1,
        narrow_channels: 1,
    };

    #[test]
    fn transposed_is_the_way_back() {
        // Windows over [0, 1, 2, 3, 0] in steps of 2: [0, 1], [2, 3].
        let mut y = [0.0f64; 2];
        PLAIN.run(1, [1, 1, 3], &[1.0, 2.0, 3.0], &[10.0, 1.0], &mut y).unwrap();
        assert_eq!(y, [1.0, 23.0]);
        let mut back = [0.0f64; 3];
        PLAIN.run_transposed(1, ([1, 1, 2], &y), &[10.0, 1.0], ([1, 1, 3], &mut back)).unwrap();
        assert_eq!(back, [1.0, 230.0, 23.0]);
    }

    #[test]
    fn integers_have_zeros_of_their_own() {
        let mut y = [0; 2];
        // The padding is zero whatever the zero point is.
        PLAIN.run_integers(1, [1, 1, 3], (&[6u8, 7, 8], &[5]), (&[11i8, 2], &[1]), &mut y).unwrap();
        assert_eq!(y, [1, 23]);
    }

    #[test]
    fn contradictions_are_errors() {
        let mut y = [0.0f32; 2];
        let x = [1.0f32, 2.0, 3.0];
        assert!(PLAIN.run(1, [1, 1, 3], &x, &[1.0; 3], &mut y).is_err());
        assert!(PLAIN.run(2, [1, 1, 3], &x, &[1.0; 2], &mut y).is_err());
        assert!(PLAIN.run(usize::MAX, [1, 1, 3], &x, &[1.0; 2], &mut y).is_err());
        for bad in [
            GivenConv { groups: 0, ..PLAIN },
            GivenConv { groups: 2, ..PLAIN },
            GivenConv { stride: [1, 1, 0], ..PLAIN },
            GivenConv { size: [1, 1, usize::MAX], ..PLAIN },
            GivenConv { padding: [[0, 0], [0, 0], [usize::MAX, 1]], ..PLAIN },
        ] {
            assert!(bad.run(1, [1, 1, 3], &x, &[1.0; 2], &mut y).is_err(), "{bad:?}");
        }
    }
}
