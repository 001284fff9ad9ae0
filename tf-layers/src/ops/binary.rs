//! Functions of two numbers, with broadcasting.

use crate::error::{Error, Result, check_len};
use crate::math;
use crate::simd::{Isa, Kernel, Lanewise, PANEL, Simd, Source, lanewise};
use crate::tensor::broadcast::{Plan, pair, shape};
use crate::tensor::len;

macro_rules! operations {
    (|$s:ident, $a:ident, $b:ident| $($(#[$doc:meta])* $variant:ident => $e:expr;)+) => {
        /// An arithmetic operation with NumPy's broadcasting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Binary {
            $($(#[$doc])* $variant,)+
        }

        impl Binary {
            /// Inlined, so that a program whose operations are constants holds no others.
            #[inline(always)]
            fn dispatch(self, isa: Isa, operands: Operands<'_>) -> Result<()> {
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
                        fn apply(isa: Isa, operands: Operands<'_>) -> Result<()> {
                            isa.run(Apply { op: Operation, job: operands.check()? });
                            Ok(())
                        }
                        apply(isa, operands)
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
    /// The greater; NaN if either is
    Max => s.select(s.eq(a, a), s.max(a, b), a);
    /// The lesser; NaN if either is
    Min => s.select(s.eq(a, a), s.min(a, b), a);
    /// aᵇ, with the special cases of C's `pow`
    Pow => pow(s, a, b);
    /// a, or a·b where a < 0: the parametric `ReLU` with slopes b
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

/// Squares are by far the commonest powers.
#[inline(always)]
fn pow<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    let mut exponents = [0.0; PANEL];
    s.store(b, &mut exponents);
    if exponents[..S::LANES].iter().all(|&exponent| exponent == 2.0) {
        return s.mul(a, a);
    }
    by_lane(s, a, b, math::pow)
}

/// The operands as they were passed; without `a` the output takes its place.
struct Operands<'a> {
    a: Option<&'a [f32]>,
    shapes: [&'a [usize]; 2],
    b: &'a [f32],
    out: &'a mut [f32],
}

impl<'a> Operands<'a> {
    fn check(self) -> Result<Checked<'a>> {
        let Self { a, shapes: [a_shape, b_shape], b, out } = self;
        if let Some(a) = a {
            let plan = pair(a, a_shape, b, b_shape, out.len())?;
            return Ok(Checked { plan, a: Some(a), b, out });
        }
        check_len("b", len(b_shape)?, b.len())?;
        check_len("out", len(a_shape)?, out.len())?;
        if shape([a_shape, b_shape])?[..] != *a_shape {
            return Err(Error::Dims { what: "b", must: "broadcast to the shape of the output" });
        }
        Ok(Checked { plan: Plan::new([a_shape, b_shape])?, a: None, b, out })
    }
}

/// Operands that fit.
struct Checked<'a> {
    plan: Plan<2>,
    a: Option<&'a [f32]>,
    b: &'a [f32],
    out: &'a mut [f32],
}

impl Binary {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    #[inline(always)]
    pub fn run(
        self,
        isa: Isa,
        a: &[f32],
        a_shape: &[usize],
        b: &[f32],
        b_shape: &[usize],
        out: &mut [f32],
    ) -> Result<()> {
        self.dispatch(isa, Operands { a: Some(a), shapes: [a_shape, b_shape], b, out })
    }

    /// out = out ∘ b, where b broadcasts to `out_shape`.
    #[inline(always)]
    pub fn run_in_place(
        self,
        isa: Isa,
        out: &mut [f32],
        out_shape: &[usize],
        b: &[f32],
        b_shape: &[usize],
    ) -> Result<()> {
        self.dispatch(isa, Operands { a: None, shapes: [out_shape, b_shape], b, out })
    }
}

struct Apply<'a, O> {
    op: O,
    job: Checked<'a>,
}

impl<O: Lanewise<2>> Kernel for Apply<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Checked { plan, a, b, out } = self.job;
        let (len, [a_moves, b_moves]) = plan.run();
        if len == 0 {
            return;
        }
        for (out, [a_start, b_start]) in out.chunks_exact_mut(len).zip(plan.starts()) {
            let a = a.map_or(Source::Output, |a| source(a, a_start, len, a_moves));
            lanewise(s, self.op, [a, source(b, b_start, len, b_moves)], out);
        }
    }
}

/// What a run takes from an operand: `len` numbers, or always the same.
fn source(x: &[f32], start: usize, len: usize, moves: bool) -> Source<'_> {
    if moves { Source::Each(&x[start..][..len]) } else { Source::One(x[start]) }
}
