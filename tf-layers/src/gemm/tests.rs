//! Products of other number types than f32, compared with a triple loop on every instruction set.

use core::ops::Range;

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::epilogue::{Tile, load, store};
use super::im2col::Windows;
use super::{
    Dequantize, Epilogue, Gemm, Lhs, Linear, Rectifier, Requantize, Rounding, RowMajor, Scaled, pack_b,
    round_bf16, widen,
};
use crate::simd::{
    Accumulator, Accumulators, BF16BF16, F32, F32BF16, F32F16, F32I8, Isa, MAX_SEGMENT, MulAdd, PANEL, Simd,
    SmallWeights, U8I8,
};
use crate::tensor::{BF16, F16};
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

/// Checks the epilogues of products of bytes. `a` finds the rows of A, and `matrix` holds them as unsigned bytes.
fn check_bytes(size @ [m, k, n]: [usize; 3], a: impl Lhs<U8I8>, flip: u8, matrix: &[u8], context: &str) {
    let b: Vec<i8> = bytes(k * n, 7).map(u8::cast_signed).collect();
    let panels = packed::<U8I8>(&b, k, n);
    let sums = naive(size, |x, w| i32::from(matrix[x]) * i32::from(b[w]));
    let offsets: Vec<i32> = (0..n as i32).map(|i| 100 * i - 300).collect();
    let multipliers: Vec<f32> = (0..n).map(|i| 0.3 / (1 + i) as f32 / k as f32).collect();
    let scaled = |i: usize| (sums[i] + offsets[i % n]) as f32 * multipliers[i % n];
    let quantized: Vec<u8> =
        (0..m * n).map(|i| (scaled(i).round_ties_even() as i32 + 100).clamp(3, 200) as u8).collect();
    let (factor, scale) = (-7, 0.37);
    let scaled = |i: usize| (sums[i] + factor * offsets[i % n]) as f32 * (scale * multipliers[i % n]);
    let floats: Vec<f32> = (0..m * n).map(|i| (scaled(i) + (i % n) as f32).clamp(-1e3, 1e3)).collect();
    let float_bias: Vec<f32> = (0..n).map(|i| i as f32).collect();
    for isa in Isa::available() {
        let context = format!("{context} on {}", isa.name());
        let plain = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, Sums { accumulate: false });
        let requantize = Requantize {
            bias: &offsets,
            multipliers: &multipliers,
            rounding: Rounding { zero_point: 100, low: -97, high: 100, flip: 0 },
        };
        let requantized = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, requantize);
        let bias = Some(&*float_bias);
        let bounds = [-1e3, 1e3];
        let (offsets, multipliers) = (&*offsets, &*multipliers);
        let wide = Dequantize::<false> { offsets, factor, multipliers, scale, bias, bounds };
        let narrow = Dequantize::<true> { offsets, factor, multipliers, scale, bias, bounds };
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

/// The windows of two images as rows.
fn rows_of_windows<A: Copy>(
    x: &[A],
    axes: [Axis; 2],
    kernel: [usize; 2],
    channels: usize,
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
            rows.extend((0..channels).map(|c| pixel.map_or(padding, |pixel| x[pixel * channels + c])));
        }
    }
    rows
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
            let rows = rows_of_windows(&x, axes, kernel, channels, zero);
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

/// Numbers of `BF16` of both signs and of magnitudes from 2⁻⁶ to 2.
fn bf16(len: usize, seed: u32) -> Vec<BF16> {
    let bits = bytes(len, seed).zip(bytes(len, seed + 99));
    bits.map(|(a, b)| {
        BF16::from_bits(u16::from(a & 0x80) << 8 | (0x3c80 + u16::from(b % 5) * 0x80) | u16::from(a & 0x7f))
    })
    .collect()
}

