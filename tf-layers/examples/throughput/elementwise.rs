//! Layers without matrix products.

use std::hint::black_box;

use tf_layers::Context;
use tf_layers::nn::{Activation, GroupNorm, LayerNorm, Pool2d, PoolKind};
use tf_layers::ops::{Binary, Reduce, softmax, transpose};
use tf_layers::tensor::{Buffer, View, ViewMut};

use crate::bench::{Bench, numbers};

impl Bench {
    pub fn elementwise(&self) {
        let mut x = numbers(16384);
        x.iter_mut().for_each(|x| *x *= 8.0);
        let mut y = numbers(x.len());
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(self.isa, &mut scratch);
        for activation in [
            Activation::Relu,
            Activation::Exp,
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Silu,
            Activation::Gelu,
            Activation::Mish,
            Activation::Softplus,
        ] {
            self.measure(&format!("{activation:?} of 16384"), 0, || {
                let x = View::new(black_box(&x[..]), [16384]).unwrap();
                activation.run(cx, x, ViewMut::new(&mut y, [16384]).unwrap()).unwrap();
            });
        }
        self.measure("add 16384", 0, || {
            let x = View::new(black_box(&x[..]), [16384]).unwrap();
            Binary::Add.run(cx, x, x, ViewMut::new(&mut y, [16384]).unwrap()).unwrap();
        });
        self.measure("add 64x256 + 256", 0, || {
            let x = black_box(&x[..]);
            let (a, b) = (View::new(x, [64, 256]).unwrap(), View::new(&x[..256], [256]).unwrap());
            Binary::Add.run(cx, a, b, ViewMut::new(&mut y, [64, 256]).unwrap()).unwrap();
        });
        for dims in [[1024, 16, 1], [16, 1024, 1], [1638, 10, 1], [16, 16, 64]] {
            let len = dims.iter().product();
            self.measure(&format!("softmax {dims:?}"), 0, || {
                let x = View::new(black_box(&x[..len]), dims).unwrap();
                softmax(cx, 1, x, ViewMut::new(&mut y[..len], dims).unwrap()).unwrap();
            });
            let norm = LayerNorm::new(1);
            self.measure(&format!("layer norm {dims:?}"), 0, || {
                let x = View::new(black_box(&x[..len]), dims).unwrap();
                norm.run(cx, x, ViewMut::new(&mut y[..len], dims).unwrap()).unwrap();
            });
            self.measure(&format!("sum {dims:?}"), 0, || {
                let x = View::new(black_box(&x[..len]), dims).unwrap();
                let sums = ViewMut::new(&mut y[..dims[0] * dims[2]], [dims[0], dims[2]]).unwrap();
                Reduce::Sum.run(cx, 1..2, x, sums).unwrap();
            });
        }
        for dims in [[1, 256, 64], [1, 5461, 3], [4, 16, 256]] {
            let len = dims.iter().product();
            for groups in [1, dims[2]] {
                let norm = GroupNorm::new(groups);
                self.measure(&format!("group norm {dims:?} in {groups}"), 0, || {
                    let x = View::new(black_box(&x[..len]), dims).unwrap();
                    norm.run(cx, x, ViewMut::new(&mut y[..len], dims).unwrap()).unwrap();
                });
            }
        }
        for (dims, perm) in [([1, 128, 128], [0, 2, 1]), ([64, 4, 64], [1, 0, 2]), ([16, 3, 341], [0, 2, 1])]
        {
            let len = dims.iter().product();
            self.measure(&format!("transpose {dims:?} {perm:?}"), 0, || {
                let x = View::new(black_box(&x[..len]), dims).unwrap();
                let y = ViewMut::new(&mut y[..len], perm.map(|axis| dims[axis])).unwrap();
                transpose(cx, perm, x, y).unwrap();
            });
        }
        for kind in [PoolKind::Max, PoolKind::Average { count_include_pad: false }] {
            let pool = Pool2d::new(kind, [2, 2]);
            let mut scratch = Buffer::default();
            let cx = &mut Context::new(self.isa, &mut scratch);
            self.measure(&format!("pool 2x2 16x16x64 {kind:?}"), 0, || {
                let x = View::new(black_box(&x[..]), [1, 16, 16, 64]).unwrap();
                pool.run(cx, x, ViewMut::new(&mut y[..4096], [1, 8, 8, 64]).unwrap()).unwrap();
            });
        }
    }
}
