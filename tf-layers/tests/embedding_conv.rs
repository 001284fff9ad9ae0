//! Convolutions over embedded indices, against sums in `f64`.

mod common;

use common::{Rng, assert_close, isas, on, view, view_mut};
use tf_layers::nn::{Activation, EmbeddingConv1d};
use tf_layers::tensor::{Index, Outside};
use tf_layers::{Error, Isa, Result};

const ROWS: usize = 7;

fn layer(table: &[f32], filters: usize, taps: usize) -> EmbeddingConv1d<'_> {
    EmbeddingConv1d {
        input: "ids",
        table: view(table, [ROWS, taps, filters]),
        bias: None,
        activation: Activation::Linear,
        stride: 1,
        dilation: 1,
        padding: [0, 0],
        outside: Outside::FromEnd,
    }
}

#[test]
fn sums_of_rows() {
    let mut rng = Rng::new(5);
    for (batch, steps, filters, taps, stride, dilation, padding) in [
        (1, 9_usize, 16, 3, 1, 1, [1, 1]),
        (2, 9, 5, 3, 1, 2, [4, 0]),
        (3, 10, 70, 4, 2, 1, [0, 2]),
        (1, 1, 33, 16, 1, 1, [8, 7]),
        (2, 4, 1, 1, 3, 1, [0, 0]),
        (2, 3, 8, 5, 1, 1, [0, 0]),
        (1, 3, 8, 2, 1, 1, [4, 4]),
        (0, 3, 8, 2, 1, 1, [0, 0]),
        (2, 0, 8, 2, 1, 1, [1, 1]),
    ] {
        let (table, bias) = (rng.vec(ROWS * taps * filters), rng.vec(filters));
        let x: Vec<i32> = (0..batch * steps).map(|i| (i * 5 % 13) as i32 - 6).collect();
        let output = (steps + padding[0] + padding[1]).checked_sub((taps - 1) * dilation + 1);
        let output = output.map_or(0, |room| room / stride + 1);
        for (activation, f) in
            [(Activation::Relu, (|y: f64| y.max(0.0)) as fn(f64) -> f64), (Activation::Tanh, f64::tanh)]
        {
            let layer = EmbeddingConv1d {
                bias: Some(&bias),
                activation,
                stride,
                dilation,
                padding,
                ..layer(&table, filters, taps)
            };
            let mut expected = Vec::new();
            for at in 0..batch * output {
                let (sample, at) = (at / output, at % output);
                for (filter, &bias) in bias.iter().enumerate() {
                    let mut sum = f64::from(bias);
                    for tap in 0..taps {
                        let Some(step) = (at * stride + tap * dilation).checked_sub(padding[0]) else {
                            continue;
                        };
                        if step < steps {
                            let row = x[sample * steps + step].rem_euclid(ROWS as i32) as usize;
                            sum += f64::from(table[(row * taps + tap) * filters + filter]);
                        }
                    }
                    expected.push(f(sum));
                }
            }
            for isa in isas() {
                let mut y = vec![f32::NAN; expected.len()];
                let to = view_mut(&mut y, [batch, output, filters]);
                on(isa, |cx| layer.run(cx, view(&x, [batch, steps]), to).map(|_| ())).unwrap();
                assert_close(&y, &expected, 1e-6, &format!("{batch} {steps} {taps} {}", isa.name()));
            }
        }
    }
}

fn run<I: Index>(isa: Isa, layer: EmbeddingConv1d<'_>, x: &[I], dims: [usize; 3]) -> Result<()> {
    let mut y = vec![0.0; dims.iter().product()];
    on(isa, |cx| layer.run(cx, view(x, [1, x.len()]), view_mut(&mut y, dims)).map(|_| ()))
}

#[test]
fn invalid_dims_and_indices_are_errors() {
    let table = [0.0; ROWS * 3 * 4];
    let good = layer(&table, 4, 3);
    for isa in isas() {
        assert!(run(isa, good, &[0u8, 1, 2, 6], [1, 2, 4]).is_ok());
        // Indices are checked even if no window reads them.
        let strided = EmbeddingConv1d { stride: 2, ..good };
        assert_eq!(
            run(isa, strided, &[0, 1, 2, 7], [1, 1, 4]),
            Err(Error::Index { tensor: "ids", position: 3, len: 4, value: 7, size: ROWS })
        );
        assert!(run(isa, good, &[0.0, f32::NAN, 0.0, 0.0], [1, 2, 4]).is_err());
        for dims in [[1, 3, 4], [1, 2, 3], [2, 2, 4], [0, 2, 4]] {
            assert!(run(isa, good, &[0; 4], dims).is_err(), "{dims:?}");
        }
        let ones = [1.0; 17];
        for bad in [
            EmbeddingConv1d { table: view(&ones, [1, 17, 1]), padding: [9, 9], ..good },
            EmbeddingConv1d { table: view(&[], [ROWS, 0, 4]), ..good },
            EmbeddingConv1d { stride: 0, ..good },
            EmbeddingConv1d { bias: Some(&[0.0; 3]), ..good },
            EmbeddingConv1d { padding: [usize::MAX, 1], ..good },
        ] {
            assert!(run(isa, bad, &[0; 4], [1, 2, 4]).is_err(), "{bad:?}");
        }
    }
}
