//! Products of other number types than f32, compared with a triple loop on every instruction set.
//!
//! They show what an 8-bit or a 16-bit product has to define: a `MulAdd`, and an `Epilogue` unless `Linear` fits.

use core::ops::Range;

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::epilogue::{Tile, load, store};
use super::im2col::Windows;
use super::{Epilogue, Gemm, Lhs, Linear, Rectifier, RowMajor, pack_b};
use crate::simd::{Accumulator, Accumulators, Isa, MAX_SEGMENT, MulAdd, PANEL, Simd};
use crate::tensor::F16;
use crate::window::Axis;

/// Scalar u8 × i8 → i32, four elements of k at a time as VNNI's `vpdpbusd` and NEON's `usdot` take them.
#[derive(Clone, Copy)]
struct U8I8;

impl MulAdd for U8I8 {
    type A = u8;
    type B = i8;
    type Acc = i32;

    const STEP: usize = 4;
    const ZEROS: &'static [u8] = &[0; MAX_SEGMENT];

    type Broadcast<S: Simd> = [u8; 4];
    type Row<S: Simd> = [i8; 4 * PANEL];

    fn broadcast<S: Simd>(_: S, x: &[u8]) -> [u8; 4] {
        let mut quad = [0; 4];
        quad[..x.len()].copy_from_slice(x);
        quad
    }
    fn row<S: Simd>(_: S, w: &[i8]) -> [i8; 4 * PANEL] {
        core::array::from_fn(|i| w[i])
    }
    #[inline(never)]
    fn mul_add<S: Simd>(_: S, x: [u8; 4], w: [i8; 4 * PANEL], mut sums: [i32; PANEL]) -> [i32; PANEL] {
        for (sum, w) in sums.iter_mut().zip(w.chunks_exact(4)) {
            *sum += x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum::<i32>();
        }
        sums
    }
}

impl Accumulator for i32 {
    type Panel<S: Simd> = [i32; PANEL];

    fn zero<S: Simd>(_: S) -> [i32; PANEL] {
        [0; PANEL]
    }
    fn add<S: Simd>(_: S, a: [i32; PANEL], b: [i32; PANEL]) -> [i32; PANEL] {
        core::array::from_fn(|i| a[i] + b[i])
    }
    fn load<S: Simd>(_: S, from: &[i32]) -> [i32; PANEL] {
        core::array::from_fn(|i| from.get(i).copied().unwrap_or(0))
    }
    fn store<S: Simd>(_: S, sums: [i32; PANEL], to: &mut [i32]) {
        to.copy_from_slice(&sums[..to.len()]);
    }
}

/// f32 × f16 → f32: weights that take half the memory. It shares the epilogue of f32.
#[derive(Clone, Copy)]
struct F32F16;

impl MulAdd for F32F16 {
    type A = f32;
    type B = F16;
    type Acc = f32;

    const STEP: usize = 1;
    const ZEROS: &'static [f32] = &[0.0; MAX_SEGMENT];

    type Broadcast<S: Simd> = S::F32;
    type Row<S: Simd> = S::Panel;

    fn broadcast<S: Simd>(s: S, x: &[f32]) -> S::F32 {
        s.splat(x[0])
    }
    fn row<S: Simd>(s: S, w: &[F16]) -> S::Panel {
        s.load_panel(&core::array::from_fn::<f32, PANEL, _>(|i| f32::from(w[i])))
    }
    fn mul_add<S: Simd>(s: S, x: S::F32, w: S::Panel, sums: S::Panel) -> S::Panel {
        s.panel_fma(x, w, sums)
    }
}

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
    fn start<S: Simd, const MR: usize, const P: usize>(self, _: S, _: Tile) -> Accumulators<S, i32, MR, P> {
        [[[0; PANEL]; P]; MR]
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

/// Stores i8 results, (sum + bias) / 64 saturated. C cannot hold partial sums, so k is not split.
#[derive(Clone, Copy)]
struct Requantize<'a> {
    bias: &'a [i32],
}

fn requantize(sum: i32) -> i8 {
    (sum >> 6).clamp(-128, 127) as i8
}

