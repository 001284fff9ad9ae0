//! `Col2Im`: adds sliding blocks up to an image.

use crate::Context;
use crate::error::{Error, Result, require};
use crate::tensor::{MAX_RANK, View, ViewMut, check_dims, len};

/// Adds the columns of sliding blocks up to an image with `N` axes: the inverse of im2col, but overlaps are summed.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // A block of two pixels has two positions in an image of three.
/// let x = View::new(&[1.0, 2.0, 10.0, 20.0], [1, 2, 2])?;
/// let fold = ops::Col2Im::new([2]);
/// let mut y = [0.0; 3];
/// let y = fold.run(cx, x, ViewMut::new(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 12.0, 20.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Col2Im<const N: usize> {
    /// The size of the block along each axis (ONNX's `block_shape`).
    pub block: [usize; N],
    /// The distance between neighboring blocks along each axis.
    pub stride: [usize; N],
    /// The distance between neighboring elements of a block along each axis.
    pub dilation: [usize; N],
    /// The padding `[before, after]` of the image along each axis.
    pub padding: [[usize; 2]; N],
}

impl<const N: usize> Col2Im<N> {
    /// Blocks with a stride and dilation of 1, without padding.
    #[must_use]
    pub const fn new(block: [usize; N]) -> Self {
        Self { block, stride: [1; N], dilation: [1; N], padding: [[0; 2]; N] }
    }

    /// The dims of the image of this size that the columns with the dims of x add up to.
    ///
    /// # Errors
    ///
    /// If R is not `N + 2`, or the size of the block is 0 or overflows.
    pub fn dims<const R: usize>(&self, x: [usize; 3], image: [usize; N]) -> Result<[usize; R]> {
        require(R.checked_sub(N) == Some(2), "y", "have a batch, channels and the axes of the block")?;
        let channels = x[1].checked_div(len(&self.block)?);
        let channels = channels.ok_or(Error::Dims { what: "block", must: "have a size of at least 1" })?;
        let mut all = [x[0], channels].into_iter().chain(image);
        Ok(core::array::from_fn(|_| all.next().unwrap_or_default()))
    }

    /// From x `[batch, channels · block elements, blocks]` to y `[batch, channels, …image]` with `N` image axes.
    ///
    /// # Errors
    ///
    /// If x does not have one column per block position, y does not have `N + 2` axes, or a size or stride is 0.
    pub fn run<'y, const R: usize>(
        &self,
        _: &mut Context<'_>,
        x: View<'_, f32, 3>,
        mut y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        let dims = y.dims();
        require(
            N <= MAX_RANK && R.checked_sub(N) == Some(2),
            "y",
            "have a batch, channels and the axes of the block",
        )?;
        let mut blocks = [0; N];
        for (axis, blocks) in blocks.iter_mut().enumerate() {
            *blocks = self.blocks(axis, dims[2 + axis])?;
        }
        let (batch, channels) = (dims[0], len(&[dims[1], len(&self.block)?])?);
        check_dims(&[batch, channels, len(&blocks)?], &x.dims())
            .map_err(|_| Error::Dims { what: "x", must: "have one column for each position of the block" })?;
        self.add_up(&dims[2..], &blocks, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// The number of block positions along an axis.
    fn blocks(&self, axis: usize, size: usize) -> Result<usize> {
        let [before, after] = self.padding[axis];
        let padded =
            size.checked_add(before).and_then(|size| size.checked_add(after)).ok_or(Error::Overflow)?;
        let (block, stride) = (self.block[axis], self.stride[axis]);
        require(block > 0 && stride > 0, "block", "have a size and a stride of at least 1")?;
        let extent = (block - 1).checked_mul(self.dilation[axis]).and_then(|extent| extent.checked_add(1));
        let room = extent.and_then(|extent| padded.checked_sub(extent));
        Ok(room.map_or(0, |room| room / stride + 1))
    }

    fn add_up(&self, image: &[usize], blocks: &[usize; N], x: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        let all = |dims: &[usize]| dims.iter().product::<usize>();
        let (block_len, blocks_len, image_len) = (all(&self.block), all(blocks), all(image));
        for (i, &x) in x.iter().enumerate() {
            let (mut block, mut element) = (i % blocks_len, i / blocks_len % block_len);
            let (mut at, mut stride, mut inside) = (0, 1, true);
            for axis in (0..N).rev() {
                let (b, e) = (block % blocks[axis], element % self.block[axis]);
                block /= blocks[axis];
                element /= self.block[axis];
                let from =
                    b.saturating_mul(self.stride[axis]).saturating_add(e.saturating_mul(self.dilation[axis]));
                let pixel = from.checked_sub(self.padding[axis][0]).filter(|&pixel| pixel < image[axis]);
                inside &= pixel.is_some();
                at += pixel.unwrap_or(0) * stride;
                stride *= image[axis];
            }
            if inside {
                y[i / blocks_len / block_len * image_len + at] += x;
            }
        }
    }
}
