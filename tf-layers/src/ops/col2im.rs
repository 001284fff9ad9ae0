//! `Col2Im`: adding up the columns that a sliding block reads from an image.

use crate::Context;
use crate::error::{Error, Result, require};
use crate::tensor::{MAX_RANK, View, ViewMut, check_dims, len};

/// Adds up the columns that a sliding block read from an image of N axes.
///
/// ```
/// use tf_layers::ops;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // A block of two pixels, at the two places that it has in three.
/// let x = View::new(&[1.0, 2.0, 10.0, 20.0], [1, 2, 2])?;
/// let fold = ops::Col2Im { block: [2], stride: [1], dilation: [1], padding: [[0, 0]] };
/// let mut y = [0.0; 3];
/// let y = fold.run(cx, x, ViewMut::new(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 12.0, 20.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Col2Im<const N: usize> {
    /// The sizes of the block.
    pub block: [usize; N],
    /// From one place of the block to the next.
    pub stride: [usize; N],
    /// From one element of the block to the next.
    pub dilation: [usize; N],
    /// How far the block goes in front of the image and behind it.
    pub padding: [[usize; 2]; N],
}

impl<const N: usize> Col2Im<N> {
    /// From x `[batch, channels · block elements, places]` to y `[batch, channels, image…]`, which has N axes behind the
    /// channels.
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
            "have the axes of the block behind its channels",
        )?;
        let mut places = [0; N];
        for (axis, places) in places.iter_mut().enumerate() {
            *places = self.places(axis, dims[2 + axis])?;
        }
        let (batch, channels) = (dims[0], len(&[dims[1], len(&self.block)?])?);
        check_dims(&[batch, channels, len(&places)?], &x.dims()).map_err(|_| Error::Dims {
            what: "x",
            must: "have a column of the block for each of its places",
        })?;
        self.add_up(&dims[2..], &places, x.as_slice()?, y.as_mut_slice()?);
        Ok(y.into_view())
    }

    /// The places that the block has on an axis.
    fn places(&self, axis: usize, size: usize) -> Result<usize> {
        let [before, after] = self.padding[axis];
        let padded =
            size.checked_add(before).and_then(|size| size.checked_add(after)).ok_or(Error::Overflow)?;
        let (block, stride) = (self.block[axis], self.stride[axis]);
        require(block > 0 && stride > 0, "block", "have a size and a stride of at least 1")?;
        let extent = (block - 1).checked_mul(self.dilation[axis]).and_then(|extent| extent.checked_add(1));
        let room = extent.and_then(|extent| padded.checked_sub(extent));
        Ok(room.map_or(0, |room| room / stride + 1))
    }

    fn add_up(&self, image: &[usize], places: &[usize; N], x: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        let all = |dims: &[usize]| dims.iter().product::<usize>();
        let (block_len, places_len, image_len) = (all(&self.block), all(places), all(image));
        for (i, &x) in x.iter().enumerate() {
            let (mut place, mut element) = (i % places_len, i / places_len % block_len);
            let (mut at, mut stride, mut inside) = (0, 1, true);
            for axis in (0..N).rev() {
                let (p, e) = (place % places[axis], element % self.block[axis]);
                place /= places[axis];
                element /= self.block[axis];
                let from =
                    p.saturating_mul(self.stride[axis]).saturating_add(e.saturating_mul(self.dilation[axis]));
                let pixel = from.checked_sub(self.padding[axis][0]).filter(|&pixel| pixel < image[axis]);
                inside &= pixel.is_some();
                at += pixel.unwrap_or(0) * stride;
                stride *= image[axis];
            }
            if inside {
                y[i / places_len / block_len * image_len + at] += x;
            }
        }
    }
}