impl Epilogue<i32> for Requantize<'_> {
    type Output = i8;
    const PARTIAL_SUMS: bool = false;

    fn block(self, first: bool, last: bool) -> Self {
        assert!(first && last);
        self
    }
    fn columns(self, range: Range<usize>) -> Self {
        Self { bias: &self.bias[range] }
    }
    fn start<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
    ) -> Accumulators<S, i32, MR, P> {
        [load::<S, i32, P>(s, tile.columns_of(self.bias)); MR]
    }
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        _: S,
        tile: Tile,
        sums: Accumulators<S, i32, MR, P>,
        c: &mut [i8],
    ) {
        for (i, sums) in sums.iter().enumerate() {
            for (c, &sum) in tile.row_of(i, c).iter_mut().zip(sums.iter().flatten()) {
                *c = requantize(sum);
            }
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

/// Checks both 8-bit epilogues. `a` finds the rows of A, and `matrix` holds them.
fn check_u8_i8(size @ [m, k, n]: [usize; 3], a: impl Lhs<U8I8>, matrix: &[u8], context: &str) {
    let b: Vec<i8> = bytes(k * n, 7).map(u8::cast_signed).collect();
    let panels = packed::<U8I8>(&b, k, n);
    let sums = naive(size, |x, w| i32::from(matrix[x]) * i32::from(b[w]));
    let bias: Vec<i32> = (0..n as i32).map(|i| 100 * i - 300).collect();
    let quantized: Vec<i8> = sums.iter().enumerate().map(|(i, &sum)| requantize(sum + bias[i % n])).collect();
    for isa in Isa::available() {
        let context = format!("{context} on {}", isa.name());
        let plain = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, Sums { accumulate: false });
        let requantized = Gemm::<U8I8, _>::with_epilogue(&panels, k, n, Requantize { bias: &bias });
        for reverse in [false, true] {
            let mut c = vec![9; m * n];
            plain.reverse(reverse).run(isa, m, a, &mut c);
            assert_eq!(c, sums, "{context}");
            let mut c = vec![9; m * n];
            requantized.reverse(reverse).run_parallel(isa, m, a, &mut c);
            assert_eq!(c, quantized, "{context}");
        }
    }
}

#[test]
fn u8_i8_matrices() {
    for size @ [m, k, n] in SIZES {
        let a: Vec<u8> = bytes(m * k, 1).collect();
        check_u8_i8(size, RowMajor { data: &a, stride: k }, &a, &format!("{m}×{k}×{n}"));
    }
}

#[test]
fn u8_i8_windows() {
    // Windows that are copied where they reach into the padding; lines of a window; single taps; more taps than a
    // register tile has segments.
    for (size, channels, kernel, padding, dilation) in [
        ([6, 7], 3, [3, 3], [1, 1], 1),
        ([6, 7], 20, [3, 3], [1, 1], 1),
        ([6, 9], 20, [2, 3], [0, 2], 2),
        ([12, 14], 4, [10, 10], [3, 3], 1),
    ] {
        let x: Vec<u8> = bytes(2 * size[0] * size[1] * channels, 3).collect();
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
        check_u8_i8([rows.len() / k, k, 18], windows, &rows, &format!("{kernel:?} over {size:?}"));
    }
}

#[test]
fn f32_f16_matrices() {
    for size @ [m, k, n] in SIZES {
        // Small integers, so that no sum is rounded.
        let a: Vec<f32> = bytes(m * k, 1).map(|x| f32::from(x % 8)).collect();
        let b: Vec<F16> = bytes(k * n, 7).map(|w| F16::from_f32(f32::from(w % 16) - 8.0)).collect();
        let panels = packed::<F32F16>(&b, k, n);
        let bias: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let mut expected = naive(size, |x, w| a[x] * f32::from(b[w]));
        for (i, sum) in expected.iter_mut().enumerate() {
            *sum = (*sum + bias[i % n] + 9.0).max(0.0);
        }
        let epilogue =
            Linear { bias: Some(&bias), accumulate: true, rectifier: Rectifier::Clamp(0.0, f32::INFINITY) };
        for isa in Isa::available() {
            let mut c = vec![9.0; m * n];
            let rows = RowMajor { data: &a, stride: k };
            Gemm::<F32F16, _>::with_epilogue(&panels, k, n, epilogue).run_parallel(isa, m, rows, &mut c);
            assert_eq!(c, expected, "{m}×{k}×{n} on {}", isa.name());
        }
    }
}
