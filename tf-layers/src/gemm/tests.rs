//! Products of bytes: the same kernels with other numbers and other epilogues, against naive sums.

use core::ops::Range;

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::epilogue::{Tile, load, store};
use super::im2col::Windows;
use super::{Epilogue, Gemm, Lhs, RowMajor, pack_b};
use crate::simd::{Isa, MAX_SEGMENT, MulAdd, PANEL, Simd};
use crate::window::Axis;

/// i8·i8, four at a time, summed up in i32.
#[derive(Clone, Copy)]
struct I8;

impl MulAdd for I8 {
    type A = i8;
    type B = i8;
    type Sum = i32;

    const STEP: usize = 4;
    const ZEROS: &'static [i8] = &[0; MAX_SEGMENT];

    type Sums<S: Simd> = [i32; PANEL];
    type Broadcast<S: Simd> = [i8; 4];
    type Row<S: Simd> = [i8; 4 * PANEL];

    fn zero<S: Simd>(_: S) -> [i32; PANEL] {
        [0; PANEL]
    }
    fn broadcast<S: Simd>(_: S, x: &[i8]) -> [i8; 4] {
        let mut numbers = [0; 4];
        numbers[..x.len()].copy_from_slice(x);
        numbers
    }
    fn row<S: Simd>(_: S, w: &[i8]) -> [i8; 4 * PANEL] {
        let mut row = [0; 4 * PANEL];
        row.copy_from_slice(w);
        row
    }
    fn mul_add<S: Simd>(_: S, x: [i8; 4], w: [i8; 4 * PANEL], mut sums: [i32; PANEL]) -> [i32; PANEL] {
        for (sum, w) in sums.iter_mut().zip(w.chunks_exact(4)) {
            *sum += x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum::<i32>();
        }
        sums
    }
    fn add<S: Simd>(_: S, mut a: [i32; PANEL], b: [i32; PANEL]) -> [i32; PANEL] {
        for (a, b) in a.iter_mut().zip(b) {
            *a += b;
        }
        a
    }
    fn load<S: Simd>(_: S, sums: &[i32]) -> [i32; PANEL] {
        let mut all = [0; PANEL];
        all[..sums.len()].copy_from_slice(sums);
        all
    }
    fn store<S: Simd>(_: S, sums: [i32; PANEL], to: &mut [i32]) {
        to.copy_from_slice(&sums[..to.len()]);
    }
}

/// Stores the sums, those of a later block onto those of the ones before.
#[derive(Clone, Copy)]
struct Sums {
    accumulate: bool,
}

impl Epilogue<I8> for Sums {
    type Output = i32;
    const PARTIAL: bool = true;

    fn block(self, first: bool, _last: bool) -> Self {
        Self { accumulate: !first }
    }
    fn columns(self, _range: Range<usize>) -> Self {
        self
    }
    fn start<S: Simd, const MR: usize, const P: usize>(self, _: S, _: Tile) -> [[[i32; PANEL]; P]; MR] {
        [[[0; PANEL]; P]; MR]
    }
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        mut sums: [[[i32; PANEL]; P]; MR],
        c: &mut [i32],
    ) {
        for (i, sums) in sums.iter_mut().enumerate() {
            let c = tile.row_of(i, c);
            if self.accumulate {
                let before = load::<S, I8, P>(s, c);
                for (sums, before) in sums.iter_mut().zip(before) {
                    *sums = I8::add(s, *sums, before);
                }
            }
            store::<S, I8, P>(s, *sums, c);
        }
    }
}

/// Stores bytes, which cannot hold the sums of a part of the k: (sum + bias) / 64, saturated.
#[derive(Clone, Copy)]
struct Requantize<'a>(&'a [i32]);

impl Requantize<'_> {
    fn byte(sum: i32, bias: i32) -> i8 {
        ((sum + bias) >> 6).clamp(-128, 127) as i8
    }
}

impl Epilogue<I8> for Requantize<'_> {
    type Output = i8;
    const PARTIAL: bool = false;

    fn block(self, first: bool, last: bool) -> Self {
        assert!(first && last);
        self
    }
    fn columns(self, range: Range<usize>) -> Self {
        Self(&self.0[range])
    }
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[[i32; PANEL]; P]; MR] {
        [load::<S, I8, P>(s, tile.columns_of(self.0)); MR]
    }
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        _: S,
        tile: Tile,
        sums: [[[i32; PANEL]; P]; MR],
        c: &mut [i8],
    ) {
        for (i, sums) in sums.iter().enumerate() {
            for (c, &sum) in tile.row_of(i, c).iter_mut().zip(sums.iter().flatten()) {
                *c = Self::byte(sum, 0);
            }
        }
    }
}

