//! Casts from and to float16.

mod common;

use common::{on, view, view_mut};
use tf_layers::Isa;
use tf_layers::ops::cast;
use tf_layers::tensor::F16;

#[test]
fn casts_from_and_to_float16() {
    on(Isa::detect(), |cx| {
        let mut narrow = [F16::default(); 3];
        cast(cx, view(&[0.1f64, 1e9, -2.0], [3]), view_mut(&mut narrow, [3])).unwrap();
        assert_eq!(narrow.map(F16::to_bits), [0x2e66, 0x7c00, 0xc000]);
        let mut integers = [0i8; 3];
        cast(cx, view(&narrow, [3]), view_mut(&mut integers, [3])).unwrap();
        assert_eq!(integers, [0, 127, -2]);
    });
}
