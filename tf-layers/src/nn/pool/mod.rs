//! Pooling, channels-last.

use crate::Context;
use crate::error::Result;
use crate::tensor::{View, ViewMut};
use crate::window::{Axis, channels_last, check_output, window_axes};

mod adaptive;
mod kernel;
mod max;

pub use adaptive::AdaptivePool;
use kernel::{PoolKernel, max};
pub use max::{MaxPool, max_unpool};

/// The reduction of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// The maximum, or NaN if any element is. Padding is −∞.
    Max,
    /// The maximum, or NaN if any element is. Padding is 0.
    MaxOverPadding,
    /// The sum. Padding is 0.
    Sum,
    /// The mean.
    Average {
        /// Include the padding, as zeros, instead of averaging only over elements of the image.
        count_include_pad: bool,
    },
}

/// Pooling over images `[batch, height, width, channels]`.
///
/// ```
/// use tf_layers::nn::{Pool2d, PoolKind};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = Pool2d::new(PoolKind::Max, [1, 2]);
/// let x = View::new(&[1.0, 5.0, 3.0, 2.0], [1, 2, 2, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [5.0, 3.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    /// The reduction of a window.
    pub kind: PoolKind,
    /// The window size `[height, width]`.
    pub size: [usize; 2],
    /// The stride `[vertical, horizontal]`.
    pub stride: [usize; 2],
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: [usize; 2],
    /// The padding `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

/// Pooling over sequences `[batch, width, channels]`.
///
/// ```
/// use tf_layers::nn::{Pool1d, PoolKind};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = Pool1d::new(PoolKind::Average { count_include_pad: false }, 2);
/// let x = View::new(&[1.0, 5.0, 3.0, 2.0], [1, 4, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [3.0, 2.5]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool1d {
    /// The reduction of a window.
    pub kind: PoolKind,
    /// The window width.
    pub size: usize,
    /// The distance between consecutive windows.
    pub stride: usize,
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: usize,
    /// The padding `[before, after]`.
    pub padding: [usize; 2],
}

/// Pooling over volumes `[batch, depth, height, width, channels]`.
///
/// ```
/// use tf_layers::nn::{Pool3d, PoolKind};
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// let layer = Pool3d { stride: [1; 3], ..Pool3d::new(PoolKind::Sum, [1, 1, 2]) };
/// let x = View::new(&[1.0, 5.0, 3.0, 2.0], [1, 1, 2, 2, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 1, 2, 1, 1])?)?;
/// assert_eq!(y.as_slice()?, [6.0, 5.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool3d {
    /// The reduction of a window.
    pub kind: PoolKind,
    /// The window size `[depth, height, width]`.
    pub size: [usize; 3],
    /// The stride along each axis.
    pub stride: [usize; 3],
    /// The distance between the elements of a window: 1 if they are adjacent.
    pub dilation: [usize; 3],
    /// The padding `[before, after]` along each axis.
    pub padding: [[usize; 2]; 3],
}

impl Pool1d {
    /// Windows side by side: the stride is the window size. No dilation, no padding.
    #[must_use]
    pub const fn new(kind: PoolKind, size: usize) -> Self {
        Self { kind, size, stride: size, dilation: 1, padding: [0; 2] }
    }

    const fn as_2d(&self) -> Pool2d {
        Pool2d {
            kind: self.kind,
            size: [1, self.size],
            stride: [1, self.stride],
            dilation: [1, self.dilation],
            padding: [[0, 0], self.padding],
        }
    }

    /// The output width for an input of `width`; 0 if the input is smaller than the window.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_width(&self, width: usize) -> Result<usize> {
        Ok(self.as_2d().output_size([1, width])?[1])
    }

    /// From x `[batch, width, channels]` to y `[batch, output_width, channels]`.
    ///
    /// A window that contains only padding gives −∞ for [`PoolKind::Max`], otherwise 0.
    ///
    /// # Errors
    ///
    /// If y has other dims, or an attribute is invalid.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        y: ViewMut<'y, f32, 3>,
    ) -> Result<View<'y, f32, 3>> {
        self.as_2d().as_3d().compute(cx, x, y)
    }
}

impl Pool2d {
    /// Windows side by side: the stride is the window size. No dilation, no padding.
    #[must_use]
    pub const fn new(kind: PoolKind, size: [usize; 2]) -> Self {
        Self { kind, size, stride: size, dilation: [1; 2], padding: [[0; 2]; 2] }
    }

    const fn as_3d(&self) -> Pool3d {
        Pool3d {
            kind: self.kind,
            size: [1, self.size[0], self.size[1]],
            stride: [1, self.stride[0], self.stride[1]],
            dilation: [1, self.dilation[0], self.dilation[1]],
            padding: [[0, 0], self.padding[0], self.padding[1]],
        }
    }

    /// The output `[height, width]` for an image of this `[height, width]`; 0 if the image is smaller than the window.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let [_, height, width] = self.as_3d().output_size([1, size[0], size[1]])?;
        Ok([height, width])
    }

    /// From x `[batch, height, width, channels]` to y `[batch, output_height, output_width, channels]`.
    ///
    /// A window that contains only padding gives −∞ for [`PoolKind::Max`], otherwise 0.
    ///
    /// # Errors
    ///
    /// If y has other dims, or an attribute is invalid.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 4>,
        y: ViewMut<'y, f32, 4>,
    ) -> Result<View<'y, f32, 4>> {
        self.as_3d().compute(cx, x, y)
    }
}

impl Pool3d {
    /// Windows side by side: the stride is the window size. No dilation, no padding.
    #[must_use]
    pub const fn new(kind: PoolKind, size: [usize; 3]) -> Self {
        Self { kind, size, stride: size, dilation: [1; 3], padding: [[0; 2]; 3] }
    }

    fn axes(&self, size: [usize; 3]) -> Result<[Axis; 3]> {
        window_axes(self.size, self.stride, self.dilation, self.padding, size)
    }

    /// The output `[depth, height, width]` for a volume of this size; 0 if the volume is smaller than the window.
    ///
    /// # Errors
    ///
    /// If a size, stride or dilation is 0, or a sum overflows.
    pub fn output_size(&self, size: [usize; 3]) -> Result<[usize; 3]> {
        Ok(self.axes(size)?.map(|axis| axis.output))
    }

    /// From x `[batch, depth, height, width, channels]` to y `[batch, ..output_size, channels]`.
    ///
    /// A window that contains only padding gives −∞ for [`PoolKind::Max`], otherwise 0.
    ///
    /// # Errors
    ///
    /// If y has other dims, or an attribute is invalid.
    pub fn run<'y>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 5>,
        y: ViewMut<'y, f32, 5>,
    ) -> Result<View<'y, f32, 5>> {
        self.compute(cx, x, y)
    }

    /// Pools volumes, images (volumes of depth 1) or sequences (images of height 1).
    fn compute<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, R>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let from = x.dims();
        let (batch, size, channels) = channels_last(&from)?;
        let axes = self.axes(size)?;
        check_output(&y.dims(), batch, axes, channels)?;
        let (x, to) = (x.as_slice()?, y.as_mut_slice()?);
        if !to.is_empty() {
            cx.isa.run(PoolKernel { kind: self.kind, axes, channels, x, y: to });
        }
        Ok(y.into_view())
    }
}
