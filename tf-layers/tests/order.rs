//! What depends on the order of elements, and on indices.

mod common;

use common::{on, view, view_mut};
use tf_layers::{
    ArgMax, ArgMin, CumProd, CumSum, Error, Isa, Tuples, Update, gather_elements, one_hot, reverse_sequence,
    scatter_elements, top_k, triangle, write_steps,
};

#[test]
fn extremes_along_an_axis() {
    let x = [3.0f32, 1.0, 3.0, f32::NAN, 2.0, 1.0];
    let cases = [
        ([2, 3, 1], true, false, vec![0, 0]),
        ([2, 3, 1], true, true, vec![2, 0]),
        ([2, 3, 1], false, false, vec![1, 0]),
        ([1, 2, 3], true, false, vec![1, 1, 0]),
        ([3, 2, 1], false, true, vec![1, 1, 1]),
    ];
    on(Isa::detect(), |cx| {
        for (dims, greatest, select_last_index, expected) in cases {
            let x = view(&x, dims);
            let mut y = vec![9; expected.len()];
            let kept = view_mut(&mut y, [dims[0], 1, dims[2]]);
            let found = if greatest {
                ArgMax { axis: 1, select_last_index }.run(cx, x, kept)
            } else {
                ArgMin { axis: 1, select_last_index }.run(cx, x, kept)
            };
            assert_eq!(
                found.unwrap().as_slice().unwrap(),
                expected,
                "{dims:?} {greatest} {select_last_index}"
            );
        }
        let first = ArgMax { axis: 0, select_last_index: false };
        assert!(first.run(cx, view(&[0i32; 0], [0]), view_mut(&mut [0], [])).is_err());
        assert!(first.run(cx, view(&[0i32; 0], [0, 0]), view_mut(&mut [], [0])).is_ok());
        assert!(first.run(cx, view(&[0i32; 3], [3]), view_mut(&mut [0; 3], [3])).is_err());
        for axis in [1, usize::MAX] {
            let beyond = ArgMax { axis, select_last_index: false };
            assert!(beyond.run(cx, view(&[0i32; 3], [3]), view_mut(&mut [0], [])).is_err());
        }
    });
}

#[test]
fn top_k_is_a_stable_sort_cut_off() {
    let x: Vec<i32> = (0..2 * 37 * 3).map(|i| (i * 7919) % 13).collect();
    for k in [0, 1, 2, 5, 36, 37] {
        for greatest in [true, false] {
            let (mut values, mut indices) = (vec![0; 2 * k * 3], vec![0; 2 * k * 3]);
            let results = (view_mut(&mut values, [2, k, 3]), view_mut(&mut indices, [2, k, 3]));
            on(Isa::detect(), |cx| top_k(cx, 1, greatest, view(&x, [2, 37, 3]), results.0, results.1))
                .unwrap();
            for outer in 0..2 {
                for inner in 0..3 {
                    let lane: Vec<i32> = (0..37).map(|j| x[(outer * 37 + j) * 3 + inner]).collect();
                    let mut order: Vec<usize> = (0..37).collect();
                    order.sort_by_key(|&j| if greatest { -lane[j] } else { lane[j] });
                    for (j, &from) in order.iter().take(k).enumerate() {
                        let place = (outer * k + j) * 3 + inner;
                        assert_eq!((values[place], indices[place]), (lane[from], from as i64));
                    }
                }
            }
        }
    }
    on(Isa::detect(), |cx| {
        let x = view(&[1, 2], [1, 2]);
        for (axis, values, indices) in
            [(1, [1, 3], [1, 3]), (1, [1, 1], [1, 2]), (1, [2, 1], [2, 1]), (2, [1, 1], [1, 1])]
        {
            let (mut a, mut b) = (vec![0; values[0] * values[1]], vec![0; indices[0] * indices[1]]);
            let refused = top_k(cx, axis, true, x, view_mut(&mut a, values), view_mut(&mut b, indices));
            assert!(refused.is_err(), "{axis} {values:?} {indices:?}");
        }
        let (x, mut values, mut indices) = (view(&[1.0, f32::NAN, 2.0], [3]), [0.0; 3], [0; 3]);
        top_k(cx, 0, true, x, view_mut(&mut values, [3]), view_mut(&mut indices, [3])).unwrap();
        assert_eq!(indices, [1, 2, 0]);
    });
}

