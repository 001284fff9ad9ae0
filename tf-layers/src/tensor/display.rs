//! Tensors as text.

use core::fmt::{self, Display, Formatter, Write};

use super::{Tensor, TensorView};

/// A tensor with more elements is shortened, as by NumPy.
const LONGEST: usize = 1000;
/// The number of elements that a shortened axis shows at each end.
const EDGE: usize = 3;

/// Nested brackets, one row of the last axis per line. The flags of the format apply to each element. A tensor with more than
/// 1000 elements shows the first and last three of each axis, as in NumPy.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let scores = TensorView::new(&[0.25, 0.75, 0.5, 0.5], [2, 2])?;
/// assert_eq!(format!("{scores:.1}"), "[[0.2, 0.8],\n [0.5, 0.5]]");
/// let long = vec![0; 2000];
/// assert_eq!(TensorView::new(&long, [2000])?.to_string(), "[0, 0, 0, ..., 0, 0, 0]");
/// # Ok::<(), Error>(())
/// ```
impl<T: Display> Display for TensorView<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(f, self.data(), self.shape(), 1, self.data().len() > LONGEST)
    }
}

/// As [`TensorView`].
impl<T: Display> Display for Tensor<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// Writes the part of a tensor that has these dims; `depth` counts its brackets and those around it.
fn write<T: Display>(
    f: &mut Formatter<'_>,
    data: &[T],
    dims: &[usize],
    depth: usize,
    short: bool,
) -> fmt::Result {
    let [count, inner @ ..] = dims else {
        return data.first().map_or(Ok(()), |element| element.fmt(f));
    };
    f.write_char('[')?;
    // The elements of an empty tensor cannot be counted off: an axis beside an empty one may have any size.
    let count = if data.is_empty() { 0 } else { *count };
    let width = data.len().checked_div(count).unwrap_or(0);
    let mut i = 0;
    while i < count {
        if i > 0 {
            separate(f, inner.len(), depth)?;
        }
        if short && i == EDGE && count > 2 * EDGE {
            f.write_str("...")?;
            separate(f, inner.len(), depth)?;
            i = count - EDGE;
        }
        let part = data.get(i * width..(i + 1) * width).unwrap_or_default();
        write(f, part, inner, depth + 1, short)?;
        i += 1;
    }
    f.write_char(']')
}

/// Writes what separates parts with `inner` axes: a space, or a line break and a blank line for each further axis.
fn separate(f: &mut Formatter<'_>, inner: usize, depth: usize) -> fmt::Result {
    f.write_char(',')?;
    if inner == 0 {
        return f.write_char(' ');
    }
    (0..inner).try_for_each(|_| f.write_char('\n'))?;
    (0..depth).try_for_each(|_| f.write_char(' '))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    /// `numpy.array2string(numpy.arange(n).reshape(shape), separator=", ", formatter={"int": str})`
    #[test]
    fn tensors_are_written_as_by_numpy() {
        let cases: [(&[usize], &str); 9] = [
            (&[], "0"),
            (&[3], "[0, 1, 2]"),
            (&[0], "[]"),
            (&[2, 3], "[[0, 1, 2],\n [3, 4, 5]]"),
            (&[2, 1, 2], "[[[0, 1]],\n\n [[2, 3]]]"),
            (&[1001], "[0, 1, 2, ..., 998, 999, 1000]"),
            (
                &[500, 3],
                "[[0, 1, 2],\n [3, 4, 5],\n [6, 7, 8],\n ...,\n [1491, 1492, 1493],\n [1494, 1495, 1496],\n [1497, 1498, 1499]]",
            ),
            (&[2, 501], "[[0, 1, 2, ..., 498, 499, 500],\n [501, 502, 503, ..., 999, 1000, 1001]]"),
            (&[1, 1000], ""),
        ];
        let data: Vec<usize> = (0..2000).collect();
        for (shape, expected) in cases {
            let view = TensorView::new(&data[..shape.iter().product()], shape).unwrap();
            let found = view.to_string();
            if expected.is_empty() {
                assert_eq!(found.matches(',').count(), 999);
            } else {
                assert_eq!(found, expected, "{shape:?}");
            }
        }
    }

    #[test]
    fn flags_apply_to_each_element() {
        let view = TensorView::new(&[1.0, -0.125], [2]).unwrap();
        assert_eq!(format!("{view:.2}"), "[1.00, -0.12]");
        assert_eq!(format!("{view:6.1}"), "[   1.0,   -0.1]");
    }

    #[test]
    fn an_empty_tensor_is_short_whatever_its_dims() {
        let view = TensorView::<u8>::new(&[], [usize::MAX, 0, 1]).unwrap();
        assert_eq!(view.to_string(), "[]");
        assert_eq!(Tensor::<u8>::default().to_string(), "[]");
    }
}
