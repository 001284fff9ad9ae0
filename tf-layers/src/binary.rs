//! Functions of two numbers, with broadcasting.

use crate::broadcast::{Plan, shape};
use crate::error::check_len;
use crate::simd::{Isa, Kernel, PANEL, Simd};
use crate::{Error, Result, len, math};

/// A function of two numbers, on vectors of any width.
trait Op: Copy {
    /// Must be `#[inline(always)]`.
    fn op<S: Simd>(self, s: S, a: S::F32, b: S::F32) -> S::F32;
}

macro_rules! operations {
    (|$s:ident, $a:ident, $b:ident| $($(#[$doc:meta])* $variant:ident => $e:expr;)+) => {
        /// An arithmetic operation with NumPy's broadcasting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Binary {
            $($(#[$doc])* $variant,)+
        }

        impl Binary {
            fn dispatch(self, isa: Isa, job: Job<'_>) {
                match self {
                    $(Self::$variant => {
                        #[derive(Clone, Copy)]
                        struct Operation;
                        impl Op for Operation {
                            #[inline(always)]
                            fn op<S: Simd>(self, $s: S, $a: S::F32, $b: S::F32) -> S::F32 {
                                $e
                            }
                        }
                        isa.run(Apply { op: Operation, job });
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

/// The operands; without `a` the output takes its place.
struct Job<'a> {
    plan: Plan<2>,
    a: Option<&'a [f32]>,
    b: &'a [f32],
    out: &'a mut [f32],
}

impl Binary {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run(
        self,
        isa: Isa,
        a: &[f32],
        a_shape: &[usize],
        b: &[f32],
        b_shape: &[usize],
        out: &mut [f32],
    ) -> Result<()> {
        check_len("a", len(a_shape)?, a.len())?;
        check_len("b", len(b_shape)?, b.len())?;
        check_len("out", len(&shape([a_shape, b_shape])?)?, out.len())?;
        self.dispatch(isa, Job { plan: Plan::new([a_shape, b_shape])?, a: Some(a), b, out });
        Ok(())
    }

    /// out = out ∘ b, where b broadcasts to `out_shape`.
    pub fn run_in_place(
        self,
        isa: Isa,
        out: &mut [f32],
        out_shape: &[usize],
        b: &[f32],
        b_shape: &[usize],
    ) -> Result<()> {
        check_len("b", len(b_shape)?, b.len())?;
        check_len("out", len(out_shape)?, out.len())?;
        if shape([out_shape, b_shape])?[..] != *out_shape {
            return Err(Error::Dims { what: "b", must: "broadcast to the shape of the output" });
        }
        self.dispatch(isa, Job { plan: Plan::new([out_shape, b_shape])?, a: None, b, out });
        Ok(())
    }
}

struct Apply<'a, O> {
    op: O,
    job: Job<'a>,
}

impl<O: Op> Kernel for Apply<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Job { plan, a, b, out } = self.job;
        let (len, [a_moves, b_moves]) = plan.run();
        let (a_len, b_len) = (if a_moves { len } else { 1 }, if b_moves { len } else { 1 });
        if len == 0 {
            return;
        }
        for (out, [a_start, b_start]) in out.chunks_exact_mut(len).zip(plan.starts()) {
            let b = &b[b_start..][..b_len];
            match a {
                Some(a) => run(s, self.op, &a[a_start..][..a_len], b, out),
                None => in_place(s, self.op, out, b),
            }
        }
    }
}

/// One run; an operand of a single element is used for all of it.
#[inline(always)]
fn run<S: Simd, O: Op>(s: S, op: O, a: &[f32], b: &[f32], out: &mut [f32]) {
    let len = out.len();
    let whole = len - len % S::LANES;
    if a.len() == len && b.len() == len {
        for i in (0..whole).step_by(S::LANES) {
            s.store(op.op(s, s.load(&a[i..]), s.load(&b[i..])), &mut out[i..]);
        }
    } else if a.len() == len {
        let b = s.splat(b[0]);
        for i in (0..whole).step_by(S::LANES) {
            s.store(op.op(s, s.load(&a[i..]), b), &mut out[i..]);
        }
    } else {
        let a = s.splat(a[0]);
        for i in (0..whole).step_by(S::LANES) {
            let b = if b.len() == len { s.load(&b[i..]) } else { s.splat(b[0]) };
            s.store(op.op(s, a, b), &mut out[i..]);
        }
    }
    if whole < len {
        let (a, b) = (rest(s, a, len, whole), rest(s, b, len, whole));
        s.store_partial(op.op(s, a, b), &mut out[whole..]);
    }
}

/// out = out ∘ b for one run.
#[inline(always)]
fn in_place<S: Simd, O: Op>(s: S, op: O, out: &mut [f32], b: &[f32]) {
    let len = out.len();
    let whole = len - len % S::LANES;
    if b.len() == len {
        for i in (0..whole).step_by(S::LANES) {
            s.store(op.op(s, s.load(&out[i..]), s.load(&b[i..])), &mut out[i..]);
        }
    } else {
        let b = s.splat(b[0]);
        for i in (0..whole).step_by(S::LANES) {
            s.store(op.op(s, s.load(&out[i..]), b), &mut out[i..]);
        }
    }
    if whole < len {
        let b = rest(s, b, len, whole);
        s.store_partial(op.op(s, s.load_partial(&out[whole..], 1.0), b), &mut out[whole..]);
    }
}

/// The last, incomplete vector of an operand.
#[inline(always)]
fn rest<S: Simd>(s: S, x: &[f32], len: usize, whole: usize) -> S::F32 {
    if x.len() == len { s.load_partial(&x[whole..], 1.0) } else { s.splat(x[0]) }
}
