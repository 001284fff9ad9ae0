//! What functions of one number have in common.

use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};

/// The parameters of a function, as many as it has.
pub(crate) type Parameters = [f32; 3];

/// A function applied to numbers: the kernels of all instruction sets.
pub(crate) type Applied = fn(Isa, Parameters, Source<'_>, &mut [f32]);

/// The [`Applied`] of a function. It is no part of a generic function, so that a program holds it only if it uses it.
macro_rules! applied {
    (|$s:ident, $x:ident| $e:expr, $($parameter:ident),*) => {{
        #[derive(Clone, Copy)]
        struct Function(crate::ops::function::Parameters);
        impl crate::simd::Lanewise<1> for Function {
            #[inline(always)]
            fn apply<S: Simd>(self, $s: S, [$x]: [S::F32; 1]) -> S::F32 {
                let [$($parameter,)* ..] = self.0;
                $(let $parameter = $s.splat($parameter);)*
                $e
            }
        }
        fn apply(isa: Isa, parameters: crate::ops::function::Parameters, x: Source<'_>, y: &mut [f32]) {
            isa.run(crate::ops::function::Apply { f: Function(parameters), x, y });
        }
        apply
    }};
}
pub(crate) use applied;

/// y = f(x).
pub(crate) struct Apply<'a, F> {
    pub f: F,
    pub x: Source<'a>,
    pub y: &'a mut [f32],
}

impl<F: Lanewise<1>> Kernel for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        lanewise(s, self.f, [self.x], self.y);
    }
}
