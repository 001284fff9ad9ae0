//! What depends on the order of elements.

use tf_layers::{Cumulate, Extreme, hardmax, top_k};

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
