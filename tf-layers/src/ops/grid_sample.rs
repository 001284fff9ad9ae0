//! Sampling images at places between their pixels.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut, check_joined_dims, len};

/// The most axes of an image.
const MOST: usize = 3;

/// How a value between pixels comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The nearest pixel; of two equally near the one with the even number.
    Nearest,
    /// From the two pixels around on each axis.
    Linear,
    /// From the four pixels around on each axis, by cubic convolution with a = −0.75.
    Cubic,
}

/// What lies outside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outer {
    /// Zeros.
    Zeros,
    /// The nearest pixel of the border.
    Border,
    /// The image, mirrored at its border.
    Reflection,
}

/// Samples images at the places of a grid, whose coordinates run from −1 to 1.
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
///     interpolation: ops::Sampling::Linear,
///     outside: ops::Outer::Zeros,
///     align_corners: true,
/// };
/// let y = sample.run(cx, x, grid, ViewMut::new(&mut y, [1, 1, 1, 2])?)?;
/// assert_eq!(y.as_slice()?, [2.5, 2.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridSample {
    /// How a value between pixels comes about.
    pub interpolation: Sampling,
    /// What lies outside.
    pub outside: Outer,
    /// Whether ±1 are the centres of the outermost pixels, or else their outer edges.
    pub align_corners: bool,
}

/// The pixels on an axis that a value comes from, with their weights.
#[derive(Clone, Copy)]
struct Taps {
    count: usize,
    /// `None` is a zero outside.
    at: [Option<usize>; 4],
    weight: [f32; 4],
}

impl GridSample {
    /// From x `[batch, channels, image…]` and `grid` `[batch, places…, axes]` to y `[batch, channels, places…]`.
    ///
    /// An image has 1 to 3 axes; the coordinates of a place begin with that on the last of them.
    pub fn run<'y, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, R>,
        grid: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let (dims, places) = (x.dims(), grid.dims());
        let axes = R.saturating_sub(2);
        let fits = (1..=MOST).contains(&axes) && places[0] == dims[0] && places[R - 1] == axes;
        require(fits, "grid", "have the batch of x, and as many coordinates as the image has axes")?;
        check_joined_dims(&[&dims[..2], &places[1..=axes]], &y.dims())?;
        let places = len(&places[1..=axes])?;
        self.sample(&dims, x.as_slice()?, places, grid.as_slice()?, y.as_mut_slice()?)?;
        Ok(y.into_view())
    }

    fn sample(self, dims: &[usize], x: &[f32], places: usize, grid: &[f32], y: &mut [f32]) -> Result<()> {
        let (batch, channels, sizes) = (dims[0], dims[1], &dims[2..]);
        let axes = sizes.len();
        if y.is_empty() {
            return Ok(());
        }
        require(!sizes.contains(&0), "x", "have pixels")?;
        let image = len(sizes)?;
        for place in 0..batch * places {
            let coordinates = &grid[place * axes..][..axes];
            let mut taps = [Taps { count: 1, at: [Some(0); 4], weight: [1.0; 4] }; MOST];
            for (axis, &size) in sizes.iter().enumerate() {
                taps[MOST - axes + axis] = self.taps(coordinates[axes - 1 - axis], size);
            }
            let mut strides = [0; MOST];
            let mut stride = 1;
            for (axis, &size) in sizes.iter().enumerate().rev() {
                strides[MOST - axes + axis] = stride;
                stride *= size;
            }
            for channel in 0..channels {
                let plane = place / places * channels + channel;
                let pixels = &x[plane * image..][..image];
                y[plane * places + place % places] = sample(pixels, &taps, strides);
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
        let scaled = if self.interpolation == Sampling::Nearest { nearest(scaled) } else { scaled };
        // Cubic convolution reaches further than the pixels around: it looks for what is outside pixel by pixel.
        let at = match self.outside {
            _ if self.interpolation == Sampling::Cubic => scaled,
            Outer::Border if scaled < low || scaled > high => scaled.clamp(0.0, last),
            Outer::Reflection => reflect(scaled, low, high),
            _ => scaled,
        };
        let first = floor(at);
        let t = at - first;
        let first = first as i64;
        let pixel = |place: i64| self.pixel(place, size, low, high);
        match self.interpolation {
            Sampling::Nearest => Taps { count: 1, at: [pixel(at as i64); 4], weight: [1.0; 4] },
            Sampling::Linear => {
                let at = [pixel(first), pixel(first.saturating_add(1)), None, None];
                Taps { count: 2, at, weight: [1.0 - t, t, 0.0, 0.0] }
            }
            Sampling::Cubic => {
                Taps { count: 4, at: [-1, 0, 1, 2].map(|i| pixel(first.saturating_add(i))), weight: cubic(t) }
            }
        }
    }

    fn pixel(self, place: i64, size: usize, low: f32, high: f32) -> Option<usize> {
        let last = size as i64 - 1;
        if (0..=last).contains(&place) {
            return Some(place as usize);
        }
        match self.outside {
            Outer::Zeros => None,
            Outer::Border => Some(place.clamp(0, last) as usize),
            Outer::Reflection => Some((reflect(place as f32, low, high) as i64).clamp(0, last) as usize),
        }
    }
}

fn sample(pixels: &[f32], taps: &[Taps; MOST], strides: [usize; MOST]) -> f32 {
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

/// The weights of the four pixels around a place at `t` of the way from the second to the third (Keys 1981).
fn cubic(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |d: f32| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f32| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// Mirrors a coordinate at both ends until it lies between them.
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
    // From 2²³ on every f32 is an integer.
    if x.abs() < 8_388_608.0 {
        let whole = x as i32 as f32;
        if whole > x { whole - 1.0 } else { whole }
    } else {
        x
    }
}

/// The nearest integer, halves to the even one.
fn nearest(x: f32) -> f32 {
    let low = floor(x);
    let rest = x - low;
    if rest > 0.5 || (rest == 0.5 && low % 2.0 != 0.0) { low + 1.0 } else { low }
}
