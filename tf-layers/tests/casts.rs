//! Casts from and to the types that only store numbers, and their quantization.

mod common;

use common::{on, view, view_mut};
use tf_layers::Isa;
use tf_layers::ops::{Cast, Quantization, Quantized, cast, cast_unsaturated};
use tf_layers::tensor::{F4E2M1, F8E4M3FN, F8E5M2, F8E8M0, F16, I2, I4, U2, U4};

/// The elements of `x` as `U`.
fn to<T: Cast<U>, U: Default + Copy, const N: usize>(x: [T; N]) -> [U; N] {
    let mut y = [U::default(); N];
    on(Isa::detect(), |cx| {
        cast(cx, view(&x, [N]), view_mut(&mut y, [N])).unwrap();
    });
    y
}

#[test]
fn casts_from_and_to_float16() {
    let narrow: [F16; 3] = to([0.1f64, 1e9, -2.0]);
    assert_eq!(narrow.map(F16::to_bits), [0x2e66, 0x7c00, 0xc000]);
    assert_eq!(to::<_, i8, 3>(narrow), [0, 127, -2]);
    assert_eq!(to::<_, bool, 3>([0.0f32, -0.0, 0.5].map(F16::from_f32)), [false, false, true]);
}

#[test]
fn casts_to_small_floats_saturate_unless_they_must_not() {
    let x = [1e6f32, f32::NEG_INFINITY, f32::NAN, 0.1];
    assert_eq!(to::<_, F8E4M3FN, 4>(x).map(F8E4M3FN::to_bits), [0x7e, 0xfe, 0x7f, 0x1d]);
    assert_eq!(to::<_, F4E2M1, 4>(x).map(F4E2M1::to_bits), [7, 15, 0, 0]);
    assert_eq!(to::<_, F8E8M0, 2>([true, false]).map(F8E8M0::to_bits), [127, 0]);
    let mut y = [F8E5M2::default(); 4];
    on(Isa::detect(), |cx| {
        cast_unsaturated(cx, view(&x, [4]), view_mut(&mut y, [4])).unwrap();
        assert!(cast_unsaturated(cx, view(&x, [4]), view_mut(&mut y[..3], [3])).is_err());
    });
    assert_eq!(y.map(F8E5M2::to_bits), [0x7c, 0xfc, 0x7e, 0x2e]);
    assert_eq!(to::<_, F16, 2>([y[3], y[1]]).map(f32::from), [0.093_75, f32::NEG_INFINITY]);
}

#[test]
fn casts_to_small_integers_keep_the_lower_bits() {
    let x = [-9.7f32, -1.5, 7.9, 8.0, 17.0, f32::NAN];
    assert_eq!(to::<_, I4, 6>(x).map(I4::get), [7, -1, 7, -8, 1, 0]);
    assert_eq!(to::<_, U4, 6>(x).map(U4::get), [7, 15, 7, 8, 1, 0]);
    assert_eq!(to::<_, I2, 3>([300i64, -129, 7]).map(I2::get), [0, -1, -1]);
    assert_eq!(to::<_, U2, 3>([300i64, -129, 7]).map(U2::get), [0, 3, 3]);
    assert_eq!(to::<_, F16, 2>([I4::new(-8), I4::new(7)]).map(f32::from), [-8.0, 7.0]);
}

fn quantized<T: Quantized>(x: [f32; 5], scale: f32, zero: T) -> [T; 5] {
    let mut y = [T::default(); 5];
    on(Isa::detect(), |cx| {
        let of = Quantization::default();
        let (scales, zeros) = ([scale], [zero]);
        of.quantize(cx, view(&x, [5]), view(&scales, [1]), Some(view(&zeros, [1])), view_mut(&mut y, [5]))
            .unwrap();
    });
    y
}

#[test]
fn quantization_saturates() {
    let x = [0.0, 3.0, -5.0, 1e9, f32::NEG_INFINITY];
    assert_eq!(quantized(x, 2.0, I4::new(1)).map(I4::get), [1, 3, -1, 7, -8]);
    assert_eq!(quantized(x, 2.0, U2::new(1)).map(U2::get), [1, 3, 0, 3, 0]);
    let floats = quantized(x, 2.0, F8E4M3FN::from_f32(0.5));
    assert_eq!(floats.map(f32::from), [0.5, 2.0, -2.0, 448.0, -448.0]);
    let mut y = [0.0; 5];
    on(Isa::detect(), |cx| {
        let of = Quantization::default();
        let zeros = [F8E4M3FN::from_f32(0.5)];
        of.dequantize(
            cx,
            view(&floats, [5]),
            view(&[2.0], [1]),
            Some(view(&zeros, [1])),
            view_mut(&mut y, [5]),
        )
        .unwrap();
    });
    assert_eq!(y, [0.0, 3.0, -5.0, 895.0, -897.0]);
}
