//! Helpers of loops and branches: conditions, trip counts, and the slices of a sequence that a step reads and writes.

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{View, ViewMut, len};

/// The number of iterations of a `Loop`: the only element of `count`, or 0 if it is negative or `holds` is false.
///
/// ```
/// use tf_layers::ops::trip_count;
/// use tf_layers::prelude::*;
///
/// assert_eq!(trip_count(View::new(&[3], [])?, true)?, 3);
/// assert_eq!(trip_count(View::new(&[-1], [])?, true)?, 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If `count` does not have exactly one element.
pub fn trip_count<const R: usize>(count: View<'_, i64, R>, holds: bool) -> Result<usize> {
    let count = item(count)?;
    if holds { usize::try_from(count.max(0)).map_err(|_| Error::Overflow) } else { Ok(0) }
}

/// The only element of a condition.
///
/// # Errors
///
/// If `x` does not have exactly one element.
pub fn is_true<const R: usize>(x: View<'_, bool, R>) -> Result<bool> {
    item(x)
}

/// Reads slice `step` of x along `axis`: the input of one step of a `Scan`. y has the dims of x without the axis.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let x = View::new(&[1, 2, 3, 4, 5, 6], [2, 3])?;
/// let mut y = [0; 2];
/// let y = ops::scan_slice(cx, 1, 2, x, ViewMut::new(&mut y, [2])?)?;
/// assert_eq!(y.as_slice()?, [3, 6]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// If x has no such axis or step, or y has other dims.
pub fn scan_slice<'y, T: Copy, const R: usize, const Q: usize>(
    _: &mut Context<'_>,
    axis: usize,
    step: usize,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, Q>,
) -> Result<View<'y, T, Q>> {
    let [outer, steps, inner] = split(&x.dims(), &y.dims(), axis, step)?;
    let (x, to) = (x.as_slice()?, y.as_mut_slice()?);
    for i in 0..outer {
        to[i * inner..][..inner].copy_from_slice(&x[(i * steps + step) * inner..][..inner]);
    }
    Ok(y.into_view())
}

/// Writes x to slice `step` of y along `axis`: the output of one step of a `Scan`. x has the dims of y without the axis.
///
/// # Errors
///
/// If y has no such axis or step, or x has other dims.
pub fn scan_write<T: Copy, const R: usize, const Q: usize>(
    _: &mut Context<'_>,
    axis: usize,
    step: usize,
    x: View<'_, T, R>,
    mut y: ViewMut<'_, T, Q>,
) -> Result<()> {
    let [outer, steps, inner] = split(&y.dims(), &x.dims(), axis, step)?;
    let (x, y) = (x.as_slice()?, y.as_mut_slice()?);
    for i in 0..outer {
        y[(i * steps + step) * inner..][..inner].copy_from_slice(&x[i * inner..][..inner]);
    }
    Ok(())
}

/// The dims `[outer, axis, inner]`, or zeros if a slice has no elements.
fn split(whole: &[usize], part: &[usize], axis: usize, step: usize) -> Result<[usize; 3]> {
    let fits = axis < whole.len() && part.len() + 1 == whole.len();
    require(
        fits && part[..axis] == whole[..axis] && part[axis..] == whole[axis + 1..],
        "y",
        "have the dims of the sequence without its axis",
    )?;
    require(step < whole[axis], "step", "be less than the length of the sequence")?;
    let (outer, inner) = (len(&whole[..axis])?, len(&whole[axis + 1..])?);
    Ok(if inner == 0 { [0; 3] } else { [outer, whole[axis], inner] })
}

/// The only element of x.
///
/// # Errors
///
/// If x does not have exactly one element.
pub fn item<T: Copy, const R: usize>(x: View<'_, T, R>) -> Result<T> {
    let x = x.as_slice()?;
    check_len("x", 1, x.len())?;
    Ok(x[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn trip_counts() {
        let count = |count: &[i64], holds| trip_count(View::new(count, [count.len()]).unwrap(), holds);
        assert_eq!(count(&[3], true), Ok(3));
        assert_eq!(count(&[3], false), Ok(0));
        assert_eq!(count(&[i64::MIN], true), Ok(0));
        assert!(count(&[], true).is_err());
        assert!(count(&[1, 2], true).is_err());
        assert!(is_true(View::new(&[true, true], [2]).unwrap()).is_err());
    }

    #[test]
    fn slices_are_read_and_written_back() {
        let mut scratch = Buffer::default();
        let cx = &mut Context::new(Isa::detect(), &mut scratch);
        let x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let whole = View::new(&x, [2, 3, 2]).unwrap();
        let (mut part, mut y) = ([0; 4], [0; 12]);
        for step in 0..3 {
            let part = scan_slice(cx, 1, step, whole, ViewMut::new(&mut part, [2, 2]).unwrap()).unwrap();
            assert_eq!(part.as_slice(), Ok(&[0, 1, 6, 7].map(|i| x[2 * step + i])[..]));
            scan_write(cx, 1, step, part, ViewMut::new(&mut y, [2, 3, 2]).unwrap()).unwrap();
        }
        assert_eq!(x, y);
        let mut y = [0; 4];
        assert!(scan_slice(cx, 1, 3, whole, ViewMut::new(&mut y, [2, 2]).unwrap()).is_err());
        assert!(scan_slice(cx, 3, 0, whole, ViewMut::new(&mut y, [2, 2]).unwrap()).is_err());
        assert!(scan_slice(cx, 1, 0, whole, ViewMut::new(&mut y, [4]).unwrap()).is_err());
        let none = View::<u8, 3>::new(&[], [usize::MAX, 1, 0]).unwrap();
        assert!(scan_slice(cx, 1, 0, none, ViewMut::new(&mut [], [usize::MAX, 0]).unwrap()).is_ok());
    }
}
