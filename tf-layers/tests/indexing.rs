//! Operators that read or write elements and slices by index.

mod common;

use common::{isas, on, view, view_mut};
use tf_layers::ops::{self, ScatterReduction};
use tf_layers::tensor::{View, ViewMut};
use tf_layers::{Context, Error, Result};

fn count(len: usize) -> Vec<i32> {
    (0..len as i32).collect()
}

/// The output of `run` for a tensor of these dims.
fn made<const R: usize>(
    dims: [usize; R],
    run: impl for<'y> FnOnce(&mut Context<'_>, ViewMut<'y, i32, R>) -> Result<View<'y, i32, R>>,
) -> Result<Vec<i32>> {
    let mut y = vec![-1; dims.iter().product()];
    on(isas()[0], |cx| run(cx, view_mut(&mut y, dims)).map(|_| ()))?;
    Ok(y)
}

/// The multi-index of element `i`.
fn unravel<const R: usize>(mut i: usize, dims: [usize; R]) -> [usize; R] {
    let mut at = [0; R];
    for axis in (0..R).rev() {
        at[axis] = i % dims[axis];
        i /= dims[axis];
    }
    at
}

#[track_caller]
fn sliced<const R: usize>(dims: [usize; R], starts: [usize; R], steps: [isize; R], out: [usize; R]) {
    let x = count(dims.iter().product());
    let expected: Vec<i32> = (0..out.iter().product())
        .map(|i| {
            let at = unravel(i, out);
            let index = |a: usize| (starts[a] as isize + at[a] as isize * steps[a]) as usize;
            x[(0..R).fold(0, |i, a| i * dims[a] + index(a))]
        })
        .collect();
    let y = made(out, |cx, y| ops::slice(cx, starts, steps, view(&x, dims), y));
    assert_eq!(y, Ok(expected), "{dims:?} {starts:?} {steps:?}");
}

#[track_caller]
fn not_sliced<const R: usize>(dims: [usize; R], starts: [usize; R], steps: [isize; R], out: [usize; R]) {
    let x = count(dims.iter().product());
    let y = made(out, |cx, y| ops::slice(cx, starts, steps, view(&x, dims), y));
    assert!(y.is_err(), "{dims:?} {starts:?} {steps:?}");
}

#[test]
fn slices() {
    sliced([10], [2], [3], [3]);
    sliced([10], [9], [-1], [10]);
    sliced([4, 5], [1, 0], [1, 1], [2, 5]);
    sliced([4, 5], [3, 4], [-2, -1], [2, 5]);
    sliced([4, 5, 6], [0, 1, 5], [2, 1, -3], [2, 4, 2]);
    sliced([4, 5], [0, 9], [1, 1], [4, 0]);
    sliced([3], [1], [0], [2]);
    sliced([], [], [], []);
    not_sliced([10], [10], [1], [1]);
    not_sliced([10], [5], [1], [6]);
    not_sliced([10], [5], [-1], [7]);
    not_sliced([10], [5], [isize::MAX], [2]);
    not_sliced([10], [5], [isize::MIN], [3]);
    not_sliced([2, 5], [0, 3], [1, 1], [2, 3]);
    not_sliced([1; 9], [0; 9], [1; 9], [1; 9]);
}

#[test]
fn slices_are_gathered() {
    let x = count(12);
    let rows = |indices: &[i64], dims| {
        made(dims, |cx, y| ops::gather(cx, "ids", 1, view(&x, [2, 3, 2]), view(indices, [indices.len()]), y))
    };
    assert_eq!(rows(&[2, -3], [2, 2, 2]), Ok(vec![4, 5, 0, 1, 10, 11, 6, 7]));
    let refused = Err(Error::Index { tensor: "ids", position: 1, len: 2, value: 3, size: 3 });
    assert_eq!(rows(&[2, 3], [2, 2, 2]), refused);
    assert!(rows(&[2, 1], [2, 1, 4]).is_err());
    assert!(rows(&[2, 1], [2, 3, 2]).is_err());
    let pairs =
        made([2, 2], |cx, y| ops::gather(cx, "ids", 0, view(&x, [12]), view(&[1u8, 2, 3, 0], [2, 2]), y));
    assert_eq!(pairs, Ok(vec![1, 2, 3, 0]));
    let one = made([], |cx, y| ops::gather(cx, "ids", 0, view(&x, [12]), view(&[5i32], []), y));
    assert_eq!(one, Ok(vec![5]));
    assert!(made([12], |cx, y| ops::gather(cx, "ids", 1, view(&x, [12]), view(&[5i32], []), y)).is_err());
    let none = view::<i32, 3>(&[], [usize::MAX / 4, 3, 0]);
    let mut y = [];
    let y = view_mut(&mut y, [usize::MAX / 4, 2, 0]);
    assert!(on(isas()[0], |cx| ops::gather(cx, "ids", 1, none, view(&[1i64, 2], [2]), y).is_ok()));
}