/// Checks products of `BF16`. `a` finds the rows of A, and `matrix` holds them. Each of the k sums in `f32` may be off by
/// half a unit in the last place of the sum of all magnitudes.
fn check_bf16(size @ [m, k, n]: [usize; 3], a: impl Lhs<BF16BF16>, matrix: &[BF16], context: &str) {
    let b = bf16(k * n, 7);
    let panels = packed::<BF16BF16>(&b, k, n);
    let term = |x: usize, w: usize| f64::from(matrix[x]) * f64::from(b[w]);
    let (exact, magnitudes) = (naive(size, term), naive(size, |x, w| term(x, w).abs()));
    for isa in Isa::available() {
        let mut c = vec![9.0; m * n];
        Gemm::<BF16BF16, _>::with_epilogue(&panels, k, n, onto(&BIAS[..n])).run_parallel(isa, m, a, &mut c);
        for (i, &found) in c.iter().enumerate() {
            let bias = (i % n) as f64;
            let (expected, magnitude) = ((exact[i] + bias + 9.0).max(0.0), magnitudes[i] + bias + 9.0);
            let tolerance = (k + 2) as f64 * f64::from(f32::EPSILON) / 2.0 * magnitude;
            let off = (f64::from(found) - expected).abs();
            assert!(off <= tolerance, "{context} on {}: {found} instead of {expected}", isa.name());
        }
    }
}

#[test]
fn products_of_bf16() {
    for size @ [m, k, n] in SIZES.into_iter().chain(TILES) {
        let a = bf16(m * k, 1);
        check_bf16(size, RowMajor { data: &a, stride: k }, &a, &format!("{m}×{k}×{n}"));
    }
}

#[test]
fn windows_of_bf16() {
    // Read in place; copied, as they are small or their taps are not whole steps; tap by tap.
    for (channels, kernel, padding) in
        [(22, [3, 3], 1), (3, [3, 3], 1), (33, [3, 2], 0), (64, [1, 1], 0), (64, [3, 3], 1)]
    {
        let size = [6, 7];
        let x = bf16(2 * size[0] * size[1] * channels, 3);
        let axes = [0, 1].map(|i| Axis::new(kernel[i], 1, 1, [padding; 2], size[i]).unwrap());
        let rows = rows_of_windows(&x, axes, kernel, channels, BF16::default());
        let k = kernel[0] * kernel[1] * channels;
        let windows = Windows::new(&x, axes, channels, 0..channels);
        check_bf16([rows.len() / k, k, 18], windows, &rows, &format!("{kernel:?} over {channels} channels"));
    }
}

/// Every upper half of a float with the lower halves at which rounding changes. Instruction sets with products of `BF16` round
/// subnormal numbers to zero.
#[test]
fn rounding_to_bf16() {
    let lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
    let x: Vec<f32> = (0..=u16::MAX)
        .flat_map(|upper| lower.map(|lower| f32::from_bits(u32::from(upper) << 16 | lower)))
        .collect();
    for isa in Isa::available() {
        let mut y = vec![BF16::default(); x.len()];
        round_bf16(isa, &x, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let expected = BF16::from_f32(x);
            let flushed = x.is_subnormal() && y.to_bits() == BF16::from_f32(0.0f32.copysign(x)).to_bits();
            let same = y.to_bits() == expected.to_bits() || (y.is_nan() && x.is_nan()) || flushed;
            assert!(same, "{y} instead of {expected} for {x:e} on {}", isa.name());
        }
    }
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

/// The scales of the tests of small weights: powers of 2, so that no product is rounded.
static SCALES: [f32; MOST_COLUMNS] = {
    let mut scales = [1.0; MOST_COLUMNS];
    let mut i = 0;
    while i < MOST_COLUMNS {
        scales[i] = [0.5, 1.0, 2.0][i % 3];
        i += 1;
    }
    scales
};

/// The epilogue of the tests of small weights: bias, previous contents and a rectifier.
fn onto(bias: &[f32]) -> Linear<'_> {
    Linear { bias: Some(bias), accumulate: true, rectifier: Rectifier::Clamp(0.0, f32::INFINITY) }
}

