//! Maxima of windows over tensors of any numbers, with their indices; and the way back.

use crate::Context;
use crate::error::{Error, Result, require};
use crate::tensor::{Number, View, ViewMut, len};
use crate::window::{Axis, channels_first, window_axes};

/// Max pooling of numbers of any type, channels first: over volumes `[batch, channels, depth, height, width]`, images
/// without depth or sequences without height. The axes that a tensor lacks have windows of size 1.
///
/// ```
/// use tf_layers::nn::MaxPool;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = MaxPool {
///     size: [1, 1, 2],
///     stride: [1, 1, 2],
///     dilation: [1; 3],
///     padding: [[0, 0]; 3],
///     column_major: false,
/// };
/// let x = View::new(&[1, 5, 3, 2], [1, 1, 4])?;
/// let (mut y, mut indices) = ([0; 2], [0; 2]);
/// let (y, indices) = (ViewMut::new(&mut y, [1, 1, 2])?, ViewMut::new(&mut indices, [1, 1, 2])?);
/// let (y, indices) = layer.run_with_indices(cx, x, y, indices)?;
/// assert_eq!(y.as_slice()?, [5, 3]);
/// assert_eq!(indices.as_slice()?, [1, 2]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
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
    /// Whether indices count the elements of a channel with the first axis innermost; else it is the last.
    pub column_major: bool,
}

impl MaxPool {
    /// From x `[batch, channels, …size]` to y `[batch, channels, …]`, the maxima: NaN if any element is.
    ///
    /// A window wholly in the padding gives the least number there is.
    pub fn run<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
    ) -> Result<View<'y, T, R>> {
        let to = y.dims();
        self.compute((&x.dims(), x.as_slice()?), (&to, y.as_mut_slice()?), None)?;
        Ok(y.into_view())
    }

    /// The same, and where in all of x the first of the greatest stands: `indices` has the dims of y.
    ///
    /// A window wholly in the padding gives the index at which its channel begins.
    pub fn run_with_indices<'y, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
        mut indices: ViewMut<'y, i64, R>,
    ) -> Result<(View<'y, T, R>, View<'y, i64, R>)> {
        let to = y.dims();
        require(indices.dims() == to, "indices", "have the dims of y")?;
        let found = Some(indices.as_mut_slice()?);
        self.compute((&x.dims(), x.as_slice()?), (&to, y.as_mut_slice()?), found)?;
        Ok((y.into_view(), indices.into_view()))
    }

    /// Tensors as their dims and elements; `indices` are as many as there are elements of y.
    fn compute<T: Number>(
        &self,
        (from, x): (&[usize], &[T]),
        (to, y): (&[usize], &mut [T]),
        mut indices: Option<&mut [i64]>,
    ) -> Result<()> {
        let (batch, channels, size) = channels_first(from)?;
        let axes = window_axes(self.size, self.stride, self.dilation, self.padding, size)?;
        let output = axes.map(|axis| axis.output);
        require(channels_first(to)? == (batch, channels, output), "y", "have the dims of the result")?;
        if y.is_empty() {
            return Ok(());
        }
        let (windows, plane) = (len(&output)?, len(&size)?);
        for (i, y) in y.iter_mut().enumerate() {
            let (start, window) = (i / windows * plane, i % windows);
            let at = [window / output[2] / output[1], window / output[2] % output[1], window % output[2]];
            let (greatest, place) = self.window(&axes, at, &x[start..start + plane]);
            *y = greatest;
            if let Some(indices) = &mut indices {
                indices[i] = (start + place) as i64;
            }
        }
        Ok(())
    }

    /// The greatest element of a window, and its place in the channel.
    #[allow(clippy::eq_op)]
    fn window<T: Number>(&self, axes: &[Axis; 3], at: [usize; 3], x: &[T]) -> (T, usize) {
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

/// Puts each element of x where its index says in y, whose other elements become 0; of two for a place, the later counts.
///
/// Indices count the elements of a tensor of the dims `inner`; y is at least as large along every axis. An error for an
/// index outside.
///
/// ```
/// use tf_layers::nn::max_unpool;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let (x, indices) = (View::new(&[5, 3], [1, 1, 2])?, View::new(&[1, 2], [1, 1, 2])?);
/// let mut y = [9; 4];
/// let y = max_unpool(cx, [1, 1, 4], x, indices, ViewMut::new(&mut y, [1, 1, 4])?)?;
/// assert_eq!(y.as_slice()?, [0, 5, 3, 0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
pub fn max_unpool<'y, T: Number, const R: usize>(
    _: &mut Context<'_>,
    inner: [usize; R],
    x: View<'_, T, R>,
    indices: View<'_, i64, R>,
    mut y: ViewMut<'y, T, R>,
) -> Result<View<'y, T, R>> {
    require(x.dims() == indices.dims(), "indices", "have the dims of x")?;
    let outer = y.dims();
    unpool(&inner, x.as_slice()?, indices.as_slice()?, &outer, y.as_mut_slice()?)?;
    Ok(y.into_view())
}

fn unpool<T: Number>(inner: &[usize], x: &[T], indices: &[i64], outer: &[usize], y: &mut [T]) -> Result<()> {
    let fits = inner.iter().zip(outer).all(|(inner, outer)| inner <= outer);
    require(fits, "y", "be as large as what the indices count")?;
    let size = len(inner)?;
    y.fill(T::ZERO);
    for (position, (&x, &value)) in x.iter().zip(indices).enumerate() {
        let index = usize::try_from(value).ok().filter(|&index| index < size);
        let mut rest =
            index.ok_or(Error::Index { tensor: "indices", position, value, size, len: indices.len() })?;
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