/// Bytes that repeat after a long time.
fn bytes(len: usize, seed: u32) -> Vec<i8> {
    (0..len as u32).map(|i| ((i + seed).wrapping_mul(0x9e37_79b9) >> 21) as i8).collect()
}

/// Both epilogues of A·B, for A `[m, k]` as `a` finds its rows and `naive` lists them, and B `[k, n]`.
fn check(m: usize, k: usize, n: usize, a: impl Lhs<I8>, naive: &[i8], context: &str) {
    let b = bytes(k * n, 7);
    let mut panels = vec![1; n.div_ceil(PANEL) * PANEL * k.next_multiple_of(4)];
    pack_b::<I8>(&b, [n, 1], [k, n], &mut panels);
    // The same matrix, transposed in memory, is packed into the same panels.
    let transposed: Vec<i8> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
    let mut again = vec![1; panels.len()];
    pack_b::<I8>(&transposed, [1, k], [k, n], &mut again);
    assert_eq!(panels, again, "{context}");
    let sum = |i: usize| {
        let row = naive[i / n * k..][..k].iter().enumerate();
        row.map(|(p, &x)| i32::from(x) * i32::from(b[p * n + i % n])).sum::<i32>()
    };
    let sums: Vec<i32> = (0..m * n).map(sum).collect();
    let bias: Vec<i32> = (0..n as i32).map(|i| 100 * i - 300).collect();
    let quantized: Vec<i8> =
        sums.iter().enumerate().map(|(i, &sum)| Requantize::byte(sum, bias[i % n])).collect();
    for isa in Isa::available() {
        let mut c = vec![9; m * n];
        Gemm::with_epilogue(&panels, k, n, Sums { accumulate: false }).run_parallel(isa, m, a, &mut c);
        assert_eq!(c, sums, "{context} on {}", isa.name());
        let mut c = vec![9; m * n];
        Gemm::with_epilogue(&panels, k, n, Requantize(&bias)).run_parallel(isa, m, a, &mut c);
        assert_eq!(c, quantized, "{context} on {}", isa.name());
    }
}

#[test]
fn matrices() {
    for (m, k, n) in
        [(1, 1, 1), (1, 7, 100), (2, 16, 16), (5, 3, 17), (7, 33, 65), (30, 130, 70), (31, 2500, 33)]
    {
        let a = bytes(m * k, 1);
        check(m, k, n, RowMajor { data: &a, stride: k }, &a, &format!("{m}×{k}×{n}"));
    }
}

#[test]
fn windows() {
    // Small windows, that are copied where they reach into the padding; lines of a window; single taps; more taps than are
    // asked for at once.
    for (size, channels, kernel, padding, dilation) in [
        ([6, 7], 3, [3, 3], [1, 1], 1),
        ([6, 7], 20, [3, 3], [1, 1], 1),
        ([6, 9], 20, [2, 3], [0, 2], 2),
        ([12, 14], 4, [10, 10], [3, 3], 1),
    ] {
        let x = bytes(2 * size[0] * size[1] * channels, 3);
        let axes = [0, 1].map(|i| Axis::new(kernel[i], 1, dilation, [padding[i]; 2], size[i]).unwrap());
        let mut rows = Vec::new();
        for pixel in 0..2 * axes[0].output * axes[1].output {
            let (line, column) = (pixel / axes[1].output, pixel % axes[1].output);
            let (sample, line) = (line / axes[0].output, line % axes[0].output);
            for tap in 0..kernel[0] * kernel[1] {
                let at = axes[0].position(axes[0].origin(line), tap / kernel[1]);
                let at = at.zip(axes[1].position(axes[1].origin(column), tap % kernel[1]));
                let pixel = at.map(|(line, column)| (sample * size[0] + line) * size[1] + column);
                rows.extend((0..channels).map(|c| pixel.map_or(0, |pixel| x[pixel * channels + c])));
            }
        }
        let k = kernel[0] * kernel[1] * channels;
        let windows = Windows::new(&x, axes, channels, 0..channels);
        check(rows.len() / k, k, 18, windows, &rows, &format!("{kernel:?} over {size:?}"));
    }
}
