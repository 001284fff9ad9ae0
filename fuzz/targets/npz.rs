//! Parses any bytes as an NPZ archive and as `thresholds.json`.
#![no_main]

use cnn::Thresholds;
use libfuzzer_sys::fuzz_target;
use tf_layers::io::{NpyArray, Npz, NpzWriter};
use tf_layers::tensor::F16;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = Thresholds::from_json(text);
    }
    let Ok(npz) = Npz::parse(data) else { return };
    let names: Vec<_> = npz.names().map(String::from).collect();
    for name in names {
        if let Ok(array) = npz.get(&name) {
            read(&array);
            write(&name, &array);
        }
    }
});

/// An array can be read as at most one type, or converted.
fn read(array: &NpyArray) {
    let readable = [
        array.to_vec::<f32>().is_ok(),
        array.to_vec::<f64>().is_ok(),
        array.to_vec::<F16>().is_ok(),
        array.to_vec::<i8>().is_ok(),
        array.to_vec::<u8>().is_ok(),
        array.to_vec::<i32>().is_ok(),
        array.to_vec::<i64>().is_ok(),
        array.to_vec::<bool>().is_ok(),
    ];
    assert!(readable.iter().filter(|&&found| found).count() <= 1);
    let _ = array.to_vec_lossless::<i32>();
    let _ = array.to_vec_lossless::<f32>();
    let _ = array.to_vec_lossless::<u8>();
}

/// An array survives a round trip.
fn write(name: &str, array: &NpyArray) {
    let Ok(elements) = array.to_vec::<f32>() else { return };
    let mut writer = NpzWriter::new();
    if writer.add(name, array.shape(), &elements).is_err() {
        return;
    }
    let archive = writer.finish();
    let again = Npz::parse(&archive).expect("an archive that was just written");
    let again = again.get(name).expect("the only array");
    assert_eq!((again.shape(), again.bytes()), (array.shape(), array.bytes()));
}
