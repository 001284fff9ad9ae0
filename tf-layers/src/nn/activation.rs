//! Activation functions.

use core::fmt;

use crate::Context;
use crate::checked::{part, part_mut};
use crate::error::{Result, require};
use crate::gemm::Rectifier;
use crate::math;
use crate::ops::function::{Applied, Parameters, applied};
use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};
use crate::tensor::{Columns, View, ViewMut, check_dims};

/// The constants of SELU (Klambauer et al. 2017), with the values of ONNX and Keras.
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

/// Declares the functions of [`Activation`], with a constant or constructor for each.
macro_rules! activations {
    (|$s:ident, $x:ident| $($(#[$doc:meta])* $name:ident ($($parameter:ident),*) => $e:expr;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq)]
        enum Function {
            PRelu,
            $($name),+
        }

        /// The functions. Names are those of enum variants.
        #[allow(non_upper_case_globals, non_snake_case)]
        impl Activation<'_> {
            $(activations! { @ |$s, $x| $(#[$doc])* $name ($($parameter),*) => $e })+
        }
    };
    (@ |$s:ident, $x:ident| $(#[$doc:meta])* $name:ident () => $e:expr) => {
        $(#[$doc])*
        pub const $name: Self =
            Self { function: Function::$name, parameters: Parameters::NONE, apply: applied!(|$s, $x| $e,) };
    };
    (@ |$s:ident, $x:ident| $(#[$doc:meta])* $name:ident ($($parameter:ident),+) => $e:expr) => {
        $(#[$doc])*
        #[must_use]
        pub const fn $name($($parameter: f32),+) -> Self {
            let mut numbers = [0.0; 3];
            let given = [$($parameter),+];
            numbers.split_at_mut(given.len()).0.copy_from_slice(&given);
            let parameters = Parameters { numbers, ..Parameters::NONE };
            Self { function: Function::$name, parameters, apply: applied!(|$s, $x| $e, $($parameter),+) }
        }
    };
}

/// An activation function. Parameters are those of the ONNX operator with the same name.
///
/// All but [`PRelu`](Self::PRelu) are elementwise. Use it like an enum: `Activation::Relu`, `Activation::LeakyRelu(0.1)`. It is a struct that holds a pointer to the
/// kernels of its function, so that a program contains only the kernels of the functions it names. A `match` over an enum
/// would link the kernels of all functions into every program with a [`Dense`](super::Dense) layer.
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[-1.0, 2.0], [1, 2])?;
/// let mut y = [0.0; 2];
/// let y = Activation::LeakyRelu(0.5).run(cx, x, ViewMut::new(&mut y, [1, 2])?)?;
/// assert_eq!(y.as_slice()?, [-0.5, 2.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Activation<'w> {
    function: Function,
    parameters: Parameters<'w>,
    apply: Applied,
}

impl PartialEq for Activation<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.parameters == other.parameters
    }
}

impl fmt::Debug for Activation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.function)?;
        match self.parameters {
            Parameters::NONE => Ok(()),
            Parameters { numbers, slopes: [] } => write!(f, "{numbers:?}"),
            Parameters { slopes, .. } => write!(f, "{slopes:?}"),
        }
    }
}

impl<'w> Activation<'w> {
    /// x, or x times the slope of its channel if x < 0 (He et al. 2015). Channels are the last axis.
    #[must_use]
    #[allow(non_snake_case)]
    pub const fn PRelu(slopes: &'w [f32]) -> Self {
        Self { function: Function::PRelu, parameters: Parameters { numbers: [0.0; 3], slopes }, apply: prelu }
    }

    /// Computes y = f(x).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x, or there is not one slope for each channel.
    pub fn run<'y, const R: usize>(
        self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.check(y.columns())?;
        self.map(cx.isa, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// Computes y = f(y).
    ///
    /// # Errors
    ///
    /// If there are gaps between the rows of y, or there is not one slope for each channel.
    pub fn run_in_place<'y, const R: usize>(
        self,
        cx: &mut Context<'_>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        self.check(y.columns())?;
        self.map_in_place(cx.isa, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// An error if the function has slopes, but not one for each of the channels.
    #[inline(always)]
    pub(crate) fn check(self, channels: usize) -> Result<()> {
        let fits = self.function != Function::PRelu || self.parameters.slopes.len() == channels;
        require(fits, "slopes", "have one number for each channel")
    }

    /// An error if the function differs between channels.
    pub(crate) fn check_elementwise(self) -> Result<()> {
        require(self.function != Function::PRelu, "activation", "be elementwise")
    }

    /// Computes y = f(x). y must be as long as x and begin with the first channel.
    pub(crate) fn map(self, isa: Isa, x: &[f32], y: &mut [f32]) {
        (self.apply)(isa, self.parameters, Source::Each(x), y);
    }

    /// Computes y = f(y). y must begin with the first channel.
    pub(crate) fn map_in_place(self, isa: Isa, y: &mut [f32]) {
        (self.apply)(isa, self.parameters, Source::Output, y);
    }

    /// The part of the function that a kernel applies before it stores its results, and the function that remains to be
    /// applied, if any.
    #[inline(always)]
    pub(crate) fn split(self) -> (Rectifier<'w>, Option<Self>) {
        let Parameters { numbers: [first, second, _], slopes } = self.parameters;
        match self.function {
            Function::Linear => (Rectifier::NONE, None),
            Function::Relu => (Rectifier::Clamp(0.0, f32::INFINITY), None),
            Function::Clip => (Rectifier::Clamp(first, second), None),
            Function::LeakyRelu => (Rectifier::Leaky(first), None),
            Function::PRelu => (Rectifier::Parametric(slopes), None),
            _ => (Rectifier::NONE, Some(self)),
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
    /// x, or αx if x < 0
    LeakyRelu(alpha) => s.leaky(x, alpha);
    /// x if x > θ, otherwise 0
    ThresholdedRelu(theta) => s.select(s.lt(theta, x), x, s.splat(0.0));
    /// min(max(x, `min`), `max`); ReLU6 is `Clip(0.0, 6.0)`
    Clip(min, max) => s.min(max, s.max(min, x));
    /// x, or α(eˣ − 1) if x < 0 (Clevert et al. 2015)
    Elu(alpha) => s.select(s.lt(x, s.splat(0.0)), s.mul(alpha, math::expm1(s, x)), x);
    /// 1.0507·x, or 1.0507·1.6733·(eˣ − 1) if x < 0 (Klambauer et al. 2017)
    Selu() => {
        let left = s.mul(s.splat(SELU_ALPHA * SELU_SCALE), math::expm1(s, x));
        s.select(s.lt(x, s.splat(0.0)), left, s.mul(s.splat(SELU_SCALE), x))
    };
    /// x, or α(e^(x/α) − 1) if x < 0 (Barron 2017)
    Celu(alpha) => {
        let left = s.mul(alpha, math::expm1(s, s.div(x, alpha)));
        s.select(s.lt(x, s.splat(0.0)), left, x)
    };
    /// 1/(1 + e⁻ˣ)
    Sigmoid() => math::sigmoid(s, x);
    /// max(0, min(1, αx + β))
    HardSigmoid(alpha, beta) => {
        s.max(s.splat(0.0), s.min(s.splat(1.0), s.fma(alpha, x, beta)))
    };
    /// x·max(0, min(1, x/6 + ½)) (Howard et al. 2019)
    HardSwish() => {
        let gate = s.fma(x, s.splat(1.0 / 6.0), s.splat(0.5));
        let gate = s.max(s.splat(0.0), s.min(s.splat(1.0), gate));
        // The bound prevents −∞·0, which is NaN.
        s.mul(s.max(s.splat(-3.0), x), gate)
    };
    /// ln(1 + eˣ)
    Softplus() => math::softplus(s, x);
    /// x/(1 + |x|)
    Softsign() => {
        // The bounds prevent ∞/∞, whose limit is ±1.
        let bounded = s.max(s.splat(f32::MIN), s.min(s.splat(f32::MAX), x));
        s.div(bounded, s.add(s.splat(1.0), s.abs(bounded)))
    };
    /// The hyperbolic tangent
    Tanh() => math::tanh(s, x);
    /// eˣ
    Exp() => math::exp(s, x);
    /// x/(1 + e⁻ˣ), also called Swish (Ramachandran et al. 2017)
    Silu() => math::silu(s, x);
    /// x/2·(1 + erf(x/√2)) (Hendrycks and Gimpel 2016)
    Gelu() => math::gelu(s, x);
    /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), an approximation of [`Gelu`](Self::Gelu)
    GeluTanh() => math::gelu_tanh(s, x);
    /// x·tanh(ln(1 + eˣ)) (Misra 2019)
    Mish() => math::mish(s, x);
    /// −ln(1 + e⁻ˣ)
    LogSigmoid() => s.neg(math::softplus(s, s.neg(x)));
    /// The `ReLU` of Keras with all its options: `max` if x ≥ `max`, x if θ < x < `max`, otherwise `slope`·(x − θ)
    ReluWith(max, slope, theta) => {
        let right = s.min(max, s.max(s.splat(0.0), s.select(s.le(x, theta), s.splat(0.0), x)));
        let left = s.mul(slope, s.max(s.splat(0.0), s.sub(theta, x)));
        // Without a slope, 0·∞ must not become NaN.
        s.sub(right, s.select(s.eq(slope, s.splat(0.0)), s.splat(0.0), left))
    };
    /// x if x > θ, otherwise `value`
    Threshold(theta, value) => s.select(s.lt(theta, x), x, value);
    /// x if |x| > λ, otherwise 0
    HardShrink(lambda) => s.select(s.lt(lambda, s.abs(x)), x, s.splat(0.0));
    /// x − λ if x > λ, x + λ if x < −λ, otherwise 0
    SoftShrink(lambda) => {
        let closer = s.sub(x, s.copysign(lambda, x));
        s.select(s.lt(lambda, s.abs(x)), closer, s.splat(0.0))
    };
    /// x − tanh x
    TanhShrink() => s.sub(x, math::tanh(s, x));
    /// (x + √(x² + b))/2 (Barron 2021)
    Squareplus(b) => {
        // For negative x, the sum cancels; b/2 divided by |x| + √(x² + b) is the same.
        let size = s.abs(x);
        let root = s.sqrt(s.fma(x, x, b));
        // If the square overflows or absorbs b, the root is |x|.
        let root = s.select(s.lt(s.splat(1e15), size), size, root);
        let half = s.splat(0.5);
        let sum = s.add(s.mul(half, size), s.mul(half, root));
        let left = s.div(s.mul(s.splat(0.25), b), s.max(s.splat(f32::MIN_POSITIVE), sum));
        s.select(s.lt(x, s.splat(0.0)), left, sum)
    };
    /// 0 if x ≤ −1, (x + 1)²/4 if −1 < x < 1, otherwise x
    SparsePlus() => {
        let inside = s.add(s.splat(1.0), s.min(s.splat(1.0), s.max(s.splat(-1.0), x)));
        let curve = s.mul(s.splat(0.25), s.mul(inside, inside));
        s.select(s.lt(s.splat(1.0), x), x, curve)
    };
}

/// [`Activation::PRelu`] as a pass over memory.
fn prelu(isa: Isa, Parameters { slopes, .. }: Parameters<'_>, x: Source<'_>, y: &mut [f32]) {
    isa.run(PReluKernel { slopes, x, y });
}

struct PReluKernel<'a> {
    slopes: &'a [f32],
    x: Source<'a>,
    y: &'a mut [f32],
}

impl Kernel for PReluKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { slopes, x, y } = self;
        for (i, y) in y.chunks_mut(slopes.len().max(1)).enumerate() {
            let x = match x {
                Source::Each(x) => Source::Each(part(x, i * slopes.len()..)),
                other => other,
            };
            lanewise(s, Leaky, [x, Source::Each(slopes)], y);
        }
    }
}

#[derive(Clone, Copy)]
struct Leaky;

impl Lanewise<2> for Leaky {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, [x, slope]: [S::F32; 2]) -> S::F32 {
        s.leaky(x, slope)
    }
}

impl Columns<'_> {
    /// Applies an activation to the first `n` columns of the result.
    pub(crate) fn activate(self, isa: Isa, activation: Activation<'_>, n: usize) {
        if n == self.of {
            return activation.map_in_place(isa, self.y);
        }
        // The last chunk is shorter: it ends with the last column of the result.
        for row in self.y.chunks_mut(self.of.max(1)) {
            activation.map_in_place(isa, part_mut(row, ..n));
        }
    }
}
