//! What loops and branches need: conditions, numbers of steps, and the part of a sequence that belongs to a step.

use crate::Context;
use crate::error::{Error, Result, check_len, require};
use crate::tensor::{View, ViewMut, len};

/// How often a loop runs: as often as `count`, one number, says, but not at all if that is negative or `holds` is false.
pub fn trip_count<const R: usize>(count: View<'_, i64, R>, holds: bool) -> Result<usize> {
    let count = number(count)?;
    if holds { usize::try_from(count.max(0)).map_err(|_| Error::Overflow) } else { Ok(0) }
}

/// A condition: one truth value.
pub fn is_true<const R: usize>(x: View<'_, bool, R>) -> Result<bool> {
    number(x)
}

/// y = x without `axis`, at index `step` of it: what a Scan hands to a step.
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

/// Writes x where `axis` of y has index `step`: what a Scan collects of a step.
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

/// The dims in front of the axis, the axis, and those behind it; zeros where there are no elements.
fn split(whole: &[usize], part: &[usize], axis: usize, step: usize) -> Result<[usize; 3]> {
    let fits = axis < whole.len() && part.len() + 1 == whole.len();
    require(
        fits && part[..axis] == whole[..axis] && part[axis..] == whole[axis + 1..],
        "y",
        "have the dims of x but one",
    )?;
    require(step < whole[axis], "step", "be one of the sequence")?;
    let (outer, inner) = (len(&whole[..axis])?, len(&whole[axis + 1..])?);
    Ok(if inner == 0 { [0; 3] } else { [outer, whole[axis], inner] })
}

/// The only element of x.
pub fn number<T: Copy, const R: usize>(x: View<'_, T, R>) -> Result<T> {
    let x = x.as_slice()?;
    check_len("number", 1, x.len())?;
    Ok(x[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::tensor::Buffer;

    #[test]
    fn steps_are_counted_with_care() {
        let count = |count: &[i64], holds| trip_count(View::new(count, [count.len()]).unwrap(), holds);
        assert_eq!(count(&[3], true), Ok(3));
        assert_eq!(count(&[3], false), Ok(0));
        assert_eq!(count(&[i64::MIN], true), Ok(0));
        assert!(count(&[], true).is_err());
        assert!(count(&[1, 2], true).is_err());
        assert!(is_true(View::new(&[true, true], [2]).unwrap()).is_err());
    }

    #[test]
    fn a_part_is_taken_and_put_back() {
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
