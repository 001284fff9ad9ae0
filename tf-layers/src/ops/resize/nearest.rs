//! The nearest elements, of any type.

use core::array;

use super::{Coordinates, Interpolation, Pass, Resize};
use crate::Context;
use crate::checked::{copy, part, part_mut};
use crate::error::{Result, require};
use crate::tensor::{View, ViewMut};

impl<const N: usize> Resize<N> {
    /// As [`run`](Self::run), for elements of any type, such as those of a quantized tensor: each element of y is the
    /// nearest one of x.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if the layer interpolates or crops.
    pub fn run_nearest<'y, T: Copy, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let (from, to) = (x.dims(), y.dims());
        let chooses = matches!(
            self.interpolation,
            Interpolation::RoundPreferFloor
                | Interpolation::RoundPreferCeil
                | Interpolation::Floor
                | Interpolation::Ceil
        );
        require(chooses, "interpolation", "choose the nearest element")?;
        let crops = self.coordinates.iter().any(|of| matches!(of, Coordinates::Crop { .. }));
        require(!crops, "coordinates", "not crop")?;
        self.check_dims(&from, &to)?;
        let (from_x, to_y) = (x.as_slice()?, y.as_mut_slice()?);
        if !to_y.is_empty() {
            let axes: [usize; N] = array::from_fn(|index| index);
            let passes: [Pass; N] =
                array::from_fn(|i| self.pass(axes.get(i..).unwrap_or_default(), &from, &to));
            passes.iter().try_for_each(|pass| self.check(pass.axis))?;
            let outer = from.iter().take(self.axes.first().copied().unwrap_or(0)).product();
            choose(self.interpolation, &passes, outer, from_x, to_y);
        }
        Ok(y.into_view())
    }
}

/// Copies the nearest elements of x `[outer, axis, ..]` to y, along the axes of all passes.
fn choose<T: Copy>(interpolation: Interpolation, passes: &[Pass], outer: usize, x: &[T], y: &mut [T]) {
    let Some((pass, rest)) = passes.split_first() else { return copy(y, x) };
    let last = pass.axis.input as i64 - 1;
    for at in 0..pass.axis.output {
        let row = pass.axis.nearest(interpolation, at).clamp(0, last) as usize;
        for index in 0..outer {
            let x = part(part(x, (index * pass.axis.input + row) * pass.inner..), ..pass.inner);
            let start = (index * pass.axis.output + at) * pass.inner_after;
            let y = part_mut(part_mut(y, start..), ..pass.inner_after);
            choose(interpolation, rest, pass.between, x, y);
        }
    }
}
