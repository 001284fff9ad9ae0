//! Operators that compare elements: argmax, hardmax, top-k; and cumulative sums and products.

mod common;

use common::{on, view, view_mut};
use tf_layers::Isa;
use tf_layers::ops::{ArgMax, ArgMin, CumProd, CumSum, hardmax, top_k};

#[test]
fn arg_max_and_arg_min() {
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
fn hardmax_marks_the_first_maximum() {
    const NAN: f32 = f32::NAN;
    let cases = [
        ([2, 3, 1], 1, [1.0, 5.0, 5.0, -3.0, -4.0, -3.0], [0, 1, 0, 1, 0, 0]),
        ([2, 3, 1], 0, [1.0, 5.0, 5.0, -3.0, 6.0, 5.0], [1, 0, 1, 0, 1, 0]),
        ([1, 3, 2], 1, [1.0, 5.0, 5.0, -3.0, -4.0, -3.0], [0, 1, 1, 0, 0, 0]),
        ([6, 1, 1], 1, [1.0, 5.0, 5.0, -3.0, -4.0, -3.0], [1; 6]),
        ([2, 3, 1], 1, [1.0, NAN, 5.0, f32::NEG_INFINITY, NAN, NAN], [0, 1, 0, 0, 1, 0]),
    ];
    on(Isa::detect(), |cx| {
        for (dims, axis, x, expected) in cases {
            let mut y = [9.0; 6];
            hardmax(cx, axis, view(&x, dims), view_mut(&mut y, dims)).unwrap();
            assert_eq!(y, expected.map(|mark| mark as f32), "{dims:?} {axis}");
        }
        let x = view(&[0i32; 6], [2, 3]);
        for (axis, dims) in [(2, [2, 3]), (usize::MAX, [2, 3]), (0, [3, 2])] {
            assert!(hardmax(cx, axis, x, view_mut(&mut [0; 6], dims)).is_err(), "{axis} {dims:?}");
        }
        let none = view(&[0i32; 0], [usize::MAX, 0]);
        assert!(hardmax(cx, 1, none, view_mut(&mut [], [usize::MAX, 0])).is_ok());
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
                        let at = (outer * k + j) * 3 + inner;
                        assert_eq!((values[at], indices[at]), (lane[from], from as i64));
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
fn cumulative_sums_and_products() {
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