#[test]
fn elements_are_gathered_and_scattered_by_index() {
    let x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let gathered = |axis, indices: &[i64], dims| {
        made(dims, |cx, y| ops::gather_elements(cx, "i", axis, view(&x, [3, 3]), view(indices, dims), y))
    };
    assert_eq!(gathered(0, &[1, 2, 0, -1, 0, 0], [2, 3]), Ok(vec![4, 8, 3, 7, 2, 3]));
    assert_eq!(gathered(1, &[0, 0, 1, 1, 2, -3], [3, 2]), Ok(vec![1, 1, 5, 5, 9, 7]));
    let refused = Error::Index { tensor: "i", position: 3, len: 6, value: 3, size: 3 };
    assert_eq!(gathered(1, &[0, 0, 1, 3, 2, 0], [3, 2]), Err(refused));
    assert!(gathered(1, &[0; 8], [4, 2]).is_err());
    assert!(gathered(2, &[0; 6], [3, 2]).is_err());
    let cases = [
        (ScatterReduction::Replace, [1, 20, 3, 4, 10, 6]),
        (ScatterReduction::Add, [1, 22, 3, 4, 45, 6]),
        (ScatterReduction::Mul, [1, 40, 3, 4, 1500, 6]),
        (ScatterReduction::Max, [1, 20, 3, 4, 30, 6]),
        (ScatterReduction::Min, [1, 2, 3, 4, 5, 6]),
    ];
    for (reduction, expected) in cases {
        let updates = view(&[30, 20, 10], [3]);
        let (flat, indices) = (view(&x[..6], [6]), view(&[4i64, 1, 4], [3]));
        let y = made([6], |cx, y| ops::scatter_elements(cx, "i", 0, reduction, flat, indices, updates, y));
        assert_eq!(y.unwrap(), expected, "{reduction:?}");
        let tuples = indices.reshape([3, 1]).unwrap();
        let y = made([6], |cx, y| ops::scatter_nd(cx, "i", reduction, flat, tuples, updates, y));
        assert_eq!(y.unwrap(), expected, "{reduction:?}");
    }
    let scattered = |axis, indices: &[i64], dims, shape: [usize; 2]| {
        let (x, updates) = (view(&x[..6], shape), view(&[30, 20, 10][..indices.len()], dims));
        let indices = view(indices, dims);
        made(shape, |cx, y| {
            ops::scatter_elements(cx, "i", axis, ScatterReduction::Replace, x, indices, updates, y)
        })
    };
    assert_eq!(scattered(0, &[1], [1, 1], [3, 2]), Ok(vec![1, 2, 30, 4, 5, 6]));
    assert_eq!(scattered(1, &[1, -1, 1], [1, 3], [2, 3]), Ok(vec![1, 10, 20, 4, 5, 6]));
    assert!(scattered(1, &[3], [1, 1], [2, 3]).is_err());
    assert!(scattered(1, &[0, 0, 0], [3, 1], [2, 3]).is_err());
}

#[test]
fn slices_are_gathered_and_scattered_by_tuples() {
    let x = count(12);
    let slices = |batch, indices: &[i64], depth, dims: [usize; 2]| {
        let tuples = view(indices, [indices.len() / depth, depth]);
        made(dims, |cx, y| ops::gather_nd(cx, "i", batch, view(&x, [2, 3, 2]), tuples, y))
    };
    assert_eq!(slices(0, &[1, 0, -2, 2], 2, [2, 2]), Ok(vec![6, 7, 4, 5]));
    assert_eq!(slices(1, &[2, 0], 1, [2, 2]), Ok(vec![4, 5, 6, 7]));
    let refused = Error::Index { tensor: "i", position: 3, len: 4, value: 3, size: 3 };
    assert_eq!(slices(0, &[1, 0, 0, 3], 2, [2, 2]), Err(refused));
    assert!(slices(0, &[1, 0, 0, 2], 4, [1, 1]).is_err());
    assert!(slices(0, &[1, 0, 0, 2], 2, [4, 1]).is_err());
    assert!(slices(1, &[2, 0, 1], 1, [3, 2]).is_err());
    assert!(slices(usize::MAX, &[2, 0], 1, [2, 2]).is_err());
    let refuses = |indices: View<'_, i64, 2>| {
        on(isas()[0], |cx| {
            ops::gather_nd(cx, "i", 1, view(&x[..0], [0, 3]), indices, view_mut(&mut [], [0])).is_err()
        })
    };
    assert!(!refuses(view(&[], [0, 1])));
    assert!(refuses(view(&[], [0, 0])));
    assert!(refuses(view(&[0], [1, 1])));
    let number = view(&[0i64], []);
    assert!(made([], |cx, y| ops::gather_nd(cx, "i", 0, view(&x, [12]), number, y)).is_err());
    let updates = view(&[1, 2], [2]);
    let indices = view(&[0i64], [1]);
    let scattered = |updates| {
        made([6, 2], |cx, y| {
            ops::scatter_nd(cx, "i", ScatterReduction::Add, view(&x, [6, 2]), indices, updates, y)
        })
    };
    assert_eq!(scattered(updates).unwrap()[..3], [1, 3, 2]);
    assert!(scattered(view(&[1], [1])).is_err());
}

