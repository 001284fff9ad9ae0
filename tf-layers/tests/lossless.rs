//! Lossless conversion of arrays: only integers that the other type can represent.

use tf_layers::Result;
use tf_layers::io::{Element, FromInteger, Npz, NpzWriter};
use tf_layers::tensor::{BF16, F8E4M3FN, I4, U2};

fn read<S: Element, T: FromInteger>(data: &[S]) -> Result<Vec<T>> {
    let mut writer = NpzWriter::new();
    writer.add("x", &[data.len()], data)?;
    Npz::parse(&writer.finish())?.get("x")?.to_vec_lossless()
}

#[test]
fn representable_integers_are_converted() {
    assert_eq!(read(&[0_i64, -7, 300]), Ok(vec![0_i32, -7, 300]));
    assert_eq!(read(&[0.0_f32, -7.0, 300.0]), Ok(vec![0_i32, -7, 300]));
    assert_eq!(read(&[0.0_f64, -0.0, 16_777_216.0]), Ok(vec![0.0_f32, 0.0, 16_777_216.0]));
    assert_eq!(read(&[u64::MAX, 1 << 63]), Ok(vec![u64::MAX, 1 << 63]));
    assert_eq!(read(&[i64::MIN, 1 << 62]), Ok(vec![i64::MIN as f32, 4_611_686_018_427_387_904.0]));
    assert_eq!(read(&[true, false]), Ok(vec![1_u8, 0]));
    assert_eq!(read(&[1_u8, 0]), Ok(vec![true, false]));
    assert_eq!(read(&[1e30_f64]), Ok::<Vec<f64>, _>(vec![1e30]));
}

#[test]
fn the_same_type_is_not_converted() {
    let values = [0.5_f32, f32::INFINITY, -0.0];
    assert_eq!(read(&values), Ok(values.to_vec()));
    assert!(read::<_, f32>(&[f32::NAN]).is_ok_and(|x| x[0].is_nan()));
}

#[test]
fn types_that_numpy_lacks_are_bits_or_bytes() {
    let values = [0.1, 448.0].map(BF16::from_f32);
    assert_eq!(read(&values), Ok(values.to_vec()));
    assert_eq!(read(&[0x3f80_u16]), Ok(vec![BF16::from_f32(1.0)]));
    assert_eq!(read(&[1_i32, -448]), Ok([1.0, -448.0].map(F8E4M3FN::from_f32).to_vec()));
    assert!(read::<_, BF16>(&[257_i32]).is_err());
    assert_eq!(read(&[I4::new(-8), I4::new(7)]), Ok(vec![-8_i8, 7]));
    assert_eq!(read(&[-8_i8, 7]), Ok(vec![I4::new(-8), I4::new(7)]));
    assert_eq!(read(&[3.0_f32]), Ok(vec![U2::new(3)]));
    let error = read::<_, I4>(&[7_i8, 8]).unwrap_err().to_string();
    assert!(error.contains("element 1 of an array of I8 is not an integer that I4 can represent"), "{error}");
}

#[test]
fn other_values_are_errors() {
    assert!(read::<_, i32>(&[0.5_f32]).is_err());
    assert!(read::<_, f32>(&[0.5_f64]).is_err());
    assert!(read::<_, i32>(&[f32::NAN]).is_err());
    assert!(read::<_, i64>(&[f64::INFINITY]).is_err());
    assert!(read::<_, f32>(&[f64::NEG_INFINITY]).is_err());
    assert!(read::<_, i64>(&[1e19_f64]).is_err());
    assert!(read::<_, u64>(&[1e300_f64]).is_err());
    assert!(read::<_, i32>(&[1_i64 << 31]).is_err());
    assert!(read::<_, u8>(&[-1_i32]).is_err());
    assert!(read::<_, f32>(&[16_777_217_i32]).is_err());
    assert!(read::<_, f64>(&[u64::MAX]).is_err());
    assert!(read::<_, bool>(&[2_u8]).is_err());
    let error = read::<_, i32>(&[3.0_f32, 0.5]).unwrap_err().to_string();
    assert!(
        error.contains("element 1 of an array of F32 is not an integer that i32 can represent"),
        "{error}"
    );
}
