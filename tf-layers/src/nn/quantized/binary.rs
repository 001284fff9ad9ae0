//! Sums and products of two quantized tensors.

use super::Byte;
use super::requantization::rounding;
use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::Result;
use crate::gemm::Rounding;
use crate::simd::{Isa, Kernel, PANEL, Simd, copy_front};
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut};

/// The sum of two quantized tensors, with NumPy's broadcasting: y = clamp(round(a·x1 + (b·x2 + offset)) + zero point).
///
/// ```
/// use tf_layers::nn::QuantizedAdd;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // 0.5·(x1 − 10) + 1·(x2 − 0) = 0.5·(y − 3)
/// let layer = QuantizedAdd::new::<u8>([0.5 / 0.5, 1.0 / 0.5], -10.0, 3);
/// let x1 = View::new(&[12_u8, 14], [2])?;
/// let x2 = View::new(&[1_i8, -100], [2])?;
/// let mut y = [0_u8; 2];
/// let y = layer.run(cx, x1, x2, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [7, 0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedAdd {
    /// The scale of x1 / the scale of y.
    pub a: f32,
    /// The scale of x2 / the scale of y.
    pub b: f32,
    /// −(a·zero point of x1 + b·zero point of x2)
    pub offset: f32,
    /// The zero point of y.
    pub zero_point: i32,
    /// The least element of y: that of its type, or the zero point for a `Relu`.
    pub min: i32,
    /// The greatest element of y.
    pub max: i32,
}

/// The product of two quantized tensors, with NumPy's broadcasting:
/// y = clamp(round((x1 − z1)·(x2 − z2)·multiplier + offset) + zero point), with the zero points z1 and z2 of x1 and x2.
///
/// ```
/// use tf_layers::nn::QuantizedMul;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = QuantizedMul::new::<u8>([10, 0], 0.25, 128);
/// let x1 = View::new(&[12_u8, 6, 10, 110], [2, 2])?;
/// let x2 = View::new(&[10_i8, -1], [2])?;
/// let mut y = [0_u8; 4];
/// let y = layer.run(cx, x1, x2, ViewMut::new(&mut y, [2, 2])?)?;
/// assert_eq!(y.as_slice()?, [133, 129, 128, 103]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedMul {
    /// The zero points of x1 and x2.
    pub x_zero_points: [i32; 2],
    /// The scale of x1 · the scale of x2 / the scale of y.
    pub multiplier: f32,
    /// Usually 0. Engines that add the zero point of y before they round have it here, and 0 as zero point.
    pub offset: f32,
    /// The zero point of y.
    pub zero_point: i32,
    /// The least element of y: that of its type, or the zero point for a `Relu`.
    pub min: i32,
    /// The greatest element of y.
    pub max: i32,
}

impl QuantizedAdd {
    /// A sum of type `Y` without an activation. `scales` are those of x1 and x2 / that of y.
    #[must_use]
    pub const fn new<Y: Byte>(scales: [f32; 2], offset: f32, zero_point: i32) -> Self {
        Self { a: scales[0], b: scales[1], offset, zero_point, min: Y::MIN, max: Y::MAX }
    }

    /// Computes y from x1 and x2.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that x1 and x2 broadcast to, or has more than 8, or its zero point or bounds are not in the
    /// range of its type.
    pub fn run<'y, A: Byte, B: Byte, Y: Byte, const M: usize, const N: usize, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x1: View<'_, A, M>,
        x2: View<'_, B, N>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        let plan = Plan::onto([&x1.dims(), &x2.dims()], &y.dims())?;
        let rounding = rounding::<Y>(self.zero_point, self.min, self.max)?;
        let flips = [A::FLIP, B::FLIP];
        let (x, y_bits) =
            ([A::bits(x1.as_slice()?), B::bits(x2.as_slice()?)], Y::bits_mut(y.as_mut_slice()?));
        run_add(cx.isa, Binary { op: *self, plan, x, flips, rounding, y: y_bits });
        Ok(y.into_view())
    }
}

impl QuantizedMul {
    /// A product of type `Y` without an activation.
    #[must_use]
    pub const fn new<Y: Byte>(x_zero_points: [i32; 2], multiplier: f32, zero_point: i32) -> Self {
        Self { x_zero_points, multiplier, offset: 0.0, zero_point, min: Y::MIN, max: Y::MAX }
    }

    /// Computes y from x1 and x2.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that x1 and x2 broadcast to, or has more than 8, or a zero point or bound is not in the
    /// range of its type.
    pub fn run<'y, A: Byte, B: Byte, Y: Byte, const M: usize, const N: usize, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x1: View<'_, A, M>,
        x2: View<'_, B, N>,
        mut y: ViewMut<'y, Y, R>,
    ) -> Result<View<'y, Y, R>> {
        let plan = Plan::onto([&x1.dims(), &x2.dims()], &y.dims())?;
        A::zero_point(self.x_zero_points[0])?;
        B::zero_point(self.x_zero_points[1])?;
        let rounding = rounding::<Y>(self.zero_point, self.min, self.max)?;
        let flips = [A::FLIP, B::FLIP];
        let (x, y_bits) =
            ([A::bits(x1.as_slice()?), B::bits(x2.as_slice()?)], Y::bits_mut(y.as_mut_slice()?));
        run_mul(cx.isa, Binary { op: *self, plan, x, flips, rounding, y: y_bits });
        Ok(y.into_view())
    }
}

