//! Operators that move, compare or convert elements.

mod common;

use common::{on, view, view_mut};
use tf_layers::Isa;
use tf_layers::ops::{Compare, Logic, PadMode, cast, expand, not, pad, select, tile, transpose};

fn count(len: usize) -> Vec<i32> {
    (0..len as i32).collect()
}

/// The multi-index of element `i`.
fn unravel(mut i: usize, dims: &[usize]) -> Vec<usize> {
    let mut at = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        at[axis] = i % dims[axis];
        i /= dims[axis];
    }
    at
}

fn ravel(at: &[usize], dims: &[usize]) -> usize {
    at.iter().zip(dims).fold(0, |i, (at, dim)| i * dim + at)
}

fn transposed<const R: usize>(dims: [usize; R], perm: [usize; R]) {
    let x = count(dims.iter().product());
    let y_dims = perm.map(|axis| dims[axis]);
    let expected: Vec<i32> = (0..x.len())
        .map(|i| {
            let mut at = vec![0; R];
            for (to, &from) in unravel(i, &y_dims).iter().zip(&perm) {
                at[from] = *to;
            }
            x[ravel(&at, &dims)]
        })
        .collect();
    let mut y = vec![-1; x.len()];
    on(Isa::detect(), |cx| transpose(cx, perm, view(&x, dims), view_mut(&mut y, y_dims))).unwrap();
    assert_eq!(y, expected, "{dims:?} {perm:?}");
}

#[test]
fn transpositions() {
    transposed([], []);
    transposed([5], [0]);
    transposed([3, 4], [1, 0]);
    transposed([40, 33], [1, 0]);
    transposed([2, 3, 4, 5], [0, 3, 1, 2]);
    transposed([2, 17, 18, 3], [0, 2, 3, 1]);
    transposed([2, 3, 4], [2, 1, 0]);
    transposed([2, 3, 4], [1, 0, 2]);
    transposed([2, 3, 4], [0, 1, 2]);
    transposed([1, 3, 1, 4], [3, 2, 1, 0]);
    transposed([2, 0, 3], [2, 0, 1]);
    transposed([2, 1, 2, 3, 2, 2, 1, 3], [7, 1, 5, 3, 2, 0, 6, 4]);
    transposed([usize::MAX, 0], [1, 0]);
    on(Isa::detect(), |cx| {
        let (x, mut y) = (view(&[0; 6], [2, 3]), [0; 6]);
        for (perm, dims) in [([0, 0], [2, 2]), ([0, 2], [2, 3]), ([1, 0], [2, 3]), ([1, usize::MAX], [3, 2])]
        {
            let len = dims[0] * dims[1];
            assert!(transpose(cx, perm, x, view_mut(&mut y[..len], dims)).is_err(), "{perm:?} {dims:?}");
        }
        let x = view(&[0], [1; 9]);
        assert!(transpose(cx, [0, 1, 2, 3, 4, 5, 6, 7, 8], x, view_mut(&mut y[..1], [1; 9])).is_err());
    });
}

#[test]
fn padding() {
    let x = [1, 2, 3, 4, 5, 6];
    let cases: &[(PadMode<i32>, &[i32])] = &[
        (PadMode::Constant(9), &[9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9, 9, 9]),
        (PadMode::Edge, &[1, 1, 2, 3, 3, 3, 1, 1, 2, 3, 3, 3, 4, 4, 5, 6, 6, 6, 4, 4, 5, 6, 6, 6]),
        (PadMode::Reflect, &[5, 4, 5, 6, 5, 4, 2, 1, 2, 3, 2, 1, 5, 4, 5, 6, 5, 4, 2, 1, 2, 3, 2, 1]),
        (PadMode::Wrap, &[6, 4, 5, 6, 4, 5, 3, 1, 2, 3, 1, 2, 6, 4, 5, 6, 4, 5, 3, 1, 2, 3, 1, 2]),
    ];
    on(Isa::detect(), |cx| {
        let (x, none) = (view(&x, [2, 3]), view(&[], [0, 3]));
        for &(mode, expected) in cases {
            let mut y = [0; 24];
            pad(cx, [1, 1], mode, x, view_mut(&mut y, [4, 6])).unwrap();
            assert_eq!(y, expected, "{mode:?}");
            for before in [[1, 4], [3, 0], [1, usize::MAX]] {
                assert!(pad(cx, before, mode, x, view_mut(&mut y, [4, 6])).is_err(), "{mode:?} {before:?}");
            }
            assert!(pad(cx, [0, 0], mode, x, view_mut(&mut y[..2], [1, 2])).is_err());
            assert!(pad(cx, [0, 0], mode, none, view_mut(&mut [], [0, 6])).is_ok());
            assert!(pad(cx, [0, 0], mode, none, view_mut(&mut [], [0, usize::MAX])).is_err());
            assert!(pad(cx, [], mode, view(&[7], []), view_mut(&mut y[..1], [])).is_ok());
        }
        let lines = [9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9];
        let mut y = [0; 12];
        pad(cx, [0, 1], PadMode::Constant(9), x, view_mut(&mut y, [2, 6])).unwrap();
        assert_eq!(y, lines);
        pad(cx, [0, 1, 0], PadMode::Constant(9), view(&[], [2, 3, 0]), view_mut(&mut y, [2, 6, 1])).unwrap();
        assert_eq!(y, [9; 12]);
        let mut y = [0; 2];
        assert!(pad(cx, [1], PadMode::Edge, view(&[], [0]), view_mut(&mut y, [2])).is_err());
        assert!(pad(cx, [1], PadMode::Constant(3), view(&[], [0]), view_mut(&mut y, [2])).is_ok());
        assert_eq!(y, [3, 3]);
        pad(cx, [1], PadMode::Reflect, view(&[8], [1]), view_mut(&mut y, [2])).unwrap();
        assert_eq!(y, [8, 8]);
    });
}

