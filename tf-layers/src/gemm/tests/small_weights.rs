//! Products of floats with weights that take fewer bits.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::{Epilogue, Gemm, RowMajor, Scaled, pack_b, widen};
use super::{BIAS, MOST_COLUMNS, SIZES, bytes, naive, onto, packed};
use crate::simd::{F32, F32BF16, F32F16, F32I8, Isa, PANEL, SmallWeights};
use crate::tensor::{BF16, F16};

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
