//! Transposed convolutions, channels last.

use crate::Context;
use crate::checked::{copy, part};
use crate::error::{Error, Result, check_bias, require};
use crate::gemm::{Gemm, Linear, Matrix, Rectifier, RowMajor};
use crate::nn::Activation;
use crate::parallel::{run_tasks, threads};
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::tensor::{View, ViewMut, check_dims, len};
use crate::window::channels_last;

/// A transposed convolution over volumes `[batch, depth, height, width, channels]`, images without depth or sequences
/// without height. Every input pixel adds its multiple of the kernel to the output.
///
/// ```
/// use tf_layers::nn::ConvTranspose;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Each step adds 1, 10 and 100 times itself to three outputs. The next step begins two outputs later.
/// let mut kernel = [0.0; 16];
/// kernel[..3].copy_from_slice(&[1.0, 10.0, 100.0]);
/// let layer = ConvTranspose {
///     stride: [1, 1, 2],
///     ..ConvTranspose::new(Matrix::new(&kernel, 1, 1, 3)?, [1, 1, 3], 1)
/// };
/// let x = View::new(&[1.0, 2.0], [1, 2, 1])?;
/// let mut y = [0.0; 5];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 5, 1])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 10.0, 102.0, 20.0, 200.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvTranspose<'w> {
    /// For each group `[in_channels / groups, kernel_depth · kernel_height · kernel_width · out_channels / groups]`.
    pub kernel: Matrix<'w>,
    /// `[out_channels]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
    /// The depth, height and width of the kernel.
    pub kernel_size: [usize; 3],
    /// The distance in y between the kernels of neighbouring inputs.
    pub stride: [usize; 3],
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: [usize; 3],
    /// The number of groups of channels. It divides the channels of x and of y.
    pub groups: usize,
    /// The channels of x.
    pub in_channels: usize,
    /// The number of outputs to cut off at the front of each axis.
    pub padding: [usize; 3],
}

/// The approximate number of products that are in memory at a time.
const BLOCK: usize = 1 << 15;

impl<'w> ConvTranspose<'w> {
    /// A transposed convolution in one group with stride and dilation 1, without padding, bias and activation.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, kernel_size: [usize; 3], in_channels: usize) -> Self {
        Self {
            kernel,
            bias: None,
            activation: Activation::Linear,
            kernel_size,
            stride: [1; 3],
            dilation: [1; 3],
            groups: 1,
            in_channels,
            padding: [0; 3],
        }
    }

    /// Computes y `[batch, …, out_channels]` from x `[batch, …, in_channels]`, with one to three spatial axes.
    ///
    /// y may have any spatial dims. Outputs beyond them are cut off; outputs that no input reaches equal the bias.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, or the dims of x, y, kernel and bias do not match.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let to = y.dims();
        self.compute(cx, &x.dims(), x.as_slice()?, &to, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    /// Computes `y` with dims `to` from `x` with dims `from`.
    fn compute(
        &self,
        cx: &mut Context<'_>,
        from: &[usize],
        x: &[f32],
        to: &[usize],
        y: &mut [f32],
    ) -> Result<()> {
        let (batch, size, in_channels) = channels_last::<3>(from)?;
        let (samples, output, filters) = channels_last::<3>(to)?;
        let Context { isa, ref mut scratch, .. } = *cx;
        require(in_channels == self.in_channels, "x", "have the channels that the layer takes")?;
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
        let out_pixels = len(&output)?;
        check_dims(&[batch, out_channels], &[samples, filters])?;
        check_bias(self.bias, out_channels)?;
        self.activation.check(out_channels)?;
        for axis in 0..3 {
            // The last position that a tap reaches must not overflow.
            let last = size[axis].checked_mul(self.stride[axis]);
            let reach = self.kernel_size[axis].checked_mul(self.dilation[axis]);
            let end = last.zip(reach).and_then(|(a, b)| a.checked_add(b)).ok_or(Error::Overflow)?;
            if end > isize::MAX as usize {
                return Err(Error::Overflow);
            }
        }
        if self.is_disjoint(size, output, outputs) && !x.is_empty() && !y.is_empty() {
            let bias = scratch.write(self.kernel_size[2] * outputs)?;
            self.multiply_lines(isa, x, size[2], bias, y);
            return Ok(());
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
            self.activation.map_in_place(isa, y);
            return Ok(());
        }
        let samples = x.chunks_exact(pixels * channels).zip(y.chunks_exact_mut(out_pixels * out_channels));
        for (x, y) in samples {
            for group in 0..groups {
                for first in (0..pixels).step_by(rows) {
                    let rows = rows.min(pixels - first);
                    let products = &mut products[..rows * columns];
                    let x = RowMajor { data: &x[first * channels + group * k..], stride: channels };
                    Gemm::from_matrix(&self.kernel, group).run_parallel(isa, rows, x, products);
                    let channels = [out_channels, group * outputs, outputs];
                    isa.run(Scatter { layer: self, size, output, first, channels, products, y });
                }
            }
        }
        self.activation.map_in_place(isa, y);
        Ok(())
    }
}

