//! Products of other number types than f32, compared with a triple loop on every instruction set.

mod bf16;
mod bytes;
mod small_weights;

use core::ops::Range;

use alloc::vec;
use alloc::vec::Vec;

use super::{Linear, Rectifier, pack_b};
use crate::simd::{MulAdd, PANEL, TILE_BYTES};
use crate::window::Axis;

/// m, k and n: odd ones, a k of 1, those of whole tiles, and a k of several blocks.
const SIZES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [3, 1, 5],
    [1, 7, 101],
    [3, 5, 17],
    [2, 16, 16],
    [7, 33, 65],
    [31, 131, 71],
    [31, 2501, 33],
    [1, 257, 129],
];

/// m, k and n of products that are large enough for tile registers: a k of whole tiles and others, one tile of rows and
/// several, whole panels and others, and rows that fill the memory for copies several times. Where the processor has no tile
/// registers, they only run on vectors.
const TILES: [[usize; 3]; 11] = [
    [33, 64, 97],
    [49, 63, 81],
    [31, 65, 128],
    [32, 128, 49],
    [200, 36, 40],
    [8, 256, 97],
    [23, 576, 16],
    [65, 577, 17],
    [9, 6001, 19],
    [70, 1600, 40],
    [200, 1152, 17],
];

/// Pseudorandom bytes.
fn bytes(len: usize, seed: u32) -> impl Iterator<Item = u8> {
    (0..len as u32).map(move |i| ((i + seed).wrapping_mul(0x9e37_79b9) >> 21) as u8)
}

/// Packs B `[k, n]`, once from row-major and once from column-major order. Both must give the same panels.
fn packed<T: MulAdd>(b: &[T::B], k: usize, n: usize) -> Vec<T::B>
where
    T::B: PartialEq + core::fmt::Debug,
{
    let garbage = b[0];
    let mut panels = vec![garbage; n.div_ceil(PANEL) * PANEL * k.next_multiple_of(T::STEP)];
    pack_b::<T>(b, [n, 1], [k, n], &mut panels);
    let transposed: Vec<T::B> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
    let mut again = vec![garbage; panels.len()];
    pack_b::<T>(&transposed, [1, k], [k, n], &mut again);
    assert_eq!(panels, again, "{k}×{n}");
    panels
}

/// A·B for A `[m, k]` and B `[k, n]`, by three loops.
fn naive<C: Copy + Default + core::ops::AddAssign>(
    [m, k, n]: [usize; 3],
    product: impl Fn(usize, usize) -> C,
) -> Vec<C> {
    let mut c = vec![C::default(); m * n];
    for i in 0..m {
        for j in 0..n {
            for p in 0..k {
                c[i * n + j] += product(i * k + p, p * n + j);
            }
        }
    }
    c
}

/// The largest number of columns in `SIZES`.
const MOST_COLUMNS: usize = 129;

/// The biases of the tests of small weights: 0, 1, 2 …
static BIAS: [f32; MOST_COLUMNS] = {
    let mut bias = [0.0; MOST_COLUMNS];
    let mut i = 0;
    while i < MOST_COLUMNS {
        bias[i] = i as f32;
        i += 1;
    }
    bias
};

/// The epilogue of the tests of small weights: bias, previous contents and a rectifier.
fn onto(bias: &[f32]) -> Linear<'_> {
    Linear { bias: Some(bias), accumulate: true, rectifier: Rectifier::Clamp(0.0, f32::INFINITY) }
}

/// The windows of the channels `group` of two images as rows.
fn rows_of_windows<A: Copy>(
    x: &[A],
    axes: [Axis; 2],
    kernel: [usize; 2],
    channels: usize,
    group: Range<usize>,
    padding: A,
) -> Vec<A> {
    let size = axes.map(|axis| axis.input);
    let mut rows = Vec::new();
    for pixel in 0..2 * axes[0].output * axes[1].output {
        let (line, column) = (pixel / axes[1].output, pixel % axes[1].output);
        let (sample, line) = (line / axes[0].output, line % axes[0].output);
        for tap in 0..kernel[0] * kernel[1] {
            let at = axes[0].position(axes[0].origin(line), tap / kernel[1]);
            let at = at.zip(axes[1].position(axes[1].origin(column), tap % kernel[1]));
            let pixel = at.map(|(line, column)| (sample * size[0] + line) * size[1] + column);
            rows.extend(group.clone().map(|c| pixel.map_or(padding, |pixel| x[pixel * channels + c])));
        }
    }
    rows
}

/// The elements of `x` from a multiple of a cache line on.
fn aligned<A: Copy + Default>(x: &[A], memory: &mut Vec<A>) -> Range<usize> {
    memory.resize(x.len() + TILE_BYTES, A::default());
    let first = memory.as_ptr().align_offset(TILE_BYTES);
    memory[first..first + x.len()].copy_from_slice(x);
    first..first + x.len()
}

/// Two images whose windows tile registers read in place.
struct Neighbours {
    size: [usize; 2],
    channels: usize,
    kernel: [usize; 2],
    dilation: usize,
    /// The channels of the group.
    group: Range<usize>,
}

impl Neighbours {
    fn axes(&self) -> [Axis; 2] {
        [0, 1].map(|i| Axis::new(self.kernel[i], 1, self.dilation, [0; 2], self.size[i]).unwrap())
    }
}

/// Several blocks of windows, blocks that end in the middle of a line, one that ends an image, lines of a window and single taps,
/// and images that are too small.
const NEIGHBOURS: [Neighbours; 6] = [
    Neighbours { size: [9, 8], channels: 64, kernel: [3, 3], dilation: 1, group: 0..64 },
    Neighbours { size: [7, 40], channels: 64, kernel: [2, 3], dilation: 1, group: 0..64 },
    Neighbours { size: [11, 10], channels: 128, kernel: [3, 3], dilation: 2, group: 64..128 },
    Neighbours { size: [40, 5], channels: 192, kernel: [1, 1], dilation: 1, group: 64..192 },
    Neighbours { size: [12, 12], channels: 32, kernel: [3, 2], dilation: 1, group: 0..32 },
    Neighbours { size: [4, 5], channels: 64, kernel: [3, 3], dilation: 1, group: 0..64 },
];