#[test]
fn running_sums_and_products() {
    let x = [1i64, 2, 3, 4, 5, 6];
    let cases = [
        ([1, 6, 1], false, false, false, [1, 3, 6, 10, 15, 21]),
        ([1, 6, 1], false, true, false, [0, 1, 3, 6, 10, 15]),
        ([1, 6, 1], false, false, true, [21, 20, 18, 15, 11, 6]),
        ([1, 6, 1], true, true, true, [720, 360, 120, 30, 6, 1]),
        ([1, 2, 3], false, false, false, [1, 2, 3, 5, 7, 9]),
        ([3, 2, 1], true, false, false, [1, 2, 3, 12, 5, 30]),
    ];
    on(Isa::detect(), |cx| {
        for (dims, product, exclusive, reverse, expected) in cases {
            let (x, mut y) = (view(&x, dims), [0; 6]);
            let y = view_mut(&mut y, dims);
            let found = if product {
                CumProd { axis: 1, exclusive, reverse }.run(cx, x, y)
            } else {
                CumSum { axis: 1, exclusive, reverse }.run(cx, x, y)
            };
            assert_eq!(found.unwrap().as_slice().unwrap(), expected);
        }
        let sum = CumSum { axis: 1, exclusive: false, reverse: false };
        assert!(sum.run(cx, view(&x, [6]), view_mut(&mut [0; 6], [6])).is_err());
        assert!(sum.run(cx, view(&x, [2, 3]), view_mut(&mut [0; 6], [3, 2])).is_err());
        assert!(sum.run(cx, view(&x[..0], [usize::MAX, 0]), view_mut(&mut [], [usize::MAX, 0])).is_ok());
    });
}

#[test]
fn elements_are_gathered_and_scattered_by_index() {
    let x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let mut y = [0; 6];
    gather_elements("i", &x, &[3, 3], 0, &[1i64, 2, 0, -1, 0, 0], &[2, 3], &mut y).unwrap();
    assert_eq!(y, [4, 8, 3, 7, 2, 3]);
    gather_elements("i", &x, &[3, 3], 1, &[0i32, 0, 1, 1, 2, -3], &[3, 2], &mut y).unwrap();
    assert_eq!(y, [1, 1, 5, 5, 9, 7]);
    let refused = gather_elements("i", &x, &[3, 3], 1, &[0i32, 0, 1, 3, 2, 0], &[3, 2], &mut y);
    assert_eq!(refused, Err(Error::Index { tensor: "i", position: 3, len: 6, value: 3, size: 3 }));
    assert!(gather_elements("i", &x, &[3, 3], 1, &[0i32; 8], &[4, 2], &mut [0; 8]).is_err());
    let cases = [
        (Update::Replace, [1, 20, 3, 4, 10, 6]),
        (Update::Add, [1, 22, 3, 4, 45, 6]),
        (Update::Mul, [1, 40, 3, 4, 1500, 6]),
        (Update::Max, [1, 20, 3, 4, 30, 6]),
        (Update::Min, [1, 2, 3, 4, 5, 6]),
    ];
    for (update, expected) in cases {
        let (indices, updates) = ([1i64, -1, 1], [30, 20, 10]);
        let mut y = [0; 6];
        // The places are (0, 1)·: column 0 takes index 1, column 1 … as the shape [3, 1] against [3, 2] says.
        scatter_elements("i", (&x[..6], &[3, 2]), 0, (&indices[..1], &[1, 1]), &updates[..1], update, &mut y)
            .unwrap();
        assert_eq!(y[2], if update == Update::Min { 3 } else { update_of(update, 3, 30) });
        scatter_elements("i", (&x[..6], &[2, 3]), 1, (&indices, &[1, 3]), &updates, Update::Replace, &mut y)
            .unwrap();
        assert_eq!(y, [1, 10, 20, 4, 5, 6]);
        let tuples = Tuples { input: "i", dims: &[6], batch: 0, depth: 1 };
        tuples.scatter(&x[..6], &[4i64, 1, 4], &updates, update, &mut y).unwrap();
        assert_eq!(y, expected, "{update:?}");
    }
}

