//! Elementwise comparisons.

use crate::Context;
use crate::error::Result;
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut};

/// A comparison of two tensors, with NumPy's broadcasting. If either operand is NaN, all but `NotEqual` are false.
///
/// ```
/// use tf_layers::ops::Compare;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (a, b) = (View::new(&[1i64, 2, 3], [3])?, View::new(&[2], [])?);
/// let mut y = [false; 3];
/// let y = Compare::Less.run(cx, a, b, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [true, false, false]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    /// Computes y = a ∘ b.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that a and b broadcast to, or has more than 8.
    pub fn run<'y, T: Copy + PartialOrd, const A: usize, const B: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        a: View<'_, T, A>,
        b: View<'_, T, B>,
        mut y: ViewMut<'y, bool, R>,
    ) -> Result<View<'y, bool, R>> {
        let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
        self.apply(&plan, a.as_slice()?, b.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn apply<T: Copy + PartialOrd>(self, plan: &Plan<2>, a: &[T], b: &[T], y: &mut [bool]) {
        match self {
            Self::Equal => plan.zip(a, b, y, |a, b| a == b),
            Self::NotEqual => plan.zip(a, b, y, |a, b| a != b),
            Self::Less => plan.zip(a, b, y, |a, b| a < b),
            Self::LessOrEqual => plan.zip(a, b, y, |a, b| a <= b),
            Self::Greater => plan.zip(a, b, y, |a, b| a > b),
            Self::GreaterOrEqual => plan.zip(a, b, y, |a, b| a >= b),
        }
    }
}
