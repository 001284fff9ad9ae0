//! Elementwise logic.

use crate::Context;
use crate::error::Result;
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut, check_dims};

/// A logical operation on two tensors, with NumPy's broadcasting.
///
/// ```
/// use tf_layers::ops::Logic;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (a, b) = (View::new(&[true, false], [2])?, View::new(&[true], [])?);
/// let mut y = [false; 2];
/// let y = Logic::Xor.run(cx, a, b, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [false, true]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Logic {
    And,
    Or,
    Xor,
}

impl Logic {
    /// Computes y = a ∘ b.
    ///
    /// # Errors
    ///
    /// If y does not have the dims that a and b broadcast to, or has more than 8.
    pub fn run<'y, const A: usize, const B: usize, const R: usize>(
        self,
        _: &mut Context<'_>,
        a: View<'_, bool, A>,
        b: View<'_, bool, B>,
        mut y: ViewMut<'y, bool, R>,
    ) -> Result<View<'y, bool, R>> {
        let plan = Plan::onto([&a.dims(), &b.dims()], &y.dims())?;
        self.apply(&plan, a.as_slice()?, b.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    fn apply(self, plan: &Plan<2>, a: &[bool], b: &[bool], y: &mut [bool]) {
        match self {
            Self::And => plan.zip(a, b, y, |a, b| a & b),
            Self::Or => plan.zip(a, b, y, |a, b| a | b),
            Self::Xor => plan.zip(a, b, y, |a, b| a ^ b),
        }
    }
}

/// Computes y = ¬x.
///
/// # Errors
///
/// If y does not have the dims of x.
pub fn not<'y, const R: usize>(
    _: &mut Context<'_>,
    x: View<'_, bool, R>,
    mut y: ViewMut<'y, bool, R>,
) -> Result<View<'y, bool, R>> {
    check_dims(&x.dims(), &y.dims())?;
    for (x, y) in x.as_slice()?.iter().zip(y.as_mut_slice()?) {
        *y = !x;
    }
    Ok(y.into_view())
}
