//! The loop of elementwise functions.

use super::{PANEL, Simd, within};
use crate::checked::holds;

/// An elementwise function of `N` arguments.
pub(crate) trait Lanewise<const N: usize>: Copy {
    /// Applies the function to vectors. Implementations must be `#[inline(always)]`.
    fn apply<S: Simd>(self, s: S, x: [S::F32; N]) -> S::F32;
}

/// The source of an argument.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// One element for each result.
    Each(&'a [f32]),
    /// The same number for all results.
    One(f32),
    /// The output, which is overwritten.
    Output,
}

impl Source<'_> {
    /// Whether the `n` elements at `at` belong to the source. `output` is the address and length of the output.
    #[inline(always)]
    fn holds(self, output: (*const f32, usize), at: *const f32, n: usize) -> bool {
        match self {
            Self::Each(x) => within(x.as_ptr(), x.len(), at, n),
            Self::One(_) => false,
            Self::Output => within(output.0, output.1, at, n),
        }
    }
}

/// y = f(sources), element by element.
///
/// One loop handles all kinds of sources, whole vectors and the incomplete last one. There are many functions, and more
/// copies of each would take longer to compile.
#[inline(always)]
pub(crate) fn lanewise<S: Simd, F: Lanewise<N>, const N: usize>(
    s: S,
    f: F,
    sources: [Source<'_>; N],
    y: &mut [f32],
) {
    let len = y.len();
    let mut to = y.as_mut_ptr();
    // Memory for repeated numbers and for the incomplete last vector.
    let mut lanes = [[0.0; PANEL]; N];
    let mut rest = [0.0; PANEL];
    let mut from = [to.cast_const(); N];
    let mut steps = [S::LANES; N];
    for i in 0..N {
        match sources[i] {
            Source::Each(x) => {
                if !holds(x.len() >= len) {
                    return;
                }
                from[i] = x.as_ptr();
            }
            Source::One(x) => {
                lanes[i] = [x; PANEL];
                (from[i], steps[i]) = (lanes[i].as_ptr(), 0);
            }
            Source::Output => {}
        }
    }
    let (begin, mut left) = (to.cast_const(), len);
    while left > 0 {
        let end = to;
        if left < S::LANES {
            for i in 0..N {
                if steps[i] != 0 {
                    debug_assert!(sources[i].holds((begin, len), from[i], left));
                    for (lane, at) in lanes[i].iter_mut().zip(0..left) {
                        // SAFETY: `left` elements of the source are left.
                        *lane = unsafe { *from[i].add(at) };
                    }
                    from[i] = lanes[i].as_ptr();
                }
            }
            to = rest.as_mut_ptr();
        }
        let mut x = [s.splat(0.0); N];
        for i in 0..N {
            debug_assert!(
                within(lanes[i].as_ptr(), PANEL, from[i], S::LANES)
                    || sources[i].holds((begin, len), from[i], S::LANES)
            );
            // SAFETY: a whole vector of the source is left, or `from` is one of the arrays above.
            x[i] = unsafe { s.load_ptr(from[i]) };
            from[i] = from[i].wrapping_add(steps[i]);
        }
        debug_assert!(within(begin, len, to, S::LANES) || within(rest.as_ptr(), PANEL, to, S::LANES));
        // SAFETY: a whole vector of the output is left, or `to` is the array above.
        unsafe { s.store_ptr(f.apply(s, x), to) };
        if left < S::LANES {
            debug_assert!(within(begin, len, end, left));
            for (at, &lane) in rest[..left].iter().enumerate() {
                // SAFETY: `left` elements of the output are left.
                unsafe { *end.add(at) = lane };
            }
            return;
        }
        to = to.wrapping_add(S::LANES);
        left -= S::LANES;
    }
}
