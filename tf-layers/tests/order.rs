//! What depends on the order of elements, and on indices.

use tf_layers::{
    Cumulate, Error, Extreme, Tuples, Update, gather_elements, hardmax, one_hot, reverse_sequence,
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
    for (dims, greatest, last, expected) in cases {
        let mut y = vec![9; expected.len()];
        Extreme { greatest, last }.run(dims, &x, &mut y).unwrap();
        assert_eq!(y, expected, "{dims:?} {greatest} {last}");
    }
    let extreme = Extreme { greatest: true, last: false };
    assert!(extreme.run([1, 0, 1], &[0i32; 0], &mut [0]).is_err());
    assert!(extreme.run([1, 2, 1], &[0i32; 3], &mut [0]).is_err());
    let mut y = [9i32; 6];
    hardmax([2, 3, 1], &[1, 5, 5, -3, -4, -3], &mut y).unwrap();
    assert_eq!(y, [0, 1, 0, 1, 0, 0]);
}

#[test]
fn top_k_is_a_stable_sort_cut_off() {
    let x: Vec<i32> = (0..2 * 37 * 3).map(|i| (i * 7919) % 13).collect();
    for k in [0, 1, 2, 5, 36, 37] {
        for greatest in [true, false] {
            let (mut values, mut indices) = (vec![0; 2 * k * 3], vec![0; 2 * k * 3]);
            top_k([2, 37, 3], k, greatest, &x, &mut values, &mut indices).unwrap();
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
    assert!(top_k([1, 2, 1], 3, true, &[1, 2], &mut [0; 3], &mut [0; 3]).is_err());
    let (mut values, mut indices) = ([0.0; 3], [0; 3]);
    top_k([1, 3, 1], 3, true, &[1.0, f32::NAN, 2.0], &mut values, &mut indices).unwrap();
    assert_eq!(indices, [1, 2, 0]);
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
    for (dims, product, exclusive, reverse, expected) in cases {
        let mut y = [0; 6];
        Cumulate { product, exclusive, reverse }.run(dims, &x, &mut y).unwrap();
        assert_eq!(y, expected);
    }
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
