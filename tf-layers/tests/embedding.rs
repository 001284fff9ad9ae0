//! Embedding lookups with all types of indices.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::nn::Embedding;
use tf_layers::tensor::{Index, Outside, View};
use tf_layers::{Error, Result};

const TABLE: [f32; 6] = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5];

fn look_up<I: Index>(outside: Outside, x: &[I]) -> Result<Vec<f32>> {
    let layer = Embedding { input: "ids", table: view(&TABLE, [3, 2]), outside };
    let mut y = vec![f32::NAN; x.len() * 2];
    let to = view_mut(&mut y, [x.len(), 2]);
    on(isas()[0], |cx| layer.run(cx, view(x, [x.len()]), to).map(|_| ()))?;
    Ok(y)
}

#[test]
fn float_indices_are_truncated() {
    assert_eq!(look_up(Outside::Error, &[2u8, 0]), Ok(vec![2.0, 2.5, 0.0, 0.5]));
    assert_eq!(look_up(Outside::Error, &[1.9f32, 0.2]), Ok(vec![1.0, 1.5, 0.0, 0.5]));
}

#[test]
fn indices_outside_the_table() {
    let error = |value| Err(Error::Index { tensor: "ids", position: 1, len: 2, value, size: 3 });
    assert_eq!(look_up(Outside::Error, &[0i64, 3]), error(3));
    assert_eq!(look_up(Outside::Error, &[0i64, -1]), error(-1));
    assert_eq!(look_up(Outside::Error, &[0u64, u64::MAX]), error(i64::MIN));
    assert_eq!(look_up(Outside::Error, &[0.0, f32::NAN]), error(i64::MIN));
    assert_eq!(look_up(Outside::Error, &[0.0, f32::INFINITY]), error(i64::MAX));
    assert_eq!(look_up(Outside::FromEnd, &[-1i32, -3]), Ok(vec![2.0, 2.5, 0.0, 0.5]));
    assert_eq!(look_up(Outside::FromEnd, &[0i64, -4]), error(-4));
    assert_eq!(look_up(Outside::FromEnd, &[0i64, i64::MIN]), error(i64::MIN));
    assert_eq!(look_up(Outside::Row(1), &[-7i32, 9]), Ok(vec![1.0, 1.5, 1.0, 1.5]));
    assert!(look_up(Outside::Row(1), &[0.0, f32::NAN]).is_err());
    assert!(look_up(Outside::Row(3), &[0, 9]).is_err());
}

#[test]
fn the_result_has_one_row_per_index() {
    let layer = Embedding { input: "ids", table: view(&TABLE, [3, 2]), outside: Outside::Error };
    let ids = [0, 1, 2, 0];
    for (dims, fits) in [([2, 2, 2], true), ([4, 1, 2], true), ([2, 2, 1], false), ([1, 3, 2], false)] {
        let mut y = [0.0; 8];
        let y = view_mut(&mut y[..dims.iter().product()], dims);
        assert_eq!(on(isas()[0], |cx| layer.run(cx, view(&ids, [2, 2]), y).is_ok()), fits, "{dims:?}");
    }
    let none = View::<i32, 2>::new(&[], [usize::MAX / 2, 0]).unwrap();
    assert!(on(isas()[0], |cx| layer.run(cx, none, view_mut(&mut [], [usize::MAX / 2, 0, 2])).is_ok()));
}
