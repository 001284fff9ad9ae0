//! Sums and products of two quantized tensors.

use super::Byte;
use super::requantization::bounds;
use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::Result;
use crate::simd::{Isa, Kernel, PANEL, Simd};
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
        let bounds = bounds::<Y>(self.zero_point, self.min, self.max)?;
        let flips = [A::FLIP, B::FLIP];
        let (x, y_bits) =
            ([A::bits(x1.as_slice()?), B::bits(x2.as_slice()?)], Y::bits_mut(y.as_mut_slice()?));
        run_add(cx.isa, Binary { op: *self, plan, x, flips, bounds, zero_point: self.zero_point, y: y_bits });
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
        let bounds = bounds::<Y>(self.zero_point, self.min, self.max)?;
        let flips = [A::FLIP, B::FLIP];
        let (x, y_bits) =
            ([A::bits(x1.as_slice()?), B::bits(x2.as_slice()?)], Y::bits_mut(y.as_mut_slice()?));
        run_mul(cx.isa, Binary { op: *self, plan, x, flips, bounds, zero_point: self.zero_point, y: y_bits });
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
    /// The least and greatest result without the zero point.
    bounds: (f32, f32),
    zero_point: i32,
    y: &'a mut [u8],
}

impl<O: Operation> Kernel for Binary<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { op, plan, x, flips, bounds, zero_point, y } = self;
        let (len, advances) = plan.inner_loop();
        if len == 0 {
            return;
        }
        let (low, high, zero) = (s.splat(bounds.0), s.splat(bounds.1), s.isplat(zero_point));
        for (y, starts) in y.chunks_exact_mut(len).zip(plan.starts()) {
            let mut at = 0;
            while at < len {
                let width = PANEL.min(len - at);
                let mut panels = [s.int_panel(0); 2];
                for i in 0..2 {
                    panels[i] = if advances[i] {
                        s.load_bytes(part(x[i], starts[i] + at..starts[i] + at + width))
                    } else {
                        s.int_panel(x[i].get(starts[i]).copied().unwrap_or(0).into())
                    };
                }
                let mut out = s.int_panel(0);
                for lane in 0..PANEL / S::LANES {
                    let mut operands = [s.splat(0.0); 2];
                    for i in 0..2 {
                        // The bits of an `i8` become unsigned by adding 128.
                        let flip = s.isplat(flips[i].into());
                        operands[i] = s.to_f32(s.isub(s.xor(panels[i][lane], flip), flip));
                    }
                    let result = s.min(s.max(op.apply(s, operands), low), high);
                    out[lane] = s.iadd(s.to_i32(result), zero);
                }
                s.store_bytes(out, part_mut(y, at..at + width));
                at += width;
            }
        }
    }
}
