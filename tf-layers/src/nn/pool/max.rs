//! Maxima of windows over tensors of any numbers, with their places; and the way back.

use crate::error::{Error, Result, check_len, require};
use crate::tensor::{Scalar, len};
use crate::window::{Axis, window_axes};

/// Max pooling over volumes `[planes, depth, height, width]`, channels first; flat axes have size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// Depth, height and width of the window.
    pub size: [usize; 3],
    /// Step along each axis.
    pub stride: [usize; 3],
    /// Distance between taps, 1 for neighbours.
    pub dilation: [usize; 3],
    /// Padding before and after along each axis; it counts as less than any number.
    pub padding: [[usize; 2]; 3],
    /// Whether places count the elements of a plane with the first axis innermost; else it is the last.
    pub column_major: bool,
}

impl MaxPool {
    /// From x `[planes, …size]` to y `[planes, …]`, the maxima: NaN if any element is.
    ///
    /// `places` says where in all of x the first of the greatest stands. A window wholly in the padding gives the
    /// least number there is, and the start of its plane.
    pub fn run<T: Scalar>(
        &self,
        planes: usize,
        size: [usize; 3],
        x: &[T],
        y: &mut [T],
        mut places: Option<&mut [i64]>,
    ) -> Result<()> {
        let axes = window_axes(self.size, self.stride, self.dilation, self.padding, size)?;
        let output = axes.map(|axis| axis.output);
        check_len("x", len(&[planes, size[0], size[1], size[2]])?, x.len())?;
        check_len("y", len(&[planes, output[0], output[1], output[2]])?, y.len())?;
        check_len("places", y.len(), places.as_ref().map_or(y.len(), |places| places.len()))?;
        if y.is_empty() {
            return Ok(());
        }
        let (windows, plane) = (len(&output)?, len(&size)?);
        for (i, y) in y.iter_mut().enumerate() {
            let (start, window) = (i / windows * plane, i % windows);
            let at = [window / output[2] / output[1], window / output[2] % output[1], window % output[2]];
            let (greatest, place) = self.window(&axes, at, &x[start..start + plane]);
            *y = greatest;
            if let Some(places) = &mut places {
                places[i] = (start + place) as i64;
            }
        }
        Ok(())
    }

    /// The greatest element of a window, and its place in the plane.
    #[allow(clippy::eq_op)]
    fn window<T: Scalar>(&self, axes: &[Axis; 3], at: [usize; 3], x: &[T]) -> (T, usize) {
        let origin = [axes[0].origin(at[0]), axes[1].origin(at[1]), axes[2].origin(at[2])];
        let [depth, height, width] = axes.map(|axis| axis.input);
        let mut found = None;
        for z in axes[0].taps(origin[0]).filter_map(|tap| axes[0].position(origin[0], tap)) {
            for y in axes[1].taps(origin[1]).filter_map(|tap| axes[1].position(origin[1], tap)) {
                for column in axes[2].taps(origin[2]).filter_map(|tap| axes[2].position(origin[2], tap)) {
                    let element = x[(z * height + y) * width + column];
                    let place = if self.column_major {
                        z + depth * (y + height * column)
                    } else {
                        (z * height + y) * width + column
                    };
                    match found {
                        // What differs from itself is NaN, which stays.
                        Some((greatest, _))
                            if greatest != greatest || (element <= greatest && element == element) => {}
                        _ => found = Some((element, place)),
                    }
                }
            }
        }
        found.unwrap_or((T::LOWEST, 0))
    }
}

/// Puts each element of x at its place in y, whose other elements become 0; of two for a place, the later counts.
///
/// Places count the elements of a tensor of shape `inner`; y is of shape `outer`, which is at least as large along
/// every axis. An error for a place outside.
pub fn max_unpool<T: Scalar>(
    x: &[T],
    places: &[i64],
    inner: &[usize],
    outer: &[usize],
    y: &mut [T],
) -> Result<()> {
    check_len("places", x.len(), places.len())?;
    check_len("y", len(outer)?, y.len())?;
    let fits = inner.len() == outer.len() && inner.iter().zip(outer).all(|(inner, outer)| inner <= outer);
    require(fits, "y", "be as large as what the places count")?;
    let size = len(inner)?;
    y.fill(T::ZERO);
    for (position, (&x, &value)) in x.iter().zip(places).enumerate() {
        let place = usize::try_from(value).ok().filter(|&place| place < size);
        let mut rest =
            place.ok_or(Error::Index { tensor: "places", position, value, size, len: places.len() })?;
        let (mut to, mut stride) = (0, 1);
        for (&inner, &outer) in inner.iter().zip(outer).rev() {
            to += rest % inner * stride;
            rest /= inner;
            stride *= outer;
        }
        y[to] = x;
    }
    Ok(())
}
