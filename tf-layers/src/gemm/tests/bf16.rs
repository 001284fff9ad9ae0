//! Products of `BF16`.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::im2col::Windows;
use super::super::{Gemm, Lhs, RowMajor, round_bf16};
use super::{
    BIAS, NEIGHBOURS, Neighbours, SIZES, TILES, aligned, bytes, naive, onto, packed, rows_of_windows,
};
use crate::simd::{BF16BF16, Isa};
use crate::tensor::BF16;
use crate::window::Axis;

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
        let rows = rows_of_windows(&x, axes, kernel, channels, 0..channels, BF16::default());
        let k = kernel[0] * kernel[1] * channels;
        let windows = Windows::new(&x, axes, channels, 0..channels);
        check_bf16([rows.len() / k, k, 18], windows, &rows, &format!("{kernel:?} over {channels} channels"));
    }
}

/// As for bytes.
#[test]
fn neighbouring_windows_of_bf16() {
    for images in NEIGHBOURS {
        let (axes, Neighbours { size, channels, kernel, group, .. }) = (images.axes(), images);
        let mut memory = Vec::new();
        let x = bf16(2 * size[0] * size[1] * channels, 3);
        let range = aligned(&x, &mut memory);
        let rows = rows_of_windows(&x, axes, kernel, channels, group.clone(), BF16::default());
        let k = kernel[0] * kernel[1] * group.len();
        let context = format!("{kernel:?} over {size:?} of {channels}");
        let windows = Windows::new(&memory[range], axes, channels, group);
        check_bf16([rows.len() / k, k, 70], windows, &rows, &context);
        let some = windows.skip_rows(7);
        check_bf16([rows.len() / k - 7, k, 18], some, &rows[7 * k..], &context);
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
        round_bf16(isa, (&x, x.len()), x.len(), (&mut y, x.len()));
        for (&x, &y) in x.iter().zip(&y) {
            let expected = BF16::from_f32(x);
            let flushed = x.is_subnormal() && y.to_bits() == BF16::from_f32(0.0f32.copysign(x)).to_bits();
            let same = y.to_bits() == expected.to_bits() || (y.is_nan() && x.is_nan()) || flushed;
            assert!(same, "{y} instead of {expected} for {x:e} on {}", isa.name());
        }
    }
}
