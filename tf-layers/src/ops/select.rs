//! `Where`: selects elements from two tensors.

use crate::Context;
use crate::checked::element;
use crate::error::Result;
use crate::tensor::broadcast::Plan;
use crate::tensor::{View, ViewMut};

/// ONNX's `Where`: y = a where `condition` is true, b elsewhere, with NumPy's broadcasting of all three.
///
/// ```
/// use tf_layers::ops::select;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let condition = View::new(&[true, false], [2])?;
/// let (a, b) = (View::new(&[1, 2], [2])?, View::new(&[9], [])?);
/// let mut y = [0; 2];
/// let y = select(cx, condition, a, b, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [1, 9]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y does not have the dims that the inputs broadcast to, or has more than 8.
pub fn select<'y, T: Copy, const C: usize, const A: usize, const B: usize, const R: usize>(
    _: &mut Context<'_>,
    condition: View<'_, bool, C>,
    a: View<'_, T, A>,
    b: View<'_, T, B>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let plan = Plan::onto([&condition.dims(), &a.dims(), &b.dims()], &y.dims())?;
    choose(&plan, condition.as_slice()?, [a.as_slice()?, b.as_slice()?], y.as_mut_slice()?);
    Ok(y.into_view())
}

fn choose<T: Copy>(plan: &Plan<3>, condition: &[bool], [a, b]: [&[T]; 2], y: &mut [T]) {
    let (len, advances) = plan.inner_loop();
    let [condition_step, a_step, b_step] = advances.map(usize::from);
    for (y, [condition_start, a_start, b_start]) in y.chunks_exact_mut(len.max(1)).zip(plan.starts()) {
        for (i, y) in y.iter_mut().enumerate() {
            let Some(&holds) = element(condition, condition_start + i * condition_step) else { return };
            let chosen =
                if holds { element(a, a_start + i * a_step) } else { element(b, b_start + i * b_step) };
            let Some(&chosen) = chosen else { return };
            *y = chosen;
        }
    }
}
