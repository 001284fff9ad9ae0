//! Activation functions.

use core::fmt;

use crate::error::{Result, check_len};
use crate::gemm::UNBOUNDED;
use crate::math;
use crate::ops::function::{Applied, Parameters, applied};
use crate::simd::{Isa, Simd, Source};
use crate::tensor::Columns;

/// The constants of the SELU paper (Klambauer et al., 2017), as ONNX and Keras give them.
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

/// Declares the functions of [`Activation`].
macro_rules! activations {
    (|$s:ident, $x:ident| $($(#[$doc:meta])* $name:ident ($($parameter:ident),*) => $e:expr;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq)]
        enum Name {
            $($name),+
        }

        /// Written like the variants of an enum.
        #[allow(non_upper_case_globals, non_snake_case)]
        impl Activation {
            $(activations! { @ |$s, $x| $(#[$doc])* $name ($($parameter),*) => $e })+
        }
    };
    (@ |$s:ident, $x:ident| $(#[$doc:meta])* $name:ident () => $e:expr) => {
        $(#[$doc])*
        pub const $name: Self =
            Self { name: Name::$name, parameters: [0.0; 3], apply: applied!(|$s, $x| $e,) };
    };
    (@ |$s:ident, $x:ident| $(#[$doc:meta])* $name:ident ($($parameter:ident),+) => $e:expr) => {
        $(#[$doc])*
        #[must_use]
        pub const fn $name($($parameter: f32),+) -> Self {
            let mut parameters = [0.0; 3];
            let given = [$($parameter),+];
            parameters.split_at_mut(given.len()).0.copy_from_slice(&given);
            Self { name: Name::$name, parameters, apply: applied!(|$s, $x| $e, $($parameter),+) }
        }
    };
}

/// An activation function. Parameters are those of the ONNX operator of the same name.
///
/// It carries its kernels with it, so that a program has those of the functions that it names and of no others.
#[derive(Clone, Copy)]
pub struct Activation {
    name: Name,
    parameters: Parameters,
    apply: Applied,
}

impl PartialEq for Activation {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.parameters == other.parameters
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        if self.parameters == [0.0; 3] { Ok(()) } else { write!(f, "{:?}", self.parameters) }
    }
}

impl Activation {
    /// y = f(x), element by element; an error if the lengths differ.
    pub fn run(self, isa: Isa, x: &[f32], y: &mut [f32]) -> Result<()> {
        check_len("y", x.len(), y.len())?;
        (self.apply)(isa, self.parameters, Source::Each(x), y);
        Ok(())
    }

    /// y = f(y), element by element.
    pub fn run_in_place(self, isa: Isa, y: &mut [f32]) -> Result<()> {
        (self.apply)(isa, self.parameters, Source::Output, y);
        Ok(())
    }

    /// What a kernel clamps its results to, where it costs nothing, and what is left to be applied to them.
    #[inline(always)]
    pub(crate) fn split(self) -> ((f32, f32), Option<Self>) {
        match (self.name, self.parameters) {
            (Name::Linear, _) => (UNBOUNDED, None),
            (Name::Relu, _) => ((0.0, f32::INFINITY), None),
            (Name::Clip, [min, max, _]) => ((min, max), None),
            _ => (UNBOUNDED, Some(self)),
        }
    }
}

activations! {
    |s, x|
    /// x
    Linear() => {
        let _ = s;
        x
    };
    /// max(x, 0)
    Relu() => s.max(s.splat(0.0), x);
    /// x, or αx where x < 0
    LeakyRelu(alpha) => s.select(s.lt(x, s.splat(0.0)), s.mul(alpha, x), x);
    /// x where it is above θ, else 0
    ThresholdedRelu(theta) => s.select(s.lt(theta, x), x, s.splat(0.0));
    /// x, but at least `min` and at most `max`; ReLU6 is the case 0, 6
    Clip(min, max) => s.min(max, s.max(min, x));
    /// x, or α(eˣ − 1) where x < 0
    Elu(alpha) => s.select(s.lt(x, s.splat(0.0)), s.mul(alpha, math::expm1(s, x)), x);
    /// 1.0507·x, or 1.0507·1.6733·(eˣ − 1) where x < 0
    Selu() => {
        let left = s.mul(s.splat(SELU_ALPHA * SELU_SCALE), math::expm1(s, x));
        s.select(s.lt(x, s.splat(0.0)), left, s.mul(s.splat(SELU_SCALE), x))
    };
    /// x, or α(e^(x/α) − 1) where x < 0
    Celu(alpha) => {
        let left = s.mul(alpha, math::expm1(s, s.div(x, alpha)));
        s.select(s.lt(x, s.splat(0.0)), left, x)
    };
    /// 1/(1 + e⁻ˣ)
    Sigmoid() => math::sigmoid(s, x);
    /// αx + β, but at least 0 and at most 1
    HardSigmoid(alpha, beta) => {
        s.max(s.splat(0.0), s.min(s.splat(1.0), s.fma(alpha, x, beta)))
    };
    /// x·max(0, min(1, x/6 + ½))
    HardSwish() => {
        let gate = s.fma(x, s.splat(1.0 / 6.0), s.splat(0.5));
        let gate = s.max(s.splat(0.0), s.min(s.splat(1.0), gate));
        // The bound keeps −∞·0 from becoming a NaN.
        s.mul(s.max(s.splat(-3.0), x), gate)
    };
    /// ln(1 + eˣ)
    Softplus() => math::softplus(s, x);
    /// x/(1 + |x|)
    Softsign() => {
        // The quotient of infinities is taken to its limit.
        let bounded = s.max(s.splat(f32::MIN), s.min(s.splat(f32::MAX), x));
        s.div(bounded, s.add(s.splat(1.0), s.abs(bounded)))
    };
    /// The hyperbolic tangent
    Tanh() => math::tanh(s, x);
    /// eˣ
    Exp() => math::exp(s, x);
    /// x/(1 + e⁻ˣ), also called Swish
    Silu() => math::silu(s, x);
    /// x/2·(1 + erf(x/√2))
    Gelu() => math::gelu(s, x);
    /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
    GeluTanh() => math::gelu_tanh(s, x);
    /// x·tanh(ln(1 + eˣ))
    Mish() => math::mish(s, x);
    /// −ln(1 + e⁻ˣ)
    LogSigmoid() => s.neg(math::softplus(s, s.neg(x)));
    /// The `ReLU` of Keras with all its options: x, or 0 where x ≤ θ, within 0 … max; less slope·(θ − x) where x < θ
    ReluWith(max, slope, theta) => {
        let right = s.min(max, s.max(s.splat(0.0), s.select(s.le(x, theta), s.splat(0.0), x)));
        let left = s.mul(slope, s.max(s.splat(0.0), s.sub(theta, x)));
        // No slope times an infinity is no NaN.
        s.sub(right, s.select(s.eq(slope, s.splat(0.0)), s.splat(0.0), left))
    };
    /// x where it is above θ, else `value`
    Threshold(theta, value) => s.select(s.lt(theta, x), x, value);
    /// x where |x| is above λ, else 0
    HardShrink(lambda) => s.select(s.lt(lambda, s.abs(x)), x, s.splat(0.0));
    /// x brought closer to 0 by λ, at most to 0
    SoftShrink(lambda) => {
        let closer = s.sub(x, s.copysign(lambda, x));
        s.select(s.lt(lambda, s.abs(x)), closer, s.splat(0.0))
    };
    /// x − tanh x
    TanhShrink() => s.sub(x, math::tanh(s, x));
    /// (x + √(x² + b))/2
    Squareplus(b) => {
        // |x| and the root would cancel where x is far below 0: there it is b/2 over their sum.
        let size = s.abs(x);
        let root = s.sqrt(s.fma(x, x, b));
        // Where the square overflows or rounds b away, the root is |x|.
        let root = s.select(s.lt(s.splat(1e15), size), size, root);
        let half = s.splat(0.5);
        let sum = s.add(s.mul(half, size), s.mul(half, root));
        let left = s.div(s.mul(s.splat(0.25), b), s.max(s.splat(f32::MIN_POSITIVE), sum));
        s.select(s.lt(x, s.splat(0.0)), left, sum)
    };
    /// 0 below −1, (x + 1)²/4 up to 1, x beyond
    SparsePlus() => {
        let inside = s.add(s.splat(1.0), s.min(s.splat(1.0), s.max(s.splat(-1.0), x)));
        let curve = s.mul(s.splat(0.25), s.mul(inside, inside));
        s.select(s.lt(s.splat(1.0), x), x, curve)
    };
}

impl Columns<'_> {
    /// Applies an activation to the `n` columns of the result.
    #[inline]
    pub(crate) fn activate(self, isa: Isa, activation: Activation, n: usize) -> Result<()> {
        if n == self.of {
            return activation.run_in_place(isa, self.y);
        }
        for row in self.y.chunks_exact_mut(self.of) {
            activation.run_in_place(isa, &mut row[self.first..self.first + n])?;
        }
        Ok(())
    }
}
