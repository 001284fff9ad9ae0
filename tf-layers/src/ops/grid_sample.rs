//! `GridSample`: samples images at positions between their pixels.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, check_joined_dims, len};

/// The maximum number of image axes.
const MAX_AXES: usize = 3;

/// Interpolation between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridSampleMode {
    /// The nearest pixel; ties go to the even coordinate.
    Nearest,
    /// Linear interpolation of the two nearest pixels along each axis.
    Linear,
    /// Cubic convolution (Keys 1981) of the four nearest pixels along each axis, with a = −0.75.
    Cubic,
}

/// The pixels outside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaddingMode {
    /// Zeros.
    Zeros,
    /// The nearest pixel of the border.
    Border,
    /// The image, reflected at its border.
    Reflection,
}

/// Samples images at the positions of a grid, whose coordinates range from −1 to 1.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])?;
/// let grid = View::new(&[0.0, 0.0, 1.0, -1.0], [1, 1, 2, 2])?;
/// let mut y = [0.0; 2];
/// let sample = ops::GridSample {
///     mode: ops::GridSampleMode::Linear,
///     padding_mode: ops::PaddingMode::Zeros,
///     align_corners: true,
/// };
/// let y = sample.run(cx, x, grid, ViewMut::new(&mut y, [1, 1, 1, 2])?)?;
/// assert_eq!(y.as_slice()?, [2.5, 2.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridSample {
    /// Interpolation between pixels.
    pub mode: GridSampleMode,
    /// The pixels outside the image.
    pub padding_mode: PaddingMode,
    /// Place ±1 at the centers of the outermost pixels instead of their outer edges.
    pub align_corners: bool,
}

/// Linear interpolation, zeros outside, ±1 at the edges of the image: the defaults of ONNX.
impl Default for GridSample {
    fn default() -> Self {
        Self { mode: GridSampleMode::Linear, padding_mode: PaddingMode::Zeros, align_corners: false }
    }
}

/// The pixels along one axis that a sample is interpolated from, with their weights.
#[derive(Clone, Copy)]
struct Taps {
    count: usize,
    /// The index of each pixel; `None` for a zero outside the image.
    at: [Option<usize>; 4],
    weight: [f32; 4],
}

