//! Max pooling with indices, and unpooling.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::nn::{MaxPool, max_unpool};
use tf_layers::tensor::{Number, View, ViewMut};
use tf_layers::{Error, Result};

const POOL: MaxPool = MaxPool {
    size: [1, 1, 2],
    stride: [1, 1, 2],
    dilation: [1; 3],
    padding: [[0, 0], [0, 0], [0, 1]],
    column_major: false,
};

fn pool<T: Number>(layer: MaxPool, x: View<'_, T, 3>, y: ViewMut<'_, T, 3>) -> Result<()> {
    on(isas()[0], |cx| layer.run(cx, x, y).map(|_| ()))
}

#[test]
fn indices_are_those_of_the_first_maximum() {
    let (mut y, mut indices) = ([0.0; 4], [0; 4]);
    let x = [1.0, 1.0, f64::NEG_INFINITY, 4.0, f64::NAN, 2.0];
    let to = (view_mut(&mut y, [2, 1, 2]), view_mut(&mut indices, [2, 1, 2]));
    on(isas()[0], |cx| POOL.run_with_indices(cx, view(&x, [2, 1, 3]), to.0, to.1).map(|_| ())).unwrap();
    assert_eq!((y[0], y[1], y[3], indices), (1.0, f64::NEG_INFINITY, 2.0, [0, 2, 4, 5]));
    assert!(y[2].is_nan());
    let mut least = [0u8; 1];
    // A window that contains only padding.
    let outside = MaxPool { padding: [[0, 0], [0, 0], [2, 0]], ..POOL };
    pool(outside, view(&[], [1, 1, 0]), view_mut(&mut least, [1, 1, 1])).unwrap();
    assert_eq!(least, [0]);
}

#[test]
fn indices_in_row_major_and_column_major_order() {
    let x = [1, 2, 3, 4, 9, 5];
    for (column_major, expected) in [(false, 4), (true, 3)] {
        let layer = MaxPool { size: [1, 2, 3], stride: [1; 3], padding: [[0, 0]; 3], column_major, ..POOL };
        let (mut y, mut indices) = ([0], [0]);
        let to = (view_mut(&mut y, [1; 4]), view_mut(&mut indices, [1; 4]));
        on(isas()[0], |cx| layer.run_with_indices(cx, view(&x, [1, 1, 2, 3]), to.0, to.1).map(|_| ()))
            .unwrap();
        assert_eq!((y, indices), ([9], [expected]));
    }
}

#[test]
fn invalid_dims_and_attributes_are_errors() {
    let (x, mut y) = ([1, 2, 3], [0i32; 2]);
    assert!(pool(POOL, view(&x, [1, 1, 3]), view_mut(&mut y, [1, 1, 2])).is_ok());
    assert!(pool(POOL, view(&x, [1, 1, 3]), view_mut(&mut y, [1, 2, 1])).is_err());
    assert!(pool(POOL, view(&x, [1, 3, 1]), view_mut(&mut y, [1, 1, 2])).is_err());
    assert!(pool(POOL, view(&x, [3, 1, 1]), view_mut(&mut y, [1, 1, 2])).is_err());
    let indices = &mut [0];
    let (to, indices) = (view_mut(&mut y, [1, 1, 2]), view_mut(indices, [1, 1, 1]));
    assert!(on(isas()[0], |cx| POOL.run_with_indices(cx, view(&x, [1, 1, 3]), to, indices).is_err()));
    for bad in [
        MaxPool { stride: [1, 0, 1], ..POOL },
        MaxPool { size: [0; 3], ..POOL },
        MaxPool { dilation: [1, 1, usize::MAX], ..POOL },
        MaxPool { padding: [[usize::MAX, 1]; 3], ..POOL },
    ] {
        assert!(pool(bad, view(&x, [1, 1, 3]), view_mut(&mut y, [1, 1, 2])).is_err(), "{bad:?}");
    }
    let (flat, flat_y) = (view(&x, [1, 3]), view_mut(&mut y, [1, 2]));
    assert!(on(isas()[0], |cx| POOL.run(cx, flat, flat_y).is_err()), "no spatial axis");
    let none = View::<i32, 3>::new(&[], [usize::MAX, 1, 0]).unwrap();
    assert!(pool(POOL, none, view_mut(&mut [], [usize::MAX, 1, 0])).is_ok());
}

#[test]
fn unpooling_writes_elements_to_their_indices() {
    let mut y = [0; 6];
    let mut run = |inner: [usize; 2], indices: [i64; 2], dims| {
        let (x, indices) = (view(&[7, 8], [1, 2]), view(&indices, dims));
        let to = view_mut(&mut y, [2, 3]);
        on(isas()[0], |cx| max_unpool(cx, inner, x, indices, to).map(|_| ()))?;
        Ok::<_, Error>(y)
    };
    assert_eq!(run([2, 2], [1, 3], [1, 2]), Ok([0, 7, 0, 0, 8, 0]));
    for index in [-1, 4, i64::MIN, i64::MAX] {
        let result = run([2, 2], [1, index], [1, 2]);
        assert!(matches!(result, Err(Error::Index { position: 1, size: 4, .. })), "{index}");
    }
    assert!(run([3, 2], [1, 3], [1, 2]).is_err());
    assert!(run([0, 2], [1, 3], [1, 2]).is_err());
    assert!(run([2, 2], [1, 3], [2, 1]).is_err());
}