#[test]
fn repeating() {
    on(Isa::detect(), |cx| {
        let (x, mut y) = (view(&[1, 2], [2, 1]), [0; 12]);
        expand(cx, x, view_mut(&mut y, [2, 2, 3])).unwrap();
        assert_eq!(y, [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
        assert!(expand(cx, x, view_mut(&mut y, [4, 3])).is_err());
        assert!(expand(cx, view(&[1, 2, 3], [3]), view_mut(&mut y[..1], [1])).is_err());
        expand(cx, view(&[5], []), view_mut(&mut y, [12])).unwrap();
        assert_eq!(y, [5; 12]);

        let (x, mut y) = (view(&[1, 2, 3, 4], [2, 2]), [0; 24]);
        tile(cx, x, view_mut(&mut y, [4, 6])).unwrap();
        let (first, second) = ([1, 2, 1, 2, 1, 2], [3, 4, 3, 4, 3, 4]);
        assert_eq!(y.chunks(6).collect::<Vec<_>>(), [first, second, first, second]);
        let x = view(&[1, 2], [2]);
        assert!(tile(cx, x, view_mut(&mut y[..13], [13])).is_err());
        assert!(tile(cx, x, view_mut(&mut y[..1], [1])).is_err());
        assert!(tile(cx, x, view_mut(&mut [], [0])).is_ok());
        let none = view(&[], [0, 2]);
        assert!(tile(cx, none, view_mut(&mut [], [0, 6])).is_ok());
        assert!(tile(cx, none, view_mut(&mut y, [4, 6])).is_err());
    });
}

#[test]
fn comparisons() {
    let (a, b) = ([1.0, 2.0, f32::NAN], [1.0, 3.0, 0.0]);
    let (a, b) = (view(&a, [3]), view(&b, [3]));
    on(Isa::detect(), |cx| {
        for (comparison, expected) in [
            (Compare::Equal, [true, false, false]),
            (Compare::NotEqual, [false, true, true]),
            (Compare::Less, [false, true, false]),
            (Compare::LessOrEqual, [true, true, false]),
            (Compare::Greater, [false, false, false]),
            (Compare::GreaterOrEqual, [true, false, false]),
        ] {
            let mut y = [false; 3];
            comparison.run(cx, a, b, view_mut(&mut y, [3])).unwrap();
            assert_eq!(y, expected, "{comparison:?}");
            assert!(comparison.run(cx, a, b, view_mut(&mut y[..2], [2])).is_err());
        }
        let condition = view(&[true, false], [2, 1]);
        let mut y = [false; 4];
        for (operation, expected) in [
            (Logic::And, [true, false, false, false]),
            (Logic::Or, [true, true, true, false]),
            (Logic::Xor, [false, true, true, false]),
        ] {
            operation.run(cx, condition, view(&[true, false], [2]), view_mut(&mut y, [2, 2])).unwrap();
            assert_eq!(y, expected, "{operation:?}");
        }
        let mut y = [false; 2];
        not(cx, condition, view_mut(&mut y, [2, 1])).unwrap();
        assert_eq!(y, [false, true]);
        let (mut y, b) = ([0; 4], view(&[9], []));
        select(cx, condition, view(&[1, 2], [2]), b, view_mut(&mut y, [2, 2])).unwrap();
        assert_eq!(y, [1, 2, 9, 9]);
        assert!(select(cx, condition, view(&[1, 2, 3], [3]), b, view_mut(&mut y, [2, 2])).is_err());
    });
}

#[test]
fn casts() {
    on(Isa::detect(), |cx| {
        let mut y = [0u8; 4];
        cast(cx, view(&[-1.5f32, 3.9, 300.0, f32::NAN], [4]), view_mut(&mut y, [4])).unwrap();
        assert_eq!(y, [0, 3, 255, 0]);
        let mut y = [false; 3];
        cast(cx, view(&[0.0f32, -0.0, 0.1], [3]), view_mut(&mut y, [3])).unwrap();
        assert_eq!(y, [false, false, true]);
        let mut y = [0.0f32; 2];
        cast(cx, view(&[true, false], [2]), view_mut(&mut y, [2])).unwrap();
        assert_eq!(y, [1.0, 0.0]);
        let mut y = [0i8; 1];
        cast(cx, view(&[300i64], [1]), view_mut(&mut y, [1])).unwrap();
        assert_eq!(y, [44]);
        assert!(cast(cx, view(&[1i64, 2], [2]), view_mut(&mut y, [1])).is_err());
    });
}
