//! The input and output transforms of a part of an image, tile by tile.

use super::transform::{Eight, Six, Transform, transform_input, transform_output};
use crate::gemm::Linear;
use crate::simd::{Kernel, Simd};
use crate::window::Axis;

/// Consecutive tiles of an image: all tiles of some lines, or some tiles of one line.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub line: usize,
    pub lines: usize,
    pub tile: usize,
    pub tiles: usize,
}

/// The input transform of a part.
pub(super) struct Inputs<'a> {
    pub axes: [Axis; 2],
    pub channels: usize,
    /// Input pixels of a tile.
    pub tile: usize,
    /// Output pixels of a tile.
    pub made: usize,
    pub part: Part,
    /// The image.
    pub x: &'a [f32],
    /// Elements of `values` from one value of the tiles to the next.
    pub pitch: usize,
    pub values: &'a mut [f32],
}

impl Kernel for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.tile == 8 { self.tiles::<S, Eight, 8>(s) } else { self.tiles::<S, Six, 6>(s) }
    }
}

impl Inputs<'_> {
    #[inline(always)]
    fn tiles<S: Simd, K: Transform<T>, const T: usize>(self, s: S) {
        let Self { axes: [vertical, horizontal], channels, made, part, pitch, values, .. } = self;
        let (line_len, width) = (part.tiles * channels, horizontal.input * channels);
        for (i, at) in (0..part.lines + vertical.size - 1).map(|i| (i, i * line_len)) {
            let Some(line) = vertical.position(vertical.origin(part.line), i) else {
                for value in values.chunks_exact_mut(pitch) {
                    value[at..at + line_len].fill(0.0);
                }
                continue;
            };
            let line = &self.x[line * width..][..width];
            for t in 0..part.tiles {
                let left = horizontal.origin((part.tile + t) * made);
                transform_input::<S, K, T>(s, line, left, channels, &mut values[at + t * channels..], pitch);
            }
        }
    }
}

/// The output transform of a part.
pub(super) struct Outputs<'a> {
    pub axes: [Axis; 2],
    pub channels: usize,
    /// Input pixels of a tile.
    pub tile: usize,
    /// Output pixels of a tile.
    pub made: usize,
    pub part: Part,
    /// Elements of `products` from one product of the tiles to the next.
    pub pitch: usize,
    pub products: &'a [f32],
    pub epilogue: Linear<'a>,
    /// Elements from one pixel of y to the next.
    pub stride: usize,
    /// The pixels of the part.
    pub y: &'a mut [f32],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.tile == 8 { self.tiles::<S, Eight, 8>(s) } else { self.tiles::<S, Six, 6>(s) }
    }
}

impl Outputs<'_> {
    #[inline(always)]
    fn tiles<S: Simd, K: Transform<T>, const T: usize>(self, s: S) {
        let Self { part, channels, made, pitch, products, epilogue, stride, .. } = self;
        let line_len = self.axes[1].output * stride;
        for (i, line) in self.y.chunks_mut(line_len).enumerate() {
            for t in 0..part.tiles {
                let products = &products[(i * part.tiles + t) * channels..];
                let y = &mut line[t * made * stride..];
                transform_output::<S, K, T>(s, products, [pitch, channels, made, stride], epilogue, y);
            }
        }
    }
}
