//! Products of bytes.

use core::ops::Range;

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::epilogue::{Tile, load, store};
use super::super::im2col::Windows;
use super::super::{Dequantize, Epilogue, Gemm, Lhs, Requantize, Rounding, RowMajor, ZeroPoints};
use super::{NEIGHBOURS, Neighbours, SIZES, TILES, aligned, bytes, naive, packed, rows_of_windows};
use crate::simd::{Accumulator, Accumulators, Isa, MAX_SEGMENT, Simd, U8I8};
use crate::window::Axis;

/// Stores i32 sums. C holds partial sums, so k is split into blocks.
#[derive(Clone, Copy)]
struct Sums {
    accumulate: bool,
}

impl Epilogue<i32> for Sums {
    type Output = i32;
    const PARTIAL_SUMS: bool = true;

    fn block(self, first: bool, _last: bool) -> Self {
        Self { accumulate: self.accumulate || !first }
    }
    fn columns(self, _range: Range<usize>) -> Self {
        self
    }
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, _: Tile) -> Accumulators<S, i32, MR, P> {
        [[i32::zero(s); P]; MR]
    }
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        mut sums: Accumulators<S, i32, MR, P>,
        c: &mut [i32],
    ) {
        for (i, sums) in sums.iter_mut().enumerate() {
            let c = tile.row_of(i, c);
            if self.accumulate {
                let before = load::<S, i32, P>(s, c);
                for (sums, before) in sums.iter_mut().zip(before) {
                    *sums = i32::add(s, *sums, before);
                }
            }
            store::<S, i32, P>(s, *sums, c);
        }
    }
}

/// Checks the epilogues of products of bytes. `a` finds the rows of A, and `matrix` holds them as unsigned bytes.
fn check_bytes(size @ [m, k, n]: [usize; 3], a: impl Lhs<U8I8>, flip: u8, matrix: &[u8], context: &str) {
    let b: Vec<i8> = bytes(k * n, 7).map(u8::cast_signed).collect();
    let panels = packed::<U8I8>(&b, k, n);
    let sums = naive(size, |x, w| i32::from(matrix[x]) * i32::from(b[w]));
    let offsets: Vec<i32> = (0..n as i32).map(|i| 100 * i - 300).collect();
    let multipliers: Vec<f32> = (0..n).map(|i| 0.3 / (1 + i) as f32 / k as f32).collect();
    let columns: Vec<i32> = (0..n as i32).map(|i| 131 * i % 255 - 127).collect();
    let row_sums: Vec<i32> =
        (0..m).map(|i| matrix[i * k..][..k].iter().map(|&x| i32::from(x)).sum()).collect();
    let taken = |i: usize| row_sums[i / n] * columns[i % n];
    let scaled = |i: usize| (sums[i] - taken(i) + offsets[i % n]) as f32 * multipliers[i % n];
    let quantized: Vec<u8> =
        (0..m * n).map(|i| (scaled(i).round_ties_even() as i32 + 100).clamp(3, 200) as u8).collect();
    let (factor, scale) = (-7, 0.37);
    let scaled =
        |i: usize| (sums[i] - taken(i) + factor * offsets[i % n]) as f32 * (scale * multipliers[i % n]);
    let floats: Vec<f32> = (0..m * n).map(|i| (scaled(i) + (i % n) as f32).clamp(-1e3, 1e3)).collect();
    let float_bias: Vec<f32> = (0..n).map(|i| i as f32).collect();
    for isa in Isa::available() {
        let context = format!("{context} on {}", isa.name());
        let plain = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, Sums { accumulate: false });
        let zero_points = Some(ZeroPoints { columns: &columns, row_sums: &row_sums });
        let requantize = Requantize {
            bias: &offsets,
            zero_points,
            multipliers: &multipliers,
            rounding: Rounding { zero_point: 100, low: -97, high: 100, flip: 0 },
        };
        let requantized = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, requantize);
        let bias = Some(&*float_bias);
        let bounds = [-1e3, 1e3];
        let (offsets, multipliers) = (&*offsets, &*multipliers);
        let wide = Dequantize::<false> { offsets, factor, zero_points, multipliers, scale, bias, bounds };
        let narrow = Dequantize::<true> { offsets, factor, zero_points, multipliers, scale, bias, bounds };
        for reverse in [false, true] {
            let mut c = vec![9; m * n];
            plain.setup(flip).reverse(reverse).run(isa, m, a, &mut c);
            assert_eq!(c, sums, "{context}");
            let mut c = vec![9; m * n];
            requantized.setup(flip).reverse(reverse).run_parallel(isa, m, a, &mut c);
            assert_eq!(c, quantized, "{context}");
        }
        let mut c = [vec![9.0; m * n], vec![9.0; m * n]];
        Gemm::<U8I8, _>::with_epilogue(&panels, k, n, wide).setup(flip).run_parallel(isa, m, a, &mut c[0]);
        Gemm::<U8I8, _>::with_epilogue(&panels, k, n, narrow).setup(flip).run_parallel(isa, m, a, &mut c[1]);
        assert!(c.iter().all(|c| *c == floats), "{context}");
    }
}

/// The unsigned bytes that signed ones with these bits are plus 128.
fn flipped(bits: &[u8]) -> Vec<u8> {
    bits.iter().map(|bits| bits ^ 0x80).collect()
}

