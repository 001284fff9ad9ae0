//! NPZ archives and packed blobs: round trips, errors, and malformed input.

use tf_layers::Error;
use tf_layers::io::{Aligned, Blob, Dtype, Entry, ModelWeights, Npz, NpzWriter, pack, pack_models};
use tf_layers::tensor::{BF16, F16};

const ARCHITECTURE: [u8; 32] = [7; 32];

fn archive() -> Vec<u8> {
    let mut writer = NpzWriter::new();
    writer.add("w", &[2, 2, 20], &(0..80).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
    writer.add("b", &[20], &[0.5f32; 20]).unwrap();
    writer.add("ids", &[3], &[1i64, -2, 3]).unwrap();
    writer.add("flags", &[2], &[true, false]).unwrap();
    writer.add("scalar", &[], &[4.0f64]).unwrap();
    writer.add::<u8>("empty", &[0, 3], &[]).unwrap();
    writer.finish()
}

const ENTRIES: [Entry; 5] = [
    Entry::matrix("w", 4, 20),
    Entry::vector("b", 20),
    Entry::typed("ids", Dtype::I64, 3),
    Entry::typed("flags", Dtype::Bool, 2),
    Entry::matrices("w", 2, 4, 10),
];

/// Copies bytes to memory aligned to 64, which a `Vec` does not guarantee.
fn aligned<R>(bytes: &[u8], use_them: impl FnOnce(&[u8]) -> R) -> R {
    let mut space = Box::new(Aligned([0u8; 4096]));
    space.0[..bytes.len()].copy_from_slice(bytes);
    use_them(&space.0[..bytes.len()])
}

#[test]
fn npz_round_trip() {
    let archive = archive();
    let npz = Npz::parse(&archive).unwrap();
    assert_eq!(npz.names().collect::<Vec<_>>(), ["w", "b", "ids", "flags", "scalar", "empty"]);
    let w = npz.get("w").unwrap();
    assert_eq!((w.dtype(), w.shape()), (Dtype::F32, &[2, 2, 20][..]));
    assert_eq!(w.to_vec::<f32>().unwrap()[79], 79.0);
    assert_eq!(npz.get("ids").unwrap().to_vec::<i64>().unwrap(), [1, -2, 3]);
    assert_eq!(npz.get("flags").unwrap().to_vec::<bool>().unwrap(), [true, false]);
    assert_eq!(npz.get("scalar").unwrap().to_vec::<f64>().unwrap(), [4.0]);
    assert_eq!(npz.get("empty").unwrap().to_vec::<u8>().unwrap(), []);
    assert!(matches!(npz.get("w").unwrap().to_vec::<f64>(), Err(Error::Npz(_))));
    assert!(matches!(npz.get("none"), Err(Error::Npz(_))));
    assert!(NpzWriter::new().add("x", &[2], &[1.0f32]).is_err());
}

/// Panels of bytes have the elements of four rows side by side for each column.
#[test]
fn matrices_of_bytes() {
    let bytes: Vec<i8> = (0..5 * 34).map(|i| (i % 127) as i8).collect();
    let mut writer = NpzWriter::new();
    writer.add("w", &[5, 34], &bytes).unwrap();
    let archive = writer.finish();
    let entries =
        [Entry::typed_matrix("w", Dtype::I8, 5, 34), Entry::typed_matrices("w", Dtype::I8, 2, 5, 17)];
    let blob = pack(&Npz::parse(&archive).unwrap(), &entries, ARCHITECTURE).unwrap();
    // 3 panels, and 2 matrices of 2 panels, each of 2 rows of 64 bytes.
    let packed = |group: usize, cols: usize| {
        let at = move |row: usize, column: usize| {
            let inside = row < 5 && column < cols;
            if inside { bytes_at(row * 34 + group * cols + column) } else { 0 }
        };
        let quads = (0..cols.div_ceil(16)).flat_map(|panel| (0..2).map(move |quad| (panel, quad)));
        quads.flat_map(move |(panel, quad)| {
            (0..64).map(move |i| at(quad * 4 + i % 4, panel * 16 + i / 4)).collect::<Vec<u8>>()
        })
    };
    let expected: Vec<u8> = packed(0, 34).chain(packed(0, 17)).chain(packed(1, 17)).collect();
    assert!(blob.ends_with(&expected));
    aligned(&blob, |blob| {
        let parts = [blob];
        let blob = Blob::parse(&parts, ARCHITECTURE).unwrap();
        assert_eq!(blob.typed_matrix::<i8>(0, 5, 34).unwrap().rows(), 5);
        assert_eq!(blob.typed_matrices::<i8>(1, 2, 5, 17).unwrap().groups(), 2);
        assert!(blob.typed_matrix::<i8>(0, 34, 5).is_err());
        assert!(blob.matrix(0, 5, 34).is_err());
    });
}

/// Panels of bf16 have the elements of two rows side by side for each column.
#[test]
fn matrices_of_bf16() {
    let numbers: Vec<u16> = (0..3 * 17).map(|i| 1000 + i).collect();
    let mut writer = NpzWriter::new();
    writer.add("w", &[3, 17], &numbers).unwrap();
    let archive = writer.finish();
    let entries = [Entry::typed_matrix("w", Dtype::U16, 3, 17)];
    let blob = pack(&Npz::parse(&archive).unwrap(), &entries, ARCHITECTURE).unwrap();
    let mut expected = Vec::new();
    for (panel, pair, i) in (0..128).map(|i| (i / 64, i / 32 % 2, i % 32)) {
        let (row, column) = (pair * 2 + i % 2, panel * 16 + i / 2);
        let number = if row < 3 && column < 17 { numbers[row * 17 + column] } else { 0 };
        expected.extend(number.to_le_bytes());
    }
    assert!(blob.ends_with(&expected));
    aligned(&blob, |blob| {
        let parts = [blob];
        let blob = Blob::parse(&parts, ARCHITECTURE).unwrap();
        assert_eq!(blob.typed_matrix::<BF16>(0, 3, 17).unwrap().cols(), 17);
        assert!(blob.typed_matrix::<F16>(0, 3, 17).is_err());
    });
}

fn bytes_at(i: usize) -> u8 {
    (i % 127) as u8
}

#[test]
fn npz_names() {
    let long = "l".repeat(65_531);
    let names = ["", "a.npy", "../up", "a/b", "two\nlines", "\u{8f93}\u{51fa}", long.as_str()];
    let mut writer = NpzWriter::new();
    for (i, name) in (0i64..).zip(names) {
        writer.add(name, &[], &[i]).unwrap();
    }
    for name in ["a\0b", &format!("{long}l")] {
        assert!(matches!(writer.add(name, &[], &[0i64]), Err(Error::Npz(_))));
    }
    let archive = writer.finish();
    let npz = Npz::parse(&archive).unwrap();
    assert_eq!(npz.names().collect::<Vec<_>>(), names);
    for (i, name) in (0i64..).zip(names) {
        assert_eq!(npz.get(name).unwrap().to_vec::<i64>().unwrap(), [i]);
    }
    // Both headers of an entry flag its name as UTF-8 if it is not ASCII.
    let flagged = |start: &[u8], at| {
        archive.windows(at + 2).filter(|window| window.starts_with(start) && window[at..] == [0, 8]).count()
    };
    assert_eq!((flagged(b"PK\x03\x04", 6), flagged(b"PK\x01\x02", 8)), (1, 1));
}

/// The bytes that `numpy.savez(a=numpy.arange(3, dtype='i2'))` writes, except the date: streamed entries have zip64 extra
/// fields in their local headers.
#[test]
fn zip64_fields() {
    let mut writer = NpzWriter::new();
    writer.add("a", &[3], &[0i16, 1, 2]).unwrap();
    let plain = writer.finish();
    let central = plain.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let size = u32::from_le_bytes(plain[22..26].try_into().unwrap());
    // Local header with a zip64 field, as numpy writes it.
    let mut archive = plain[..18].to_vec();
    archive.extend_from_slice(&[0xff; 8]);
    archive.extend_from_slice(&[5, 0, 20, 0]);
    archive.extend_from_slice(b"a.npy");
    archive.extend_from_slice(&[1, 0, 16, 0]);
    archive.extend_from_slice(&u64::from(size).to_le_bytes());
    archive.extend_from_slice(&u64::from(size).to_le_bytes());
    archive.extend_from_slice(&plain[35..central]);
    let directory = archive.len() as u64;
    // Central record with all three numbers in the extra field.
    let mut record = plain[central..central + 51].to_vec();
    record[20..28].fill(0xff);
    record[42..46].fill(0xff);
    record[30] = 28;
    record.extend_from_slice(&[1, 0, 24, 0]);
    for field in [u64::from(size), u64::from(size), 0] {
        record.extend_from_slice(&field.to_le_bytes());
    }
    archive.extend_from_slice(&record);
    let end64 = archive.len() as u64;
    archive.extend_from_slice(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for field in [1, 1, record.len() as u64, directory] {
        archive.extend_from_slice(&u64::to_le_bytes(field));
    }
    archive.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    archive.extend_from_slice(&end64.to_le_bytes());
    archive.extend_from_slice(&[1, 0, 0, 0]);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    let npz = Npz::parse(&archive).unwrap();
    assert_eq!(npz.get("a").unwrap().to_vec::<i16>().unwrap(), [0, 1, 2]);
}

#[test]
fn compressed_archives_are_errors() {
    let mut archive = archive();
    let central = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    archive[central + 10] = 8;
    let error = Npz::parse(&archive).unwrap_err();
    assert!(error.to_string().contains("numpy.savez"), "{error}");
}

#[test]
fn invalid_headers_are_errors() {
    let header = |text: &str| {
        let mut archive = archive();
        let at = archive.windows(6).position(|w| w == b"\x93NUMPY").unwrap() + 10;
        let end = archive[at..].iter().position(|&byte| byte == b'\n').unwrap();
        archive[at..at + end].fill(b' ');
        archive[at..at + text.len()].copy_from_slice(text.as_bytes());
        Npz::parse(&archive).unwrap().get("w").map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(header("{'shape': (2, 2, 20), 'fortran_order': False, 'descr': '<f4'}"), Ok(()));
    for (text, reason) in [
        ("{'shape': (2, 2, 20), 'fortran_order': True, 'descr': '<f4'}", "Fortran"),
        ("{'shape': (2, 2, 20), 'fortran_order': False, 'descr': '>f4'}", "dtype"),
        ("{'shape': (2, 2, 20), 'fortran_order': False, 'descr': '<c8'}", "dtype"),
        ("{'shape': (2, 2, 21), 'fortran_order': False, 'descr': '<f4'}", "data"),
        ("{'shape': (2, -2, 20), 'fortran_order': False, 'descr': '<f4'}", "shape"),
        ("{'shape': (1,1,1,1,1,1,1,1,1), 'fortran_order': False, 'descr': '<f4'}", "shape"),
        ("{'shape': (99999999999999999999,), 'fortran_order': False, 'descr': '<f4'}", "shape"),
        ("{}", "dtype"),
    ] {
        let error = header(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn pack_and_borrow() {
    let archive = archive();
    let blob = pack(&Npz::parse(&archive).unwrap(), &ENTRIES, ARCHITECTURE).unwrap();
    aligned(&blob, |bytes| {
        let parts = [bytes];
        let blob = Blob::parse(&parts, ARCHITECTURE).unwrap();
        let w = blob.matrix(0, 4, 20).unwrap();
        assert_eq!((w.groups(), w.rows(), w.cols()), (1, 4, 20));
        assert_eq!(blob.vector(1, 20).unwrap(), [0.5; 20]);
        assert_eq!(blob.vector(1, 20).unwrap().as_ptr().align_offset(64), 0);
        assert_eq!(blob.typed::<i64>(2, 3).unwrap(), [1, -2, 3]);
        assert_eq!(blob.typed::<bool>(3, 2).unwrap(), [true, false]);
        assert_eq!(blob.matrices(4, 2, 4, 10).unwrap().groups(), 2);
        for refused in [
            blob.vector(1, 19).is_err(),
            blob.vector(0, 80).is_err(),
            blob.vector(9, 1).is_err(),
            blob.matrix(0, 20, 4).is_err(),
            blob.matrix(0, usize::MAX, usize::MAX).is_err(),
            blob.matrices(0, 2, 4, 10).is_err(),
            blob.typed::<i32>(2, 3).is_err(),
            Blob::parse(&parts, [8; 32]).is_err(),
            Blob::parse(&[&bytes[1..]], ARCHITECTURE).is_err(),
        ] {
            assert!(refused);
        }
    });
    // The blob contains the panels of the reference.
    let rows: Vec<f32> = (0..80).map(|i| i as f32).collect();
    let expected: Vec<u8> =
        common::packed(&rows, 1, 4, 20).iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(blob.windows(expected.len()).any(|window| window == expected));
    let expected: Vec<u8> =
        common::packed(&rows, 2, 4, 10).iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(blob.windows(expected.len()).any(|window| window == expected));
}

#[test]
fn indices_continue_from_part_to_part() {
    let archive = archive();
    let npz = Npz::parse(&archive).unwrap();
    let [first, none, second] =
        [0..2, 0..0, 2..5].map(|part| pack(&npz, &ENTRIES[part], ARCHITECTURE).unwrap());
    aligned(&first, |first| {
        aligned(&none, |none| {
            aligned(&second, |second| {
                let parts = [first, none, second];
                let blob = Blob::parse(&parts, ARCHITECTURE).unwrap();
                assert_eq!(blob.matrix(0, 4, 20).unwrap().cols(), 20);
                assert_eq!(blob.vector(1, 20).unwrap(), [0.5; 20]);
                assert_eq!(blob.typed::<i64>(2, 3).unwrap(), [1, -2, 3]);
                assert_eq!(blob.matrices(4, 2, 4, 10).unwrap().groups(), 2);
                assert!(blob.vector(5, 1).unwrap_err().to_string().contains("array 5 is missing"));
                assert!(blob.vector(1, 19).is_err());
                assert!(Blob::parse(&[first, &second[1..]], ARCHITECTURE).is_err());
                assert!(Blob::parse(&[first, &second[..9]], ARCHITECTURE).is_err());
            });
        });
    });
    assert!(Blob::parse(&[], ARCHITECTURE).unwrap().vector(0, 1).is_err());
}

#[test]
fn models_share_equal_arrays() {
    let archive = archive();
    let npz = &Npz::parse(&archive).unwrap();
    let all = ModelWeights { npz, entries: &ENTRIES, architecture: ARCHITECTURE };
    // The same arrays in another order, and nothing at all.
    let others = [ENTRIES[4], ENTRIES[0], ENTRIES[1]];
    let models = [
        all,
        ModelWeights { entries: &others, architecture: [8; 32], ..all },
        ModelWeights { entries: &[], architecture: [9; 32], ..all },
    ];
    let (blob, starts) = pack_models(&models).unwrap();
    let alone = pack(npz, &ENTRIES, ARCHITECTURE).unwrap();
    // Two more headers, of three entries and of none.
    assert_eq!(blob.len(), alone.len() + (64 + 3 * 32_usize).next_multiple_of(64) + 64);
    aligned(&blob, |bytes| {
        let [first, second, third] = [0, 1, 2].map(|i| [&bytes[starts[i]..]]);
        let first = Blob::parse(&first, ARCHITECTURE).unwrap();
        assert_eq!(first.matrix(0, 4, 20).unwrap().cols(), 20);
        assert_eq!(first.vector(1, 20).unwrap(), [0.5; 20]);
        assert_eq!(first.typed::<i64>(2, 3).unwrap(), [1, -2, 3]);
        assert_eq!(first.typed::<bool>(3, 2).unwrap(), [true, false]);
        let second = Blob::parse(&second, [8; 32]).unwrap();
        assert!(std::ptr::eq(first.vector(1, 20).unwrap(), second.vector(2, 20).unwrap()));
        assert_eq!(second.matrices(0, 2, 4, 10).unwrap().groups(), 2);
        assert_eq!(second.matrix(1, 4, 20).unwrap().cols(), 20);
        assert!(second.vector(3, 1).is_err());
        assert!(Blob::parse(&third, [9; 32]).unwrap().vector(0, 1).is_err());
    });
    assert!(pack_models(&[ModelWeights { entries: &[Entry::vector("none", 1)], ..all }]).is_err());
    assert_eq!(pack_models(&[]).unwrap(), (vec![], vec![]));
}

mod common;

#[test]
fn packing_arrays_of_other_sizes_or_types_is_an_error() {
    let archive = archive();
    let npz = Npz::parse(&archive).unwrap();
    for entry in [
        Entry::matrix("w", 4, 21),
        Entry::vector("none", 1),
        Entry::vector("ids", 3),
        Entry::vector("b", 21),
        Entry::typed("b", Dtype::F64, 20),
        Entry::matrices("w", usize::MAX, 4, 21),
        Entry::vector("b", usize::MAX),
    ] {
        assert!(pack(&npz, &[entry], ARCHITECTURE).is_err(), "{entry:?}");
    }
}

/// Reads all arrays. No input may cause a panic.
fn read_npz(bytes: &[u8]) {
    let Ok(npz) = Npz::parse(bytes) else { return };
    for name in ["w", "b", "ids", "flags", "scalar", "empty"] {
        if let Ok(array) = npz.get(name) {
            let _ = array.to_vec::<f32>();
            let _ = array.to_vec::<bool>();
        }
    }
    let _ = pack(&npz, &ENTRIES, ARCHITECTURE);
}

fn read_blob(bytes: &[u8]) {
    let parts = [bytes];
    let Ok(blob) = Blob::parse(&parts, ARCHITECTURE) else { return };
    let _ = (blob.matrix(0, 4, 20), blob.vector(1, 20), blob.typed::<i64>(2, 3), blob.typed::<bool>(3, 2));
    let _ = (blob.matrices(4, 2, 4, 10), blob.vector(usize::MAX, usize::MAX), blob.typed::<f64>(1, 10));
}

#[test]
fn malformed_input() {
    let archive = archive();
    let blob = pack(&Npz::parse(&archive).unwrap(), &ENTRIES, ARCHITECTURE).unwrap();
    for (bytes, read) in [(&archive, read_npz as fn(&[u8])), (&blob, read_blob)] {
        for len in 0..bytes.len() {
            aligned(&bytes[..len], read);
        }
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff, 0x20] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                aligned(&bytes, read);
            }
        }
    }
}
