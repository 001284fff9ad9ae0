//! Elementwise functions of an `f32` tensor.

use crate::Context;
use crate::error::Result;
use crate::math;
use crate::ops::function::{Applied, Parameters, applied};
use crate::simd::{Isa, Simd, Source};
use crate::tensor::{View, ViewMut, check_dims};

/// Declares [`Unary`].
macro_rules! functions {
    (|$s:ident, $x:ident| $($(#[$doc:meta])* $variant:ident => $e:expr;)+) => {
        /// An elementwise mathematical function.
        ///
        /// ```
        /// use tf_layers::ops::Unary;
        /// use tf_layers::prelude::*;
        ///
        /// # let mut scratch = Buffer::default();
        /// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
        /// let mut y = [0.0; 2];
        /// let y = Unary::Sqrt.run(cx, View::new(&[4.0, 9.0], [2])?, ViewMut::new(&mut y, [2])?)?;
        /// assert_eq!(y.as_slice()?, [2.0, 3.0]);
        /// # Ok::<(), tf_layers::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Unary {
            $($(#[$doc])* $variant,)+
        }

        impl Unary {
            /// Inlined, so that a program contains only the functions that it names as constants.
            #[inline(always)]
            fn apply(self, isa: Isa, x: Source<'_>, y: &mut [f32]) {
                match self {
                    $(Self::$variant => {
                        let apply: Applied = applied!(|$s, $x| $e,);
                        apply(isa, Parameters::NONE, x, y);
                    })+
                }
            }
        }
    };
}

impl Unary {
    /// Computes y = f(x).
    ///
    /// # Errors
    ///
    /// If y does not have the dims of x.
    #[inline(always)]
    pub fn run<'y, const R: usize>(
        self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        check_dims(&x.dims(), &y.dims())?;
        self.apply(cx.isa, Source::Each(x.as_slice()?), y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// Computes y = f(y).
    ///
    /// # Errors
    ///
    /// If there are gaps between the rows of y.
    #[inline(always)]
    pub fn run_in_place<'y, const R: usize>(
        self,
        cx: &mut Context<'_>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        self.apply(cx.isa, Source::Output, y.as_mut_slice()?);
        Ok(y.into_view())
    }
}

/// Computes a scalar function lane by lane.
#[inline(always)]
fn by_lane<S: Simd>(s: S, x: S::F32, f: fn(f32) -> f32) -> S::F32 {
    let mut lanes = [0.0; crate::simd::PANEL];
    s.store(x, &mut lanes);
    for lane in &mut lanes[..S::LANES] {
        *lane = f(*lane);
    }
    s.load(&lanes)
}

functions! {
    |s, x|
    /// −x
    Neg => s.neg(x);
    /// |x|
    Abs => s.abs(x);
    /// √x; NaN below 0
    Sqrt => s.sqrt(x);
    /// x²
    Square => s.mul(x, x);
    /// 1/x
    Reciprocal => s.div(s.splat(1.0), x);
    /// eˣ
    Exp => math::exp(s, x);
    /// ln x; −∞ at 0, NaN below
    Log => math::log(s, x);
    /// ln(1 + x)
    Log1p => math::log1p(s, x);
    /// eˣ − 1
    Expm1 => math::expm1(s, x);
    /// The error function
    Erf => math::erf(s, x);
    /// ⌊x⌋
    Floor => s.floor(x);
    /// ⌈x⌉
    Ceil => s.neg(s.floor(s.neg(x)));
    /// The nearest integer; ties go to the even one
    Round => s.round(x);
    /// The nearest number of [`BF16`](crate::tensor::BF16); ties go to the even one
    RoundToBFloat16 => math::nearest_bf16(s, x);
    /// −1, 0 or 1; NaN for NaN
    Sign => {
        let one = s.copysign(s.splat(1.0), x);
        s.select(s.lt(s.splat(0.0), s.abs(x)), one, x)
    };
    /// sin x
    Sin => by_lane(s, x, math::sin);
    /// cos x
    Cos => by_lane(s, x, math::cos);
    /// tan x
    Tan => by_lane(s, x, math::tan);
    /// arcsin x; NaN beyond ±1
    Asin => by_lane(s, x, math::asin);
    /// arccos x; NaN beyond ±1
    Acos => by_lane(s, x, math::acos);
    /// arctan x
    Atan => by_lane(s, x, math::atan);
    /// sinh x
    Sinh => by_lane(s, x, math::sinh);
    /// cosh x
    Cosh => by_lane(s, x, math::cosh);
    /// arsinh x
    Asinh => by_lane(s, x, math::asinh);
    /// arcosh x; NaN below 1
    Acosh => by_lane(s, x, math::acosh);
    /// artanh x; NaN beyond ±1
    Atanh => by_lane(s, x, math::atanh);
}
