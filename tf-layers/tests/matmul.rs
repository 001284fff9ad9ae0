//! Matrix products on every instruction set against `f64`; triangular matrices and determinants.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::ops::{self, MatMul};

/// The products of matrices `[m, k]` and `[k, n]` in `f64`; `at` has the index of both matrices for every product.
fn exact(
    [rows, depth, columns]: [usize; 3],
    transposed: bool,
    a: &[f32],
    b: &[f32],
    at: &[[usize; 2]],
) -> Vec<f64> {
    let (b_row, b_column) = if transposed { (1, depth) } else { (columns, 1) };
    let mut y = Vec::new();
    for [a_at, b_at] in at {
        let (a, b) = (&a[a_at * rows * depth..], &b[b_at * depth * columns..]);
        for i in 0..rows * columns {
            let (row, column) = (i / columns, i % columns);
            let terms = (0..depth)
                .map(|k| f64::from(a[row * depth + k]) * f64::from(b[k * b_row + column * b_column]));
            y.push(terms.sum());
        }
    }
    y
}

fn check<const A: usize, const B: usize, const Y: usize>(
    transposed: bool,
    sizes: [usize; 3],
    (a_dims, b_dims, y_dims): ([usize; A], [usize; B], [usize; Y]),
    at: &[[usize; 2]],
) {
    let mut rng = Rng::new(7);
    let product = MatMul { transposed };
    let a = rng.vec(a_dims.iter().product());
    let b = rng.vec(b_dims.iter().product());
    let expected = exact(sizes, transposed, &a, &b, at);
    let (a, b) = (view(&a, a_dims), view(&b, b_dims));
    for isa in isas() {
        let mut y = vec![f32::NAN; expected.len()];
        on(isa, |cx| product.run(cx, a, b, view_mut(&mut y, y_dims)).map(|_| ())).unwrap();
        assert_close(&y, &expected, 1e-5, &format!("{isa:?} {transposed} {a_dims:?} {b_dims:?}"));
    }
    let mut y = vec![f32::NAN; expected.len()];
    on(isas()[0], |cx| product.run_scalars(cx, a, b, view_mut(&mut y, y_dims)).map(|_| ())).unwrap();
    assert_close(&y, &expected, 1e-5, &format!("{transposed} {a_dims:?} {b_dims:?}"));
}

/// Checks products of matrices of several sizes, with these batch dims of a, b and y.
macro_rules! products {
    ([$($a:expr),*] [$($b:expr),*] [$($y:expr),*], $at:expr) => {
        for sizes in [[1, 1, 1], [3, 1, 5], [5, 7, 3], [2, 0, 4], [13, 40, 33], [1, 64, 16], [0, 3, 2]] {
            let [m, k, n] = sizes;
            let dims = ([$($a,)* m, k], [$($b,)* k, n], [$($y,)* m, n]);
            check(false, sizes, dims, $at);
            check(true, sizes, (dims.0, [$($b,)* n, k], dims.2), $at);
        }
    };
}

#[test]
fn products_broadcast() {
    products!([] [] [], &[[0, 0]]);
    products!([3][3][3], &[[0, 0], [1, 1], [2, 2]]);
    products!([3] [] [3], &[[0, 0], [1, 0], [2, 0]]);
    products!([1][2][2], &[[0, 0], [0, 1]]);
    products!([2, 1] [2] [2, 2], &[[0, 0], [0, 1], [1, 0], [1, 1]]);
    products!([0][1][0], &[]);
}

#[test]
fn vectors_are_rows_and_columns() {
    for transposed in [false, true] {
        check(transposed, [1, 5, 1], ([5], [5], []), &[[0, 0]]);
        check(transposed, [3, 5, 1], ([2, 3, 5], [5], [2, 3]), &[[0, 0], [1, 0]]);
    }
    check(false, [1, 5, 3], ([5], [2, 5, 3], [2, 3]), &[[0, 0], [0, 1]]);
    check(true, [1, 5, 3], ([5], [2, 3, 5], [2, 3]), &[[0, 0], [0, 1]]);
}

#[test]
fn integers_have_zero_points() {
    let a = view(&[11u8, 7, 3, 10, 6, 255], [2, 3]);
    let product = |transposed, b: &[i8], dims, a_zeros: &[u8]| {
        let mut y = [0; 4];
        let product = MatMul { transposed };
        on(isas()[0], |cx| {
            let y = view_mut(&mut y, [2, 2]);
            product.run_integers(cx, a, view(b, dims), a_zeros, &[0, 1], y).map(|_| ())
        })
        .map(|()| y)
    };
    assert_eq!(product(false, &[1, 4, 2, -5, 3, 6], [3, 2], &[12, 10]), Ok([-38, -18, 727, 1249]));
    assert_eq!(product(true, &[1, 2, 3, 4, -5, 6], [2, 3], &[12, 10]), Ok([-38, -18, 727, 1249]));
    assert!(product(false, &[1, 4, 2, -5, 3, 6], [3, 2], &[1, 2, 3]).is_err());
    assert!(product(false, &[1, 4, 2, -5, 3, 6], [3, 2], &[]).is_err());
}