/// Layers whose kernels touch and do not overlap, which are common where images are enlarged: an output has one tap of one
/// input.
impl ConvTranspose<'_> {
    /// Whether the kernels of neighbouring inputs fill y, and the outputs of an input in each line are whole panels.
    fn is_disjoint(&self, size: [usize; 3], output: [usize; 3], outputs: usize) -> bool {
        let Self { kernel_size, stride, dilation, padding, .. } = *self;
        let [depth, height, width] = kernel_size;
        let fills = (0..3).all(|axis| {
            kernel_size[axis] == stride[axis]
                && output[axis] == size[axis] * stride[axis]
                && padding[axis] == 0
        });
        let panels = height == 1 || (width * outputs).is_multiple_of(PANEL);
        fills && dilation == [1; 3] && depth == 1 && panels && self.groups == 1
    }

    /// Multiplies each line of `width` inputs with each line of the kernel, which gives a line of y. `bias` is memory for the biases
    /// of a line of the kernel.
    fn multiply_lines(&self, isa: Isa, x: &[f32], width: usize, bias: &mut [f32], y: &mut [f32]) {
        if let Some(from) = self.bias {
            for to in bias.chunks_exact_mut(from.len().max(1)) {
                copy(to, from);
            }
        }
        let (rectifier, rest) = match self.activation.split() {
            // There is a slope for each output, not for each column.
            (Rectifier::Parametric(_), _) => (Rectifier::NONE, Some(self.activation)),
            split => split,
        };
        let linear = Linear { bias: self.bias.and(Some(&*bias)), accumulate: false, rectifier };
        let (channels, columns) = (self.in_channels, bias.len());
        let lines = x.len() / (width * channels).max(1);
        let line = self.kernel_size[1] * width * columns;
        let work = y.len().saturating_mul(channels);
        run_tasks(
            lines,
            threads(work),
            |first| first * line,
            y,
            &mut [],
            |task, y, _| {
                for (i, y) in task.zip(y.chunks_exact_mut(line.max(1))) {
                    let x = RowMajor { data: part(x, i * width * channels..), stride: channels };
                    for (tap, y) in y.chunks_exact_mut((width * columns).max(1)).enumerate() {
                        let gemm =
                            Gemm::from_matrix(&self.kernel, 0).columns(tap * columns..(tap + 1) * columns);
                        gemm.linear(linear).ldc(columns).run(isa, width, x, y);
                    }
                }
            },
        );
        if let Some(rest) = rest {
            rest.map_in_place(isa, y);
        }
    }
}

/// Adds the products of some input pixels to y.
struct Scatter<'a> {
    layer: &'a ConvTranspose<'a>,
    size: [usize; 3],
    output: [usize; 3],
    /// The index of the first input pixel.
    first: usize,
    /// The channels of y, the first channel of the group, and the number of channels of the group.
    channels: [usize; 3],
    products: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [channels, first, count] = self.channels;
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
    /// The output pixel of a tap of an input pixel. `None` if it is cut off.
    #[inline(always)]
    fn target(&self, at: [usize; 3], tap: [usize; 3]) -> Option<usize> {
        let ConvTranspose { stride, dilation, padding, .. } = *self.layer;
        let mut pixel = 0;
        for axis in 0..3 {
            let position = (at[axis] * stride[axis] + tap[axis] * dilation[axis]).wrapping_sub(padding[axis]);
            if position >= self.output[axis] {
                return None;
            }
            pixel = pixel * self.output[axis] + position;
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
