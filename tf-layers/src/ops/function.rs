//! Applying a function of one number to a slice.

use crate::simd::{Isa, Kernel, Lanewise, Simd, Source, lanewise};

/// The parameters of a function.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Parameters<'a> {
    /// Unused ones are 0.
    pub numbers: [f32; 3],
    /// One number for each channel. Empty if the function has no such parameter.
    pub slopes: &'a [f32],
}

impl Parameters<'_> {
    pub const NONE: Self = Self { numbers: [0.0; 3], slopes: &[] };
}

/// Applies a function to a slice: the entry point to its kernels for all instruction sets.
pub(crate) type Applied = fn(Isa, Parameters<'_>, Source<'_>, &mut [f32]);

/// The [`Applied`] of a function. It is an item of its own, so that a program contains it only if it is used.
macro_rules! applied {
    (|$s:ident, $x:ident| $e:expr, $($parameter:ident),*) => {{
        #[derive(Clone, Copy)]
        struct Function([f32; 3]);
        impl crate::simd::Lanewise<1> for Function {
            #[inline(always)]
            fn apply<S: Simd>(self, $s: S, [$x]: [S::F32; 1]) -> S::F32 {
                let [$($parameter,)* ..] = self.0;
                $(let $parameter = $s.splat($parameter);)*
                $e
            }
        }
        fn apply(isa: Isa, parameters: crate::ops::function::Parameters<'_>, x: Source<'_>, y: &mut [f32]) {
            isa.run(crate::ops::function::Apply { f: Function(parameters.numbers), x, y });
        }
        apply
    }};
}
pub(crate) use applied;

/// Computes y = f(x).
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
