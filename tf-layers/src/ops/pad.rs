//! Pad.

use crate::Context;
use crate::error::{Result, require};
use crate::tensor::{MAX_RANK, Shape, View, ViewMut};

/// The values of the padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PadMode<T> {
    /// This value.
    Constant(T),
    /// The nearest element of the border: `a a | a b c | c c`.
    Edge,
    /// Reflection without repeating the border: `c b | a b c | b a`.
    Reflect,
    /// Periodic continuation: `b c | a b c | a b`.
    Wrap,
}

impl<T> PadMode<T> {
    /// The index of the element at a position relative to the first element; `None` for the constant.
    #[inline]
    fn source(&self, at: isize, size: usize) -> Option<usize> {
        let last = size as isize - 1;
        match self {
            _ if (0..=last).contains(&at) => Some(at as usize),
            Self::Constant(_) => None,
            _ if last < 0 => None,
            Self::Edge => Some(at.clamp(0, last) as usize),
            Self::Wrap => Some(at.rem_euclid(size as isize) as usize),
            Self::Reflect if last == 0 => Some(0),
            Self::Reflect => {
                let folded = at.rem_euclid(2 * last);
                Some(folded.min(2 * last - folded) as usize)
            }
        }
    }
}

/// Copies x to y, `before[i]` elements from the start of axis i, and fills the rest of y according to `mode`.
///
/// ```
/// use tf_layers::ops::{PadMode, pad};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let mut y = [0; 5];
/// let y = pad(cx, [1], PadMode::Reflect, View::new(&[1, 2, 3], [3])?, ViewMut::new(&mut y, [5])?)?;
/// assert_eq!(y.as_slice()?, [2, 1, 2, 3, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
///
/// # Errors
///
/// If y is too small, has more than 8 dims, or the mode needs an element of an empty x.
pub fn pad<'y, T: Copy, const R: usize>(
    _: &mut Context<'_>,
    before: [usize; R],
    mode: PadMode<T>,
    x: View<'_, T, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    let y_dims = y.dims();
    surround(&before, mode, (x.as_slice()?, &x.dims()), (y.as_mut_slice()?, &y_dims))?;
    Ok(y.into_view())
}

/// [`pad`] for slices with their dims.
fn surround<T: Copy>(
    before: &[usize],
    mode: PadMode<T>,
    (x, dims): (&[T], &[usize]),
    (y, y_dims): (&mut [T], &[usize]),
) -> Result<()> {
    let rank = Shape::new(dims)?.len();
    for axis in 0..rank {
        let room = y_dims[axis].checked_sub(dims[axis]).is_some_and(|room| before[axis] <= room);
        require(
            room && isize::try_from(y_dims[axis]).is_ok(),
            "y",
            "have room for x and the padding before it",
        )?;
    }
    let filler = match mode {
        PadMode::Constant(value) => Some(value),
        _ => x.first().copied(),
    };
    let Some(filler) = filler else {
        return require(y.is_empty(), "x", "not be empty, because the mode repeats its elements");
    };
    y.fill(filler);
    let Some(inner) = rank.checked_sub(1) else {
        y.copy_from_slice(x);
        return Ok(());
    };
    if y.is_empty() || x.is_empty() {
        return Ok(());
    }
    let (size, start) = (dims[inner], before[inner]);
    let mut at = [0usize; MAX_RANK];
    for y in y.chunks_exact_mut(y_dims[inner]) {
        let mut line = Some(0);
        for axis in 0..inner {
            let source = mode.source(at[axis] as isize - before[axis] as isize, dims[axis]);
            line = line.zip(source).map(|(line, source)| line * dims[axis] + source);
        }
        if let Some(line) = line {
            let x = &x[line * size..][..size];
            y[start..start + size].copy_from_slice(x);
            if !matches!(mode, PadMode::Constant(_)) {
                for i in (0..start).chain(start + size..y.len()) {
                    if let Some(source) = mode.source(i as isize - start as isize, size) {
                        y[i] = x[source];
                    }
                }
            }
        }
        for axis in (0..inner).rev() {
            at[axis] += 1;
            if at[axis] < y_dims[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    Ok(())
}