fn update_of(update: Update, old: i32, new: i32) -> i32 {
    match update {
        Update::Replace => new,
        Update::Add => old + new,
        Update::Mul => old * new,
        Update::Max => old.max(new),
        Update::Min => old.min(new),
    }
}

#[test]
fn tuples_name_slices() {
    let x: Vec<i32> = (0..12).collect();
    let tuples = Tuples { input: "i", dims: &[2, 3, 2], batch: 0, depth: 2 };
    let mut y = [0; 4];
    tuples.gather(&x, &[1i64, 0, -2, 2], &mut y).unwrap();
    assert_eq!(y, [6, 7, 4, 5]);
    let batched = Tuples { batch: 1, depth: 1, ..tuples };
    batched.gather(&x, &[2i32, 0], &mut y).unwrap();
    assert_eq!(y, [4, 5, 6, 7]);
    let refused = tuples.gather(&x, &[1i64, 0, 0, 3], &mut y);
    assert_eq!(refused, Err(Error::Index { tensor: "i", position: 3, len: 4, value: 3, size: 3 }));
    assert!(tuples.gather(&x, &[1i64, 0, 0], &mut y).is_err());
    for bad in
        [Tuples { depth: 0, ..tuples }, Tuples { depth: 4, ..tuples }, Tuples { batch: usize::MAX, ..tuples }]
    {
        assert!(bad.gather(&x, &[1i64, 0, 0, 2], &mut y).is_err());
    }
    let none = Tuples { input: "i", dims: &[0, 3], batch: 1, depth: 1 };
    assert!(none.gather(&x[..0], &[0i64; 0], &mut y[..0]).is_ok());
    assert!(none.gather(&x[..0], &[0i64; 1], &mut y[..1]).is_err());
}

#[test]
fn one_hot_reversals_and_triangles() {
    let mut y = [0u8; 6];
    one_hot([1, 3, 2], &[-1i64, 5], &[7, 1], &mut y).unwrap();
    assert_eq!(y, [7, 7, 7, 7, 1, 7]);
    assert!(one_hot([1, 3, 2], &[-1i64, 5], &[7], &mut y).is_err());
    let x = [1, 2, 3, 4, 5, 6];
    let mut y = [0; 6];
    reverse_sequence("n", [1, 3, 1, 2, 1], false, &x, &[3i64, 2], &mut y).unwrap();
    assert_eq!(y, [5, 4, 3, 2, 1, 6]);
    reverse_sequence("n", [1, 2, 1, 3, 1], true, &x, &[3i64, 0], &mut y).unwrap();
    assert_eq!(y, [3, 2, 1, 4, 5, 6]);
    assert!(reverse_sequence("n", [1, 2, 1, 3, 1], true, &x, &[4i64, 0], &mut y).is_err());
    triangle([1, 2, 3], true, 1, &x, &mut y).unwrap();
    assert_eq!(y, [0, 2, 3, 0, 0, 6]);
    triangle([1, 2, 3], false, 0, &x, &mut y).unwrap();
    assert_eq!(y, [1, 0, 0, 4, 5, 0]);
}

#[test]
fn steps_are_written_into_a_cache() {
    let x = [1, 2, 3, 4, 5, 6];
    let mut y = [0; 6];
    write_steps("s", [2, 1, 3, 1], &x, (&[7, 8, 9, 10], 2), &[1i64, 0], false, &mut y).unwrap();
    assert_eq!(y, [1, 7, 8, 9, 10, 6]);
    write_steps("s", [2, 1, 3, 1], &x, (&[7, 8, 9, 10], 2), &[2i64, 4], true, &mut y).unwrap();
    assert_eq!(y, [8, 2, 7, 4, 9, 10]);
    let refused = write_steps("s", [2, 1, 3, 1], &x, (&[7, 8, 9, 10], 2), &[1i64, 2], false, &mut y);
    assert_eq!(refused, Err(Error::Index { tensor: "s", position: 1, len: 2, value: 2, size: 3 }));
}
