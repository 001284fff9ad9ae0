//! Free dimensions: what a model's inputs leave open, found from the shapes of a call.

use crate::error::{Error, Result, require};
use crate::tensor::Shape;

/// One dim of an input: a number, or the free dimension of that index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It must have this size.
    Fixed(usize),
    /// It has whatever size that free dimension has.
    Free(usize),
}

/// The sizes of N free dimensions, each bound by the first input that has it.
#[derive(Debug, Clone, Copy)]
pub struct FreeDims<const N: usize> {
    sizes: [Option<usize>; N],
}

impl<const N: usize> Default for FreeDims<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> FreeDims<N> {
    /// None is bound yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sizes: [None; N] }
    }

    /// Binds what `extents` leave open to the sizes in `shape`.
    ///
    /// [`Error::Shape`], naming `tensor` and the shape that was `expected`, if the rank, a fixed size, or the size
    /// that another input gave to a free dimension is a different one.
    #[inline]
    pub fn bind(
        &mut self,
        tensor: &'static str,
        expected: &'static str,
        extents: &[Extent],
        shape: &[usize],
    ) -> Result<()> {
        let mut fits = extents.len() == shape.len();
        for (extent, &size) in extents.iter().zip(shape) {
            fits &= match *extent {
                Extent::Fixed(fixed) => fixed == size,
                Extent::Free(index) => {
                    self.sizes.get_mut(index).is_some_and(|bound| *bound.get_or_insert(size) == size)
                }
            };
        }
        if fits { Ok(()) } else { Err(Error::Shape { tensor, expected, found: Shape::truncated(shape) }) }
    }

    /// The sizes; 0 for one that no input has.
    #[inline]
    #[must_use]
    pub fn sizes(&self) -> [usize; N] {
        self.sizes.map(Option::unwrap_or_default)
    }
}

/// `a − b`, an error where a free dimension is too small for what the model does to it.
#[inline]
pub fn sub(a: usize, b: usize) -> Result<usize> {
    a.checked_sub(b)
        .ok_or(Error::Dims { what: "a free dimension", must: "be at least as large as the model's windows" })
}

/// `a + b`, or [`Error::Overflow`].
pub(crate) fn add(a: usize, b: usize) -> Result<usize> {
    a.checked_add(b).ok_or(Error::Overflow)
}

/// The sum of dims, or [`Error::Overflow`].
#[inline]
pub fn sum(dims: &[usize]) -> Result<usize> {
    dims.iter().try_fold(0usize, |total, &dim| total.checked_add(dim).ok_or(Error::Overflow))
}

/// `a / b`, rounded down; an error if b is zero.
#[inline]
pub fn quotient(a: usize, b: usize) -> Result<usize> {
    require(b != 0, "a free dimension", "not be zero where another is divided by it")?;
    Ok(a / b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_bind_and_then_must_agree() {
        use Extent::{Fixed, Free};
        struct Case {
            first: &'static [usize],
            second: &'static [usize],
            sizes: Option<[usize; 2]>,
        }
        let cases = [
            Case { first: &[3, 82], second: &[3, 7], sizes: Some([3, 7]) },
            Case { first: &[0, 82], second: &[0, 0], sizes: Some([0, 0]) },
            Case { first: &[3, 81], second: &[3, 7], sizes: None },
            Case { first: &[3, 82], second: &[4, 7], sizes: None },
            Case { first: &[3], second: &[3, 7], sizes: None },
            Case { first: &[3, 82, 1], second: &[3, 7], sizes: None },
        ];
        for case in cases {
            let mut dims = FreeDims::<2>::new();
            let bound = dims
                .bind("a", "[n, 82]", &[Free(0), Fixed(82)], case.first)
                .and_then(|()| dims.bind("b", "[n, t]", &[Free(0), Free(1)], case.second));
            assert_eq!(bound.is_ok().then(|| dims.sizes()), case.sizes, "{:?} {:?}", case.first, case.second);
        }
    }

    #[test]
    fn arithmetic_refuses_what_usize_cannot_hold() {
        assert_eq!(sub(5, 3), Ok(2));
        assert!(sub(3, 5).is_err());
        assert_eq!(sum(&[1, 2, 3]), Ok(6));
        assert_eq!(sum(&[usize::MAX, 1]), Err(Error::Overflow));
        assert_eq!(quotient(7, 2), Ok(3));
        assert!(quotient(7, 0).is_err());
    }
}
