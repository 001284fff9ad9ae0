//! Symbolic dimensions: the dims that a model's inputs leave open.

use crate::error::{Error, Result};
use crate::tensor::Shape;

/// One dim of a model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// The dim has this size.
    Fixed(usize),
    /// The dim has the size of the symbolic dimension with this index.
    Symbolic(usize),
}

/// The sizes of `N` symbolic dimensions. The first input that has a dimension binds it.
///
/// ```
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::{Dim, SymbolicDims};
///
/// let mut dims = SymbolicDims::<2>::new();
/// let [batch, time] = [0, 1].map(Dim::Symbolic);
/// dims.bind("ids", "[batch, time]", &[batch, time], &[32, 100])?;
/// dims.bind("features", "[batch, 7]", &[batch, Dim::Fixed(7)], &[32, 7])?;
/// assert_eq!(dims.sizes(), [32, 100]);
/// assert!(dims.bind("mask", "[batch, time]", &[batch, time], &[32, 99]).is_err());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SymbolicDims<const N: usize> {
    sizes: [Option<usize>; N],
}

impl<const N: usize> Default for SymbolicDims<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> SymbolicDims<N> {
    /// No dimension is bound yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { sizes: [None; N] }
    }

    /// Binds the symbolic dimensions among `dims` to the sizes in `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], which names `tensor` and the `expected` shape, if the rank or a fixed dim differs, or if another
    /// input has bound a symbolic dimension to a different size.
    #[inline]
    pub fn bind(
        &mut self,
        tensor: &'static str,
        expected: &'static str,
        dims: &[Dim],
        shape: &[usize],
    ) -> Result<()> {
        let mut fits = dims.len() == shape.len();
        for (dim, &size) in dims.iter().zip(shape) {
            fits &= match *dim {
                Dim::Fixed(fixed) => fixed == size,
                Dim::Symbolic(index) => {
                    self.sizes.get_mut(index).is_some_and(|bound| *bound.get_or_insert(size) == size)
                }
            };
        }
        if fits { Ok(()) } else { Err(Error::Shape { tensor, expected, found: Shape::truncated(shape) }) }
    }

    /// The sizes; 0 for a dimension that is not bound.
    #[inline]
    #[must_use]
    pub fn sizes(&self) -> [usize; N] {
        self.sizes.map(Option::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_bind_dims_and_must_agree() {
        use Dim::{Fixed, Symbolic};
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
            let mut dims = SymbolicDims::<2>::new();
            let bound = dims
                .bind("a", "[n, 82]", &[Symbolic(0), Fixed(82)], case.first)
                .and_then(|()| dims.bind("b", "[n, t]", &[Symbolic(0), Symbolic(1)], case.second));
            assert_eq!(bound.is_ok().then(|| dims.sizes()), case.sizes, "{:?} {:?}", case.first, case.second);
        }
    }
}
