//! Floats as `BF16`.

use crate::checked::{part, part_mut};
use crate::math::nearest_bf16;
use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};
use crate::tensor::BF16;

/// Rounds rows of `x`, each `k` elements long and the given stride after the one before, to rows of `y`, each a stride after the
/// one before: to nearest with ties to even. Instruction sets with products of `BF16` round subnormal numbers to zero.
///
/// Not inlined, so that a program has one copy.
#[inline(never)]
pub(crate) fn round_bf16(isa: Isa, x: (&[f32], usize), k: usize, y: (&mut [BF16], usize)) {
    isa.run(Round { x, k, y });
}

struct Round<'a> {
    x: (&'a [f32], usize),
    k: usize,
    y: (&'a mut [BF16], usize),
}

impl Kernel for Round<'_> {
    type Output = ();
    const BF16: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x: (x, x_stride), k, y: (y, y_stride) } = self;
        for (x, y) in x.chunks(x_stride.max(1)).zip(y.chunks_mut(y_stride.max(1))) {
            let (len, room) = (k.min(x.len()), k.min(y.len()));
            round_row(s, part(x, ..len), part_mut(y, ..room));
        }
    }
}

/// Rounds as many elements as both slices have.
#[inline(always)]
fn round_row<S: Simd>(s: S, mut x: &[f32], mut y: &mut [BF16]) {
    if const { S::BF16 } {
        while x.len() >= 2 * S::LANES && y.len() >= 2 * S::LANES {
            let (from, x_rest) = x.split_at(2 * S::LANES);
            let (to, y_rest) = y.split_at_mut(2 * S::LANES);
            s.store_bf16(s.round_bf16(s.load(from), s.load(&from[S::LANES..])), to);
            (x, y) = (x_rest, y_rest);
        }
    }
    for (x, y) in x.iter().zip(y) {
        *y = BF16::from_f32(*x);
    }
}

/// Rounds `x` to the `BF16` next to it, as floats in `y`: to nearest with ties to even.
#[inline(never)]
pub(crate) fn round_floats(isa: Isa, x: &[f32], y: &mut [f32]) {
    isa.run(RoundFloats { x, y });
}

struct RoundFloats<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

#[derive(Clone, Copy)]
struct Nearest;

impl Lanewise<1> for Nearest {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, [x]: [S::F32; 1]) -> S::F32 {
        nearest_bf16(s, x)
    }
}

impl Kernel for RoundFloats<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        lanewise(s, Nearest, [Source::Each(self.x)], self.y);
    }
}