#[test]
fn sums_of_integers_wrap_around() {
    let (a, b, mut y) = (view(&[100i8, 2], [1, 2]), view(&[2, 3], [2, 1]), [0]);
    let product = MatMul { transposed: false };
    on(isas()[0], |cx| product.run_scalars(cx, a, b, view_mut(&mut y, [1, 1])).map(|_| ())).unwrap();
    assert_eq!(y, [206u8 as i8]);
}

/// Whether a product is an error.
fn refuses<const A: usize, const B: usize, const Y: usize>(
    transposed: bool,
    a: [usize; A],
    b: [usize; B],
    y: [usize; Y],
) -> bool {
    let data = |dims: &[usize]| vec![0.0f32; dims.iter().product()];
    let (left, right, mut result) = (data(&a), data(&b), data(&y));
    let (left, right) = (view(&left, a), view(&right, b));
    on(isas()[0], |cx| MatMul { transposed }.run(cx, left, right, view_mut(&mut result, y)).is_err())
}

#[test]
fn dims_that_do_not_match_are_errors() {
    assert!(!refuses(false, [2, 3], [3, 2], [2, 2]));
    assert!(refuses(true, [2, 3], [3, 2], [2, 2]));
    assert!(refuses(false, [2, 3], [3, 2], [2, 1]));
    assert!(refuses(false, [2, 3], [3, 2], [1, 2, 2]));
    assert!(refuses(false, [2, 3], [4, 2], [2, 2]));
    assert!(refuses(false, [3, 2, 3], [2, 3, 2], [3, 2, 2]));
    assert!(refuses(false, [], [1, 2], [2]));
    assert!(refuses(false, [2, 1], [], [2]));
    assert!(!refuses(false, [usize::MAX, 0], [0, 0], [usize::MAX, 0]));
    assert!(!refuses(false, [usize::MAX, 1, 0], [0, 0], [usize::MAX, 1, 0]));
}

#[test]
fn triangles() {
    let x = [1, 2, 3, 4, 5, 6];
    let triangle = |upper, k, dims: [usize; 3]| {
        let mut y = [0; 6];
        on(isas()[0], |cx| ops::trilu(cx, upper, k, view(&x, dims), view_mut(&mut y, dims)).map(|_| ()))
            .map(|()| y)
    };
    assert_eq!(triangle(true, 1, [1, 2, 3]), Ok([0, 2, 3, 0, 0, 6]));
    assert_eq!(triangle(false, 0, [1, 2, 3]), Ok([1, 0, 0, 4, 5, 0]));
    assert_eq!(triangle(true, 0, [3, 1, 2]), Ok(x));
    assert_eq!(triangle(true, i64::MIN, [1, 2, 3]), Ok(x));
    assert_eq!(triangle(false, i64::MIN, [1, 2, 3]), Ok([0; 6]));
    let mut y = [0; 2];
    assert!(on(isas()[0], |cx| ops::trilu(cx, true, 0, view(&[1, 2], [2]), view_mut(&mut y, [2])).is_err()));
}

#[test]
fn determinants() {
    let determinants = |x: &[f32], dims: [usize; 3], count| {
        let mut y = vec![0.0; count];
        on(isas()[0], |cx| ops::determinant(cx, view(x, dims), view_mut(&mut y, [count])).map(|_| ()))
            .map(|()| y)
    };
    let x = [0.0, 2.0, 3.0, 4.0, 1.0, 2.0, 2.0, 4.0];
    assert_eq!(determinants(&x, [2, 2, 2], 2), Ok(vec![-6.0, 0.0]));
    assert_eq!(determinants(&[], [2, 0, 0], 2), Ok(vec![1.0, 1.0]));
    let large = 1 << (usize::BITS / 2 - 2);
    assert_eq!(determinants(&[], [0, large, large], 0), Ok(vec![]));
    assert!(determinants(&x, [2, 2, 2], 1).is_err());
    assert!(determinants(&x, [2, 1, 4], 2).is_err());
    let mut y = [0.0];
    assert!(on(isas()[0], |cx| ops::determinant(cx, view(&[1.0], [1]), view_mut(&mut y, [])).is_err()));
}