#[test]
fn one_hot_vectors() {
    let hot = |axis, indices: View<'_, i64, 1>, values: &[i32], dims: [usize; 2]| {
        made(dims, |cx, y| ops::one_hot(cx, axis, indices, view(values, [values.len()]), y))
    };
    assert_eq!(hot(0, view(&[-1, 5], [2]), &[7, 1], [3, 2]), Ok(vec![7, 7, 7, 7, 1, 7]));
    assert_eq!(hot(1, view(&[-1, 1], [2]), &[7, 1], [2, 3]), Ok(vec![7, 7, 1, 7, 1, 7]));
    assert!(hot(0, view(&[-1, 5], [2]), &[7], [3, 2]).is_err());
    assert!(hot(0, view(&[-1, 5], [2]), &[7, 1], [2, 3]).is_err());
    assert!(hot(2, view(&[-1, 5], [2]), &[7, 1], [3, 2]).is_err());
}

#[test]
fn sequences_are_reversed() {
    let x = [1, 2, 3, 4, 5, 6];
    let reversed = |dims: [usize; 2], time, batch, lengths: &[i64]| {
        let lengths = view(lengths, [lengths.len()]);
        made(dims, |cx, y| ops::reverse_sequence(cx, "n", time, batch, view(&x, dims), lengths, y))
    };
    assert_eq!(reversed([3, 2], 0, 1, &[3, 2]), Ok(vec![5, 4, 3, 2, 1, 6]));
    assert_eq!(reversed([2, 3], 1, 0, &[3, 0]), Ok(vec![3, 2, 1, 4, 5, 6]));
    let refused = Error::Index { tensor: "n", position: 0, len: 2, value: 4, size: 3 };
    assert_eq!(reversed([2, 3], 1, 0, &[4, 0]), Err(refused));
    assert!(reversed([2, 3], 1, 0, &[1]).is_err());
    assert!(reversed([2, 3], 1, 1, &[1, 1, 1]).is_err());
    assert!(reversed([2, 3], 1, 2, &[1, 1]).is_err());
    let none = view::<i32, 3>(&[], [2, usize::MAX / 2, 0]);
    let mut y = [];
    let y = view_mut(&mut y, [2, usize::MAX / 2, 0]);
    assert!(on(isas()[0], |cx| ops::reverse_sequence(cx, "n", 1, 0, none, view(&[1u8, 1], [2]), y).is_ok()));
}

#[test]
fn steps_are_written_into_a_cache() {
    let x = [1, 2, 3, 4, 5, 6];
    let written = |axis, circular, starts: &[i64], steps: [usize; 3]| {
        let (x, updates) = (view(&x, [2, 3, 1]), view(&[7, 8, 9, 10][..steps.iter().product()], steps));
        let starts = view(starts, [starts.len()]);
        made([2, 3, 1], |cx, y| ops::tensor_scatter(cx, "s", axis, circular, x, updates, starts, y))
    };
    assert_eq!(written(1, false, &[1, 0], [2, 2, 1]), Ok(vec![1, 7, 8, 9, 10, 6]));
    assert_eq!(written(1, true, &[2, 4], [2, 2, 1]), Ok(vec![8, 2, 7, 4, 9, 10]));
    let refused = Error::Index { tensor: "s", position: 1, len: 2, value: 2, size: 3 };
    assert_eq!(written(1, false, &[1, 2], [2, 2, 1]), Err(refused));
    assert!(written(1, false, &[1], [2, 2, 1]).is_err());
    assert!(written(0, false, &[1, 1], [2, 2, 1]).is_err());
    assert!(written(1, false, &[1, 1], [1, 2, 1]).is_err());
    let none = view::<i32, 3>(&[], [1, usize::MAX, 0]);
    let mut y = [];
    let y = view_mut(&mut y, [1, usize::MAX, 0]);
    assert!(
        on(isas()[0], |cx| ops::tensor_scatter(cx, "s", 1, true, none, none, view(&[1i64], [1]), y).is_ok())
    );
}

#[test]
fn diagonals() {
    let x = count(12);
    let axes = |axes, dims| made(dims, |cx, y| ops::diagonal(cx, axes, view(&x, [2, 3, 2]), y));
    assert_eq!(axes([0, 1, 0], [2, 3]), Ok(vec![0, 2, 4, 7, 9, 11]));
    assert_eq!(axes([1, 0, 1], [3, 2]), Ok(vec![0, 7, 2, 9, 4, 11]));
    assert!(axes([0, 1, 1], [2, 3]).is_err());
    assert!(axes([0, 1, 0], [3, 2]).is_err());
    assert!(axes([0, 0, 0], [2, 2]).is_err());
    assert!(axes([0, 1, usize::MAX], [2, 3]).is_err());
    let square = |axes| made([3], |cx, y| ops::diagonal(cx, axes, view(&x[..9], [3, 3]), y));
    assert_eq!(square([0, 0]), Ok(vec![0, 4, 8]));
    assert!(square([0, 2]).is_err());
    assert!(square([1, 1]).is_err());
}
