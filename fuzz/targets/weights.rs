//! Packs any archive for a model, and parses any bytes as packed weights.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lstm::LstmModel;
use tf_layers::io::{Blob, Entry, Npz, pack};
use tf_layers::tensor::F16;
use tf2rust_fuzz::{Damaged, Source};

const ARCHITECTURE: [u8; 32] = [7; 32];
/// Arrays of the model's archive with other types and sizes.
const ENTRIES: &[Entry] = &[
    Entry::winograd("conv_weight_0", [3, 3], 4, 13),
    Entry::matrices("lstm_weight_0", 4, 2, 24),
    Entry::winograd("lstm_weight_1", [1, 4], 6, 6),
    Entry::vector("verdict_weight_0", 6),
];
const MAGIC: &[u8] = b"TFLWEIGH";
/// The version of the format; blobs of another version are rejected before anything else is read.
const VERSION: u32 = 2;

fuzz_target!(|data: &[u8]| {
    if let Ok(npz) = Npz::parse(data) {
        for i in 0..ENTRIES.len() {
            let _ = pack(&npz, &ENTRIES[i..=i], ARCHITECTURE);
        }
        if let Ok(blob) = LstmModel::pack_weights(data) {
            LstmModel::from_weights(Damaged::new(&blob, 0).bytes()).expect("weights packed for the model");
        }
        return;
    }
    let mut source = Source::new(data);
    let mut bytes = data.to_vec();
    if source.byte() < 250 && bytes.len() >= 48 {
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..48].copy_from_slice(&ARCHITECTURE);
    }
    let placed = Damaged::new(&bytes, source.below(64));
    let parts = [placed.bytes(), placed.bytes()];
    let Ok(blob) = Blob::parse(&parts[..1 + source.below(2)], ARCHITECTURE) else { return };
    for index in 0..4 {
        let (rows, cols) = (source.below(1 << 20), source.below(1 << 20));
        let _ = blob.vector(index, rows);
        let _ = blob.typed::<bool>(index, rows).map(|found| found.iter().filter(|&&x| x).count());
        let _ = blob.typed::<f64>(index, cols);
        let _ = blob.typed::<F16>(index, cols);
        let _ = blob.matrices(index, source.below(9), rows, cols);
        let _ = blob.winograd(index, [source.below(9), source.below(9)], rows, cols);
        let _ = blob.matrix(index, usize::MAX / (rows + 1), cols);
    }
});
