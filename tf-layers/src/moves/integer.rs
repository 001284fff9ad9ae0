//! Arithmetic on integers: what models compute of indices. Sums and products wrap, as in NumPy.

use crate::broadcast::{Plan, shape};
use crate::error::{check_len, require};
use crate::{Result, len};

/// Integers that [`IntegerBinary`], [`IntegerUnary`] and [`IntegerReduce`] compute with.
pub trait Integer: Copy + Ord + sealed::Arithmetic {}

mod sealed {
    /// What primitive integers have in common; a trait of ours, so that nobody else can add to them.
    pub trait Arithmetic: Sized {
        const ZERO: Self;
        const ONE: Self;
        const LOWEST: Self;
        const HIGHEST: Self;
        fn add(self, other: Self) -> Self;
        fn sub(self, other: Self) -> Self;
        fn mul(self, other: Self) -> Self;
        /// The divisor is not zero.
        fn div(self, other: Self) -> Self;
        /// The divisor is not zero.
        fn rem(self, other: Self) -> Self;
    }
}

macro_rules! integers {
    ($($t:ty),+) => {$(
        impl sealed::Arithmetic for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }

            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }
        }

        impl Integer for $t {}
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

/// A function of two integers, with NumPy's broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntegerBinary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a·b
    Mul,
    /// a/b toward zero; an error if any b is 0
    Div,
    /// The greater
    Max,
    /// The lesser
    Min,
    /// The remainder of a/b with the sign of b, as in Python; an error if any b is 0
    Mod,
    /// The remainder of a/b with the sign of a, as in C; an error if any b is 0
    Fmod,
}

impl IntegerBinary {
    /// out = a ∘ b. The shapes have at most 8 dims; `out` is as long as what they broadcast to.
    pub fn run<T: Integer>(
        self,
        a: &[T],
        a_shape: &[usize],
        b: &[T],
        b_shape: &[usize],
        out: &mut [T],
    ) -> Result<()> {
        check_len("a", len(a_shape)?, a.len())?;
        check_len("b", len(b_shape)?, b.len())?;
        check_len("out", len(&shape([a_shape, b_shape])?)?, out.len())?;
        if matches!(self, Self::Div | Self::Mod | Self::Fmod) {
            require(!b.contains(&T::ZERO), "divisor", "not hold a zero")?;
        }
        let plan = Plan::new([a_shape, b_shape])?;
        match self {
            Self::Add => zip(plan, a, b, out, T::add),
            Self::Sub => zip(plan, a, b, out, T::sub),
            Self::Mul => zip(plan, a, b, out, T::mul),
            Self::Div => zip(plan, a, b, out, T::div),
            Self::Max => zip(plan, a, b, out, T::max),
            Self::Min => zip(plan, a, b, out, T::min),
            Self::Fmod => zip(plan, a, b, out, T::rem),
            Self::Mod => zip(plan, a, b, out, |a, b| {
                let rest = a.rem(b);
                if rest != T::ZERO && (rest < T::ZERO) != (b < T::ZERO) { rest.add(b) } else { rest }
            }),
        }
        Ok(())
    }
}

fn zip<T: Copy>(plan: Plan<2>, a: &[T], b: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
    let (len, [a_moves, b_moves]) = plan.run();
    for (out, [a_at, b_at]) in out.chunks_exact_mut(len.max(1)).zip(plan.starts()) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(a[a_at + i * usize::from(a_moves)], b[b_at + i * usize::from(b_moves)]);
        }
    }
}

/// A function of one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntegerUnary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// −1, 0 or 1
    Sign,
}

impl IntegerUnary {
    /// y = f(x), element by element; an error if the lengths differ.
    pub fn run<T: Integer>(self, x: &[T], y: &mut [T]) -> Result<()> {
        check_len("y", x.len(), y.len())?;
        let negative = |x: T| T::ZERO.sub(x);
        for (&x, y) in x.iter().zip(y) {
            *y = match self {
                Self::Neg => negative(x),
                Self::Abs if x < T::ZERO => negative(x),
                Self::Abs => x,
                Self::Sign if x < T::ZERO => negative(T::ONE),
                Self::Sign => x.min(T::ONE),
            };
        }
        Ok(())
    }
}

