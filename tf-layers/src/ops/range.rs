//! Range: evenly spaced numbers.

use super::Cast;
use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Number, View, ViewMut};

/// Writes start, start + step, start + 2·step, … to y. `start` and `step` have one element each.
///
/// ```
/// use tf_layers::ops::range;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (start, step) = (View::new(&[10i64], [])?, View::new(&[3], [])?);
/// let mut y = [0; 3];
/// let y = range(cx, start, step, ViewMut::new(&mut y, [3])?)?;
/// assert_eq!(y.as_slice()?, [10, 13, 16]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If `start` or `step` does not have exactly one element.
pub fn range<'y, T: Number, const A: usize, const B: usize>(
    _: &mut Context<'_>,
    start: View<'_, T, A>,
    step: View<'_, T, B>,
    mut y: ViewMut<'y, T, 1>,
) -> Result<View<'y, T, 1>> {
    let [start, step] = [only("start", start.as_slice()?)?, only("step", step.as_slice()?)?];
    // Products are more accurate than a running sum, and counting is exact in every type that can hold the count.
    let mut count = T::ZERO;
    for y in y.as_mut_slice()? {
        *y = start.add(count.mul(step));
        count = count.add(T::ONE);
    }
    Ok(y.into_view())
}

/// The length of a range from `start` up to but excluding `limit`: max(⌈(limit − start)/step⌉, 0).
///
/// ```
/// use tf_layers::ops::range_len;
/// use tf_layers::prelude::*;
///
/// let len = range_len(View::new(&[10], [])?, View::new(&[4], [])?, View::new(&[-3], [])?)?;
/// assert_eq!(len, 2);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If an argument does not have exactly one element, or `step` is 0.
pub fn range_len<T: Number + Cast<f64>, const A: usize, const B: usize, const C: usize>(
    start: View<'_, T, A>,
    limit: View<'_, T, B>,
    step: View<'_, T, C>,
) -> Result<usize> {
    let [start, limit] = [only("start", start.as_slice()?)?, only("limit", limit.as_slice()?)?];
    let step = only("step", step.as_slice()?)?;
    require(step != T::ZERO, "step", "not be zero")?;
    let span = (limit.cast() - start.cast()) / step.cast();
    let whole = span as i64;
    let count = whole.saturating_add(i64::from(span > whole as f64)).max(0);
    // A range this long fails to allocate, with an error that says so.
    usize::try_from(count).map_err(|_| Error::Overflow)
}

/// The only element of x; `what` names it in errors.
fn only<T: Copy>(what: &'static str, x: &[T]) -> Result<T> {
    check_len(what, 1, x.len())?;
    Ok(x[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn ranges_are_evenly_spaced() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let (start, step) = (View::new(&[1.0], [1]).unwrap(), View::new(&[-0.5], []).unwrap());
        let mut y = [0.0f32; 3];
        range(cx, start, step, ViewMut::new(&mut y, [3]).unwrap()).unwrap();
        assert_eq!(y, [1.0, 0.5, 0.0]);
        let (start, step) = (View::new(&[10], []).unwrap(), View::new(&[3], []).unwrap());
        let mut y = [0i64; 3];
        range(cx, start, step, ViewMut::new(&mut y, [3]).unwrap()).unwrap();
        assert_eq!(y, [10, 13, 16]);
        let none = View::new(&[], [0]).unwrap();
        assert!(range(cx, none, step, ViewMut::new(&mut y, [3]).unwrap()).is_err());
    }

    #[test]
    fn lengths_of_ranges() {
        fn count<T: Number + Cast<f64>>(start: T, limit: T, step: T) -> Result<usize> {
            let [start, limit, step] = [[start], [limit], [step]];
            range_len(View::new(&start, [])?, View::new(&limit, [1])?, View::new(&step, [])?)
        }
        assert_eq!(count(1.0f32, 5.0, 2.0), Ok(2));
        assert_eq!(count(10i64, 4, -3), Ok(2));
        assert_eq!(count(0i32, -1, 1), Ok(0));
        assert_eq!(count(0.0f32, f32::NAN, 1.0), Ok(0));
        assert!(count(0i32, 1, 0).is_err());
    }
}
