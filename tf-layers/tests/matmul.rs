//! Products of two tensors on every instruction set against `f64`.

mod common;

use common::{Rng, assert_close, isas};
use tf_layers::{Buffer, MatMul};

/// The sums of products, matrix by matrix; `at` says which matrices belong together.
fn exact(product: &MatMul, a: &[f32], b: &[f32], at: &[[usize; 2]]) -> Vec<f64> {
    let MatMul { rows, depth, columns, transposed } = *product;
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

/// Dims in front of the matrices of both operands, and which matrices are multiplied.
type Batches<'a> = (&'a [usize], &'a [usize], &'a [[usize; 2]]);

#[test]
fn products_broadcast() {
    let mut rng = Rng::new(7);
    let batches: [Batches; 6] = [
        (&[], &[], &[[0, 0]]),
        (&[3], &[3], &[[0, 0], [1, 1], [2, 2]]),
        (&[3], &[], &[[0, 0], [1, 0], [2, 0]]),
        (&[1], &[2], &[[0, 0], [0, 1]]),
        (&[2, 1], &[2], &[[0, 0], [0, 1], [1, 0], [1, 1]]),
        (&[0], &[1], &[]),
    ];
    for (a_batch, b_batch, at) in batches {
        for [rows, depth, columns] in [[1, 1, 1], [5, 7, 3], [2, 0, 4], [13, 40, 33], [1, 64, 16], [0, 3, 2]]
        {
            for transposed in [false, true] {
                let product = MatMul { rows, depth, columns, transposed };
                let a = rng.vec(a_batch.iter().product::<usize>() * rows * depth);
                let b = rng.vec(b_batch.iter().product::<usize>() * depth * columns);
                let expected = exact(&product, &a, &b, at);
                for isa in isas() {
                    let mut y = vec![f32::NAN; expected.len()];
                    let mut scratch = Buffer::default();
                    product.run(isa, &a, a_batch, &b, b_batch, &mut scratch, &mut y).unwrap();
                    assert_close(&y, &expected, 1e-5, &format!("{isa:?} {product:?}"));
                }
            }
        }
    }
}

#[test]
fn integers_have_zero_points() {
    let product = MatMul { rows: 2, depth: 3, columns: 2, transposed: false };
    let (a, b) = ([11u8, 7, 3, 10, 6, 255], [1i8, 4, 2, -5, 3, 6]);
    let mut y = [0; 4];
    product.run_integers((&a, &[], &[12, 10]), (&b, &[], &[0, 1]), &mut y).unwrap();
    assert_eq!(y, [-38, -18, 727, 1249]);
    let turned = MatMul { transposed: true, ..product };
    let b = [1i8, 2, 3, 4, -5, 6];
    turned.run_integers((&a, &[], &[12, 10]), (&b, &[], &[0, 1]), &mut y).unwrap();
    assert_eq!(y, [-38, -18, 727, 1249]);
    assert!(product.run_integers((&a, &[], &[1, 2, 3]), (&b, &[], &[0]), &mut y).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let product = MatMul { rows: 2, depth: 3, columns: 2, transposed: false };
    let (isa, x, mut scratch, mut y) = (isas()[0], [0.0; 6], Buffer::default(), [0.0; 4]);
    assert!(product.run(isa, &x[1..], &[], &x, &[], &mut scratch, &mut y).is_err());
    assert!(product.run(isa, &x, &[], &x[1..], &[], &mut scratch, &mut y).is_err());
    assert!(product.run(isa, &x, &[], &x, &[], &mut scratch, &mut y[1..]).is_err());
    assert!(product.run(isa, &x, &[1], &x, &[2], &mut scratch, &mut y).is_err());
    let huge = MatMul { rows: usize::MAX, ..product };
    assert!(huge.run(isa, &x, &[], &x, &[], &mut scratch, &mut y).is_err());
}