/// A reduction of integers over one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntegerReduce {
    /// Their sum; 0 of none.
    Sum,
    /// Their product; 1 of none.
    Prod,
    /// The greatest; the lowest number there is of none.
    Max,
    /// The least; the highest number there is of none.
    Min,
}

impl IntegerReduce {
    /// From x `[outer, axis, inner]` to y `[outer, inner]`.
    pub fn run<T: Integer>(self, dims: [usize; 3], x: &[T], y: &mut [T]) -> Result<()> {
        let [outer, axis, inner] = dims;
        check_len("x", len(&dims)?, x.len())?;
        check_len("y", len(&[outer, inner])?, y.len())?;
        let (first, join): (T, fn(T, T) -> T) = match self {
            Self::Sum => (T::ZERO, T::add),
            Self::Prod => (T::ONE, T::mul),
            Self::Max => (T::LOWEST, T::max),
            Self::Min => (T::HIGHEST, T::min),
        };
        y.fill(first);
        if x.is_empty() {
            return Ok(());
        }
        for (x, y) in x.chunks_exact(axis * inner).zip(y.chunks_exact_mut(inner)) {
            for x in x.chunks_exact(inner) {
                for (&x, y) in x.iter().zip(y.iter_mut()) {
                    *y = join(*y, x);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_numpys() {
        let (a, b) = ([7i32, -7, 7, -7, i32::MIN], [3, 3, -3, -3, -1]);
        let cases = [
            (IntegerBinary::Add, [10, -4, 4, -10, i32::MAX]),
            (IntegerBinary::Sub, [4, -10, 10, -4, i32::MIN + 1]),
            (IntegerBinary::Mul, [21, -21, -21, 21, i32::MIN]),
            (IntegerBinary::Div, [2, -2, -2, 2, i32::MIN]),
            (IntegerBinary::Max, [7, 3, 7, -3, -1]),
            (IntegerBinary::Min, [3, -7, -3, -7, i32::MIN]),
            (IntegerBinary::Mod, [1, 2, -2, -1, 0]),
            (IntegerBinary::Fmod, [1, -1, 1, -1, 0]),
        ];
        for (function, expected) in cases {
            let mut out = [0; 5];
            function.run(&a, &[5], &b, &[5], &mut out).unwrap();
            assert_eq!(out, expected, "{function:?}");
        }
    }

    #[test]
    fn operands_broadcast_and_zero_divides_nothing() {
        let mut out = [0i64; 6];
        IntegerBinary::Mul.run(&[1, 2], &[2, 1], &[3, 4, 5], &[3], &mut out).unwrap();
        assert_eq!(out, [3, 4, 5, 6, 8, 10]);
        assert!(IntegerBinary::Mod.run(&[1, 2], &[2, 1], &[3, 0, 5], &[3], &mut out).is_err());
        assert!(IntegerBinary::Add.run(&[1, 2], &[2], &[3, 4, 5], &[3], &mut out).is_err());
        assert!(IntegerBinary::Add.run::<i64>(&[], &[0], &[], &[0], &mut []).is_ok());
    }

    #[test]
    fn reductions_and_functions_of_one() {
        let x = [1i32, -2, 3, 4, 5, -6, 7, 8];
        let cases = [
            (IntegerReduce::Sum, [4, 2, 12, 2]),
            (IntegerReduce::Prod, [3, -8, 35, -48]),
            (IntegerReduce::Max, [3, 4, 7, 8]),
            (IntegerReduce::Min, [1, -2, 5, -6]),
        ];
        for (function, expected) in cases {
            let mut y = [0; 4];
            function.run([2, 2, 2], &x, &mut y).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
        let mut y = [5u8; 2];
        IntegerReduce::Prod.run([1, 0, 2], &[], &mut y).unwrap();
        assert_eq!(y, [1, 1]);
        assert!(IntegerReduce::Sum.run([2, 2, 2], &x, &mut [0; 3]).is_err());
        let mut y = [0i32; 3];
        for (function, expected) in [
            (IntegerUnary::Neg, [2, 0, -5]),
            (IntegerUnary::Abs, [2, 0, 5]),
            (IntegerUnary::Sign, [-1, 0, 1]),
        ] {
            function.run(&[-2, 0, 5], &mut y).unwrap();
            assert_eq!(y, expected, "{function:?}");
        }
    }
}
