//! Arithmetic on two `f32` tensors, with broadcasting.

use crate::Context;
use crate::checked::{element, part};
use crate::error::Result;
use crate::math;
use crate::simd::{Isa, Kernel, Lanewise, PANEL, Simd, Source, lanewise};
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut};

macro_rules! operations {
    (|$s:ident, $a:ident, $b:ident| $($(#[$doc:meta])* $variant:ident => $e:expr;)+) => {
        /// Elementwise arithmetic on two tensors, with NumPy's broadcasting.
        ///
        /// ```
        /// use tf_layers::ops::Binary;
        /// use tf_layers::prelude::*;
        ///
        /// # let mut scratch = Buffer::default();
        /// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
        /// let a = View::new(&[1.0, 2.0, 3.0, 4.0], [2, 2])?;
        /// let b = View::new(&[10.0, 20.0], [2])?;
        /// let mut y = [0.0; 4];
        /// let y = Binary::Add.run(cx, a, b, ViewMut::new(&mut y, [2, 2])?)?;
        /// assert_eq!(y.as_slice()?, [11.0, 22.0, 13.0, 24.0]);
        /// # Ok::<(), tf_layers::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Binary {
            $($(#[$doc])* $variant,)+
        }

        impl Binary {
            /// Inlined, so that a program contains only the operations that it names as constants.
            #[inline(always)]
            fn dispatch(self, isa: Isa, job: Job<'_>) {
                match self {
                    $(Self::$variant => {
                        #[derive(Clone, Copy)]
                        struct Operation;
                        impl Lanewise<2> for Operation {
                            #[inline(always)]
                            fn apply<S: Simd>(self, $s: S, [$a, $b]: [S::F32; 2]) -> S::F32 {
                                $e
                            }
                        }
                        fn apply(isa: Isa, job: Job<'_>) {
                            isa.run(Apply { op: Operation, job });
                        }
                        apply(isa, job);
                    })+
                }
            }
        }
    };
}

operations! {
    |s, a, b|
    /// a + b
    Add => s.add(a, b);
    /// max(a + b, 0)
    AddRelu => s.max(s.splat(0.0), s.add(a, b));
    /// a − b
    Sub => s.sub(a, b);
    /// a·b
    Mul => s.mul(a, b);
    /// a/b
    Div => s.div(a, b);
    /// The maximum; NaN if either operand is
    Max => s.select(s.eq(a, a), s.max(a, b), a);
    /// The minimum; NaN if either operand is
    Min => s.select(s.eq(a, a), s.min(a, b), a);
    /// aᵇ, with the special cases of C's `pow`
    Pow => pow(s, a, b);
    /// a, or a·b if a < 0: the parametric `ReLU` with slopes b
    PRelu => s.select(s.lt(a, s.splat(0.0)), s.mul(a, b), a);
    /// The remainder of a/b with the sign of b, as in Python
    Mod => by_lane(s, a, b, math::modulo);
    /// The remainder of a/b with the sign of a, as in C
    Fmod => by_lane(s, a, b, |a, b| a % b);
    /// (a − b)²
    SquaredDifference => s.mul(s.sub(a, b), s.sub(a, b));
}

#[inline(always)]
fn by_lane<S: Simd>(s: S, a: S::F32, b: S::F32, f: fn(f32, f32) -> f32) -> S::F32 {
    let (mut x, mut y) = ([0.0; PANEL], [0.0; PANEL]);
    s.store(a, &mut x);
    s.store(b, &mut y);
    for i in 0..S::LANES {
        x[i] = f(x[i], y[i]);
    }
    s.load(&x)
}

/// aᵇ, with a shortcut for squares, which are by far the most common powers.
#[inline(always)]
fn pow<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    let mut exponents = [0.0; PANEL];
    s.store(b, &mut exponents);
    if exponents[..S::LANES].iter().all(|&exponent| exponent == 2.0) {
        return s.mul(a, a);
    }
    by_lane(s, a, b, math::pow)
}

/// Operands and an output of matching lengths. Without `a`, the output is the first operand.
struct Job<'a> {
    plan: Plan<2>,
    a: Option<&'a [f32]>,
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Binary {
    /// Computes y = a ∘ b.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that a and b broadcast to, or has more than 8.
    #[inline(always)]
    pub fn run<'y, const A: usize, const B: usize, const R: usize>(
        self,
        cx: &mut Context<'_>,
        a: View<'_, f32, A>,
        b: View<'_, f32, B>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
        let job = Job { plan, a: Some(a.as_slice()?), b: b.as_slice()?, y: y.as_mut_slice()? };
        self.dispatch(cx.isa, job);
        Ok(y.into_view())
    }

    /// Computes y = y ∘ b.
    ///
    /// # Errors
    ///
    /// If b does not broadcast to the dims of y, or y has more than 8.
    #[inline(always)]
    pub fn run_in_place<'y, const B: usize, const R: usize>(
        self,
        cx: &mut Context<'_>,
        b: View<'_, f32, B>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let plan = Plan::onto([&y.dims(), &b.dims()], &y.dims())?;
        let job = Job { plan, a: None, b: b.as_slice()?, y: y.as_mut_slice()? };
        self.dispatch(cx.isa, job);
        Ok(y.into_view())
    }
}

struct Apply<'a, O> {
    op: O,
    job: Job<'a>,
}

impl<O: Lanewise<2>> Kernel for Apply<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Job { plan, a, b, y } = self.job;
        let (len, [a_advances, b_advances]) = plan.inner_loop();
        if len == 0 {
            return;
        }
        for (y, [a_start, b_start]) in y.chunks_exact_mut(len).zip(plan.starts()) {
            let a = a.map_or(Source::Output, |a| source(a, a_start, len, a_advances));
            lanewise(s, self.op, [a, source(b, b_start, len, b_advances)], y);
        }
    }
}

/// What an inner loop reads from an operand: `len` numbers, or one number repeatedly.
fn source(x: &[f32], start: usize, len: usize, advances: bool) -> Source<'_> {
    if advances {
        Source::Each(part(x, start..start + len))
    } else {
        Source::One(element(x, start).copied().unwrap_or_default())
    }
}
