//! Max pooling of any number type, with indices, and max unpooling.

use crate::Context;
use crate::error::{Error, Result, require};
use crate::tensor::{Number, View, ViewMut, len};
use crate::window::{Axis, channels_first, window_axes};

/// Channels-first max pooling of any number type, with indices.
///
/// The input is a batch of volumes `[batch, channels, depth, height, width]`, images `[batch, channels, height, width]` or
/// sequences `[batch, channels, width]`. Attributes are always those of a volume: a sequence has windows of depth and height
/// 1. Prefer [`Pool2d`](super::Pool2d) for `f32` without indices: it is vectorized.
///
/// ```
/// use tf_layers::nn::MaxPool;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = MaxPool::new([1, 1, 2]);
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
    /// The window size `[depth, height, width]`.
    pub size: [usize; 3],
    /// The stride along each axis.
    pub stride: [usize; 3],
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: [usize; 3],
    /// The padding `[before, after]` along each axis; it is less than any number.
    pub padding: [[usize; 2]; 3],
    /// Count indices in column-major order instead of row-major order (ONNX's `storage_order`).
    pub column_major: bool,
}

impl MaxPool {
    /// Windows side by side: the stride is the window size. No dilation, no padding, row-major indices.
    #[must_use]
    pub const fn new(size: [usize; 3]) -> Self {
        Self { size, stride: size, dilation: [1; 3], padding: [[0; 2]; 3], column_major: false }
    }

    /// From x `[batch, channels, ..size]` to the maxima y `[batch, channels, ..output_size]`: NaN if any element is.
    ///
    /// A window that contains only padding gives the lowest value of the type.
    ///
    /// # Errors
    ///
    /// If x does not have 1 to 3 spatial axes, y has other dims, or an attribute is invalid.
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

    /// [`run`](Self::run), and writes the flat index in x of every maximum to `indices`, which has the dims of y.
    ///
    /// Of several equal maxima, the index is that of the first. A window that contains only padding gives the index of the
    /// first element of its channel.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if `indices` does not have the dims of y.
    pub fn run_with_indices<'y, 'i, T: Number, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, T, R>,
        mut y: ViewMut<'y, T, R>,
        mut indices: ViewMut<'i, i64, R>,
    ) -> Result<(View<'y, T, R>, View<'i, i64, R>)> {
        let to = y.dims();
        require(indices.dims() == to, "indices", "have the dims of y")?;
        let found = Some(indices.as_mut_slice()?);
        self.compute((&x.dims(), x.as_slice()?), (&to, y.as_mut_slice()?), found)?;
        Ok((y.into_view(), indices.into_view()))
    }

    /// The layer for tensors as pairs of dims and elements; `indices` is as long as y.
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
            let (maximum, index) = self.window(&axes, at, &x[start..start + plane]);
            *y = maximum;
            if let Some(indices) = &mut indices {
                indices[i] = (start + index) as i64;
            }
        }
        Ok(())
    }

    /// The maximum of a window, and its index in the channel.
    #[allow(clippy::eq_op)]
    fn window<T: Number>(&self, axes: &[Axis; 3], at: [usize; 3], x: &[T]) -> (T, usize) {
        let origin = [axes[0].origin(at[0]), axes[1].origin(at[1]), axes[2].origin(at[2])];
        let [depth, height, width] = axes.map(|axis| axis.input);
        let mut found = None;
        for z in axes[0].taps(origin[0]).filter_map(|tap| axes[0].position(origin[0], tap)) {
            for y in axes[1].taps(origin[1]).filter_map(|tap| axes[1].position(origin[1], tap)) {
                for column in axes[2].taps(origin[2]).filter_map(|tap| axes[2].position(origin[2], tap)) {
                    let element = x[(z * height + y) * width + column];
                    let index = if self.column_major {
                        z + depth * (y + height * column)
                    } else {
                        (z * height + y) * width + column
                    };
                    match found {
                        // Only a NaN differs from itself; the first one is the result.
                        Some((maximum, _))
                            if maximum != maximum || (element <= maximum && element == element) => {}
                        _ => found = Some((element, index)),
                    }
                }
            }
        }
        found.unwrap_or((T::LOWEST, 0))
    }
}

/// `MaxUnpool`: writes every element of x to its index in y; the other elements of y are 0.
///
/// The indices are flat indices of a tensor with the dims `inner`. y may be larger than `inner` along every axis. Of several
/// elements with the same index, the last one wins.
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
///
/// # Errors
///
/// If an index is out of range, y is smaller than `inner`, or `indices` does not have the dims of x.
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
    require(fits, "y", "be at least as large as the tensor that the indices refer to")?;
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