/// Checks products of f32 and `T`, whose numbers are those of `of`, in registers and with widened weights. `epilogue` has
/// the options of [`onto`].
fn check_small<T: SmallWeights, E: Epilogue<f32, Output = f32>>(
    of: impl Fn(i8) -> T::B,
    scales: Option<&'static [f32]>,
    epilogue: impl Fn(&'static [f32], &'static [f32]) -> E,
) where
    T::B: PartialEq + core::fmt::Debug,
{
    for size @ [m, k, n] in SIZES {
        // Small integers, so that no sum is rounded.
        let a: Vec<f32> = bytes(m * k, 1).map(|x| f32::from(x % 8)).collect();
        let b: Vec<i8> = bytes(k * n, 7).map(|w| (w % 16) as i8 - 8).collect();
        let panels = packed::<T>(&b.iter().map(|&w| of(w)).collect::<Vec<_>>(), k, n);
        let (bias, scales) = (&BIAS[..n], scales.map(|scales| &scales[..n]));
        let scale = scales.map_or_else(|| vec![1.0; n], <[f32]>::to_vec);
        let mut expected = naive(size, |x, w| a[x] * f32::from(b[w]) * scale[w % n]);
        for (i, sum) in expected.iter_mut().enumerate() {
            *sum = (*sum + bias[i % n] + 9.0).max(0.0);
        }
        let rows = RowMajor { data: &a, stride: k };
        let wide: Vec<f32> = (0..k * n).map(|i| f32::from(b[i]) * scale[i % n]).collect();
        let wide = packed::<F32>(&wide, k, n);
        for isa in Isa::available() {
            let context = format!("{m}×{k}×{n} on {}", isa.name());
            let mut c = vec![9.0; m * n];
            let epilogue = epilogue(bias, scales.unwrap_or_default());
            Gemm::<T, _>::with_epilogue(&panels, k, n, epilogue).run_parallel(isa, m, rows, &mut c);
            assert_eq!(c, expected, "{context}");
            let mut widened = vec![f32::NAN; wide.len()];
            widen::<T>(isa, &panels, [k, n], scales, &mut widened);
            assert_eq!(widened, wide, "{context}");
        }
    }
}

#[test]
fn matrices_of_f16() {
    check_small::<F32F16, _>(|w| F16::from_f32(w.into()), None, |bias, _| onto(bias));
}

#[test]
fn matrices_of_bf16() {
    check_small::<F32BF16, _>(|w| BF16::from_f32(w.into()), None, |bias, _| onto(bias));
}

#[test]
fn scaled_matrices_of_i8() {
    check_small::<F32I8, _>(|w| w, Some(&SCALES), |bias, scales| Scaled { scales, linear: onto(bias) });
}

/// Every number of 16 bits, subnormal numbers, infinities and NaN among them, and every byte becomes the float that
/// scalar code makes of it.
#[test]
fn every_small_weight() {
    fn check<T: SmallWeights>(weights: &[T::B], expected: &[f32]) {
        for isa in Isa::available() {
            let k = weights.len() / PANEL;
            let mut floats = vec![9.0; weights.len()];
            let mut panels = vec![T::B::default(); k.next_multiple_of(T::STEP) * PANEL];
            pack_b::<T>(weights, [PANEL, 1], [k, PANEL], &mut panels);
            widen::<T>(isa, &panels, [k, PANEL], None, &mut floats);
            for (found, expected) in floats.iter().zip(expected) {
                let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
                assert!(same, "{found} instead of {expected} on {}", isa.name());
            }
        }
    }
    let f16: Vec<F16> = (0..=u16::MAX).map(F16::from_bits).filter(|x| !x.is_nan()).collect();
    let f16 = [&f16[..f16.len() / PANEL * PANEL], &[F16::from_bits(0x7e00); PANEL]].concat();
    check::<F32F16>(&f16, &f16.iter().map(|&x| x.into()).collect::<Vec<_>>());
    let bf16: Vec<BF16> = (0..=u16::MAX).map(BF16::from_bits).filter(|x| !x.is_nan()).collect();
    let bf16 = [&bf16[..bf16.len() / PANEL * PANEL], &[BF16::from_bits(0x7fc0); PANEL]].concat();
    check::<F32BF16>(&bf16, &bf16.iter().map(|&x| x.into()).collect::<Vec<_>>());
    let i8: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    check::<F32I8>(&i8, &i8.iter().map(|&x| x.into()).collect::<Vec<_>>());
}