impl GridSample {
    /// From x `[batch, channels, …image]` and `grid` `[batch, …output, axes]` to y `[batch, channels, …output]`.
    ///
    /// An image has 1 to 3 axes. The coordinates of a position are in reverse order: x before y before z.
    ///
    /// # Errors
    ///
    /// If the dims do not match, or x has no pixels and y is not empty.
    pub fn run<'y, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, R>,
        grid: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (dims, output) = (x.dims(), grid.dims());
        let axes = R.saturating_sub(2);
        let fits = (1..=MAX_AXES).contains(&axes) && output[0] == dims[0] && output[R - 1] == axes;
        require(fits, "grid", "have the batch of x, and as many coordinates as the image has axes")?;
        check_joined_dims(&[&dims[..2], &output[1..=axes]], &y.dims())?;
        let samples = len(&output[1..=axes])?;
        self.sample(&dims, x.as_slice()?, samples, grid.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn sample(self, dims: &[usize], x: &[f32], samples: usize, grid: &[f32], y: &mut [f32]) -> Result<()> {
        let (batch, channels, sizes) = (dims[0], dims[1], &dims[2..]);
        let axes = sizes.len();
        if y.is_empty() {
            return Ok(());
        }
        require(!sizes.contains(&0), "x", "have pixels")?;
        let image = len(sizes)?;
        for i in 0..batch * samples {
            let coordinates = &grid[i * axes..][..axes];
            let mut taps = [Taps { count: 1, at: [Some(0); 4], weight: [1.0; 4] }; MAX_AXES];
            for (axis, &size) in sizes.iter().enumerate() {
                taps[MAX_AXES - axes + axis] = self.taps(coordinates[axes - 1 - axis], size);
            }
            let mut strides = [0; MAX_AXES];
            let mut stride = 1;
            for (axis, &size) in sizes.iter().enumerate().rev() {
                strides[MAX_AXES - axes + axis] = stride;
                stride *= size;
            }
            for channel in 0..channels {
                let plane = i / samples * channels + channel;
                let pixels = &x[plane * image..][..image];
                y[plane * samples + i % samples] = sample(pixels, &taps, strides);
            }
        }
        Ok(())
    }

    fn taps(self, coordinate: f32, size: usize) -> Taps {
        let last = size as f32 - 1.0;
        let (low, high) = if self.align_corners { (0.0, last) } else { (-0.5, last + 0.5) };
        let scaled = if self.align_corners {
            (coordinate + 1.0) / 2.0 * last
        } else {
            ((coordinate + 1.0) * size as f32 - 1.0) / 2.0
        };
        let scaled = if self.mode == GridSampleMode::Nearest { nearest(scaled) } else { scaled };
        // Cubic convolution reaches beyond the neighboring pixels, so each of its pixels is padded on its own.
        let at = match self.padding_mode {
            _ if self.mode == GridSampleMode::Cubic => scaled,
            PaddingMode::Border if scaled < low || scaled > high => scaled.clamp(0.0, last),
            PaddingMode::Reflection => reflect(scaled, low, high),
            _ => scaled,
        };
        let first = floor(at);
        let t = at - first;
        let first = first as i64;
        let pixel = |index: i64| self.pixel(index, size, low, high);
        match self.mode {
            GridSampleMode::Nearest => Taps { count: 1, at: [pixel(at as i64); 4], weight: [1.0; 4] },
            GridSampleMode::Linear => {
                let at = [pixel(first), pixel(first.saturating_add(1)), None, None];
                Taps { count: 2, at, weight: [1.0 - t, t, 0.0, 0.0] }
            }
            GridSampleMode::Cubic => {
                Taps { count: 4, at: [-1, 0, 1, 2].map(|i| pixel(first.saturating_add(i))), weight: cubic(t) }
            }
        }
    }

    fn pixel(self, index: i64, size: usize, low: f32, high: f32) -> Option<usize> {
        let last = size as i64 - 1;
        if (0..=last).contains(&index) {
            return Some(index as usize);
        }
        match self.padding_mode {
            PaddingMode::Zeros => None,
            PaddingMode::Border => Some(index.clamp(0, last) as usize),
            PaddingMode::Reflection => {
                Some((reflect(index as f32, low, high) as i64).clamp(0, last) as usize)
            }
        }
    }
}

fn sample(pixels: &[f32], taps: &[Taps; MAX_AXES], strides: [usize; MAX_AXES]) -> f32 {
    let mut sum = 0.0;
    for i in 0..taps[0].count {
        for j in 0..taps[1].count {
            for k in 0..taps[2].count {
                let [Some(a), Some(b), Some(c)] = [taps[0].at[i], taps[1].at[j], taps[2].at[k]] else {
                    continue;
                };
                let weight = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k];
                sum += weight * pixels[a * strides[0] + b * strides[1] + c * strides[2]];
            }
        }
    }
    sum
}

/// The weights of four neighboring pixels for a position at fraction `t` between the second and third (Keys 1981).
fn cubic(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |d: f32| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f32| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// Reflects a coordinate at `low` and `high` until it is between them.
fn reflect(x: f32, low: f32, high: f32) -> f32 {
    let span = high - low;
    if span <= 0.0 {
        return low;
    }
    let (from, to, distance) = if x < low {
        (low, high, low - x)
    } else if x > high {
        (high, low, x - high)
    } else {
        return x;
    };
    let turns = floor(distance / span);
    let rest = distance - turns * span;
    let toward = if from < to { rest } else { -rest };
    if turns % 2.0 == 0.0 { from + toward } else { to - toward }
}

fn floor(x: f32) -> f32 {
    // An f32 of magnitude 2²³ or more is an integer.
    if x.abs() < 8_388_608.0 {
        let whole = x as i32 as f32;
        if whole > x { whole - 1.0 } else { whole }
    } else {
        x
    }
}

/// The nearest integer; ties go to the even one.
fn nearest(x: f32) -> f32 {
    let low = floor(x);
    let rest = x - low;
    if rest > 0.5 || (rest == 0.5 && low % 2.0 != 0.0) { low + 1.0 } else { low }
}