// Not generic, so that a program has one copy of the kernels.
fn run_add(isa: Isa, kernel: Binary<'_, QuantizedAdd>) {
    isa.run(kernel);
}

fn run_mul(isa: Isa, kernel: Binary<'_, QuantizedMul>) {
    isa.run(kernel);
}

/// The result before it is rounded.
trait Operation: Copy {
    fn apply<S: Simd>(self, s: S, x: [S::F32; 2]) -> S::F32;
}

impl Operation for QuantizedAdd {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, [x1, x2]: [S::F32; 2]) -> S::F32 {
        // Not fused, so that all instruction sets give the same bits.
        let second = s.add(s.mul(s.splat(self.b), x2), s.splat(self.offset));
        s.add(s.mul(s.splat(self.a), x1), second)
    }
}

impl Operation for QuantizedMul {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, [x1, x2]: [S::F32; 2]) -> S::F32 {
        let [z1, z2] = self.x_zero_points.map(|zero| s.splat(zero as f32));
        // The product of two integers of nine bits is exact.
        s.add(s.mul(s.mul(s.sub(x1, z1), s.sub(x2, z2)), s.splat(self.multiplier)), s.splat(self.offset))
    }
}

/// An operation with checked arguments.
struct Binary<'a, O> {
    op: O,
    plan: Plan<2>,
    x: [&'a [u8]; 2],
    /// The bits that make unsigned bytes of the operands.
    flips: [u8; 2],
    rounding: Rounding,
    y: &'a mut [u8],
}

impl<O: Operation> Kernel for Binary<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (len, advances) = self.plan.inner_loop();
        if len == 0 {
            return;
        }
        // A program that must be small has one copy of the loop.
        if const { !S::COMPACT } && self.flips == [0; 2] {
            self.rows::<S, false>(s, len, advances);
        } else {
            self.rows::<S, true>(s, len, advances);
        }
    }
}

impl<O: Operation> Binary<'_, O> {
    /// Computes all rows. `SIGNED` tells whether an operand may be signed.
    #[inline(always)]
    fn rows<S: Simd, const SIGNED: bool>(self, s: S, len: usize, advances: [bool; 2]) {
        let Self { op, plan, x, flips, rounding, y } = self;
        let width = const { if S::PACKS { 4 * S::LANES } else { PANEL } };
        for (y, starts) in y.chunks_exact_mut(len).zip(plan.starts()) {
            // A number that is broadcast is read again and again.
            let mut repeated = [[0; 4 * PANEL]; 2];
            let mut operands = [(&[][..], 0); 2];
            for (i, repeated) in repeated.iter_mut().enumerate() {
                let x = part(x[i], starts[i]..);
                operands[i] = if advances[i] {
                    (part(x, ..len), width)
                } else {
                    repeated.fill(x.first().copied().unwrap_or(0));
                    (&repeated[..], 0)
                };
            }
            for (block, y) in y.chunks_mut(width).enumerate() {
                let mut last = [[0; 4 * PANEL]; 2];
                let mut both = [&[][..]; 2];
                for ((x, last), (operand, advance)) in both.iter_mut().zip(&mut last).zip(operands) {
                    *x = part(operand, block * advance..);
                    if x.len() < width {
                        copy_front(part_mut(last, ..x.len()), x);
                        *x = last;
                    }
                }
                let [x1, x2] = both;
                if const { S::PACKS } {
                    let x1 = four_floats::<S, SIGNED>(s, x1, flips[0]);
                    let x2 = four_floats::<S, SIGNED>(s, x2, flips[1]);
                    let results = [
                        op.apply(s, [x1[0], x2[0]]),
                        op.apply(s, [x1[1], x2[1]]),
                        op.apply(s, [x1[2], x2[2]]),
                        op.apply(s, [x1[3], x2[3]]),
                    ];
                    s.store_quads(s.in_order(rounding.pack(s, results)), y);
                    continue;
                }
                let (mut ints, x2) = (s.load_bytes(part(x1, ..PANEL)), s.load_bytes(part(x2, ..PANEL)));
                for v in 0..PANEL / S::LANES {
                    let x1 = float::<S, SIGNED>(s, ints[v], flips[0]);
                    let x2 = float::<S, SIGNED>(s, x2[v], flips[1]);
                    ints[v] = rounding.round(s, op.apply(s, [x1, x2]));
                }
                s.store_bytes(ints, y);
            }
        }
    }
}

/// The numbers that 4 · `LANES` bytes stand for. See [`float`].
#[inline(always)]
fn four_floats<S: Simd, const SIGNED: bool>(s: S, bytes: &[u8], flip: u8) -> [S::F32; 4] {
    let bytes = part(bytes, ..4 * S::LANES);
    let mut floats = [s.splat(0.0); 4];
    for v in 0..4 {
        let (panel, vector) = (v * S::LANES / PANEL * PANEL, v % (PANEL / S::LANES));
        let ints = s.load_bytes(part(bytes, panel..panel + PANEL));
        floats[v] = float::<S, SIGNED>(s, ints[vector], flip);
    }
    floats
}

/// The numbers that bytes stand for. If they are `SIGNED`, `flip` makes unsigned ones of their bits.
#[inline(always)]
fn float<S: Simd, const SIGNED: bool>(s: S, bytes: S::I32, flip: u8) -> S::F32 {
    if const { !SIGNED } {
        return s.to_f32(bytes);
    }
    // The bits of an `i8` become unsigned by adding 128.
    let flip = s.isplat(flip.into());
    s.to_f32(s.isub(s.xor(bytes, flip), flip))
}