#[test]
fn matrices_of_bytes() {
    for size @ [m, k, n] in SIZES {
        let a: Vec<u8> = bytes(m * k, 1).collect();
        let (rows, context) = (RowMajor { data: &a, stride: k }, format!("{m}×{k}×{n}"));
        check_bytes(size, rows, 0, &a, &context);
        check_bytes(size, rows, 0x80, &flipped(&a), &context);
    }
}

/// Rows that begin with cache lines are read in place.
#[test]
fn tiles_of_bytes() {
    for size @ [m, k, n] in TILES {
        for offset in [0, 1] {
            let bytes: Vec<u8> = bytes(m * k + 64, 1).collect();
            let first = (bytes.as_ptr().align_offset(64) + offset) % 64;
            let (a, context) = (&bytes[first..][..m * k], format!("{m}×{k}×{n} + {offset}"));
            let rows = RowMajor { data: a, stride: k };
            check_bytes(size, rows, 0, a, &context);
            check_bytes(size, rows, 0x80, &flipped(a), &context);
        }
    }
}

#[test]
fn extreme_bytes() {
    // The largest sums of each sign that fit `i32`: 65 792 products of 255·−128, or 66 310 of 255·127.
    for (w, k, n) in [(-128, 65_792, 3), (127, 66_309, 17), (-128, 7, 3), (127, 6, 17)] {
        // Few rows, and as many as make it worth to widen operands.
        let m = 13;
        let a = vec![255; m * k];
        let panels = packed::<U8I8>(&vec![w; k * n], k, n);
        let sum = 255 * i32::from(w) * k as i32;
        for isa in Isa::available() {
            for m in [1, m] {
                let mut c = vec![9; m * n];
                let rows = RowMajor { data: &a, stride: k };
                let sums = Sums { accumulate: false };
                Gemm::<U8I8, _>::with_epilogue(&panels, k, n, sums).run(isa, m, rows, &mut c);
                assert_eq!(c, vec![sum; m * n], "{m} rows, {w}, {k} on {}", isa.name());
            }
        }
    }
}

#[test]
fn windows_of_bytes() {
    // Windows that are copied where they reach into the padding; lines of a window; single taps; more taps than a
    // register tile has segments; taps and lines that are not whole steps.
    for (size, channels, kernel, padding, dilation) in [
        ([6, 7], 3, [3, 3], [1, 1], 1),
        ([6, 7], 20, [3, 3], [1, 1], 1),
        ([6, 9], 20, [2, 3], [0, 2], 2),
        ([12, 14], 4, [10, 10], [3, 3], 1),
        ([6, 7], 30, [3, 3], [1, 1], 1),
        ([6, 7], 22, [3, 4], [1, 1], 1),
        ([5, 9], 63, [3, 2], [2, 1], 2),
        ([6, 7], 64, [3, 3], [1, 1], 1),
        ([6, 7], 64, [2, 2], [2, 1], 2),
        ([9, 7], 60, [3, 3], [1, 1], 1),
    ] {
        for zero in [0, 0x80, 200] {
            let x: Vec<u8> = bytes(2 * size[0] * size[1] * channels, 3).collect();
            let axes = [0, 1].map(|i| Axis::new(kernel[i], 1, dilation, [padding[i]; 2], size[i]).unwrap());
            let rows = rows_of_windows(&x, axes, kernel, channels, 0..channels, zero);
            let k = kernel[0] * kernel[1] * channels;
            let (size, context) = ([rows.len() / k, k, 18], format!("{kernel:?} over {size:?}, {zero}"));
            let padding = [zero; MAX_SEGMENT];
            for flip in [0, 0x80] {
                let windows = Windows::new(&x, axes, channels, 0..channels).padding(&padding, zero == flip);
                let rows: Vec<u8> = rows.iter().map(|x| x ^ flip).collect();
                check_bytes(size, windows, flip, &rows, &context);
            }
        }
    }
}

/// Tile registers read the windows in place if they need no padding.
#[test]
fn neighbouring_windows_of_bytes() {
    for images in NEIGHBOURS {
        let (axes, Neighbours { size, channels, kernel, group, .. }) = (images.axes(), images);
        let mut memory = Vec::new();
        let x: Vec<u8> = bytes(2 * size[0] * size[1] * channels, 3).collect();
        let range = aligned(&x, &mut memory);
        let rows = rows_of_windows(&x, axes, kernel, channels, group.clone(), 0);
        let k = kernel[0] * kernel[1] * group.len();
        let context = format!("{kernel:?} over {size:?} of {channels}");
        let windows = Windows::new(&memory[range], axes, channels, group);
        check_bytes([rows.len() / k, k, 70], windows, 0, &rows, &context);
        // Some of the windows, as a thread has them.
        let some = windows.skip_rows(7);
        check_bytes([rows.len() / k - 7, k, 18], some, 0, &rows[7 * k..], &context);
    }
}

/// Tile registers take groups of rows that fit the level-2 cache, and at least one row.
#[test]
fn rows_that_are_longer_than_the_caches() {
    let [m, k, n] = [32, 640 * 1024, 16];
    let (mut memory, panels) = (Vec::new(), vec![1; k * n]);
    let range = aligned(&vec![1; m * k], &mut memory);
    let a = RowMajor { data: &memory[range], stride: k };
    for isa in Isa::available().filter(|isa| isa.tiles().is_some()) {
        let mut c = vec![9; m * n];
        Gemm::<U8I8, _>::with_epilogue(&panels, k, n, Sums { accumulate: false }).run(isa, m, a, &mut c);
        assert_eq!(c, vec![k as i32; m * n]);
    }
}
