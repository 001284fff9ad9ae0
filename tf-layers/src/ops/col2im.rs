//! Adding up the columns that a sliding block reads from an image.

use crate::error::{Result, check_len, require};
use crate::tensor::{MAX_RANK, len};

/// Adds up the columns that a sliding block read from an image (ONNX's `Col2Im`).
#[derive(Debug, Clone, Copy)]
pub struct Col2Im<'a> {
    /// The sizes of the image.
    pub image: &'a [usize],
    /// The sizes of the block.
    pub block: &'a [usize],
    /// From one place of the block to the next.
    pub strides: &'a [usize],
    /// From one element of the block to the next.
    pub dilations: &'a [usize],
    /// How far the block begins in front of the image.
    pub before: &'a [usize],
    /// How many places the block has on each axis.
    pub places: &'a [usize],
}

impl Col2Im<'_> {
    /// From x `[planes, block elements, places]` to y `[planes, image]`.
    pub fn run(&self, planes: usize, x: &[f32], y: &mut [f32]) -> Result<()> {
        let rank = self.image.len();
        let lists = [self.block, self.strides, self.dilations, self.before, self.places];
        require(
            rank <= MAX_RANK && lists.iter().all(|l| l.len() == rank),
            "block",
            "have the axes of the image",
        )?;
        let (block, places, image) = (len(self.block)?, len(self.places)?, len(self.image)?);
        check_len("x", len(&[planes, block, places])?, x.len())?;
        check_len("y", len(&[planes, image])?, y.len())?;
        y.fill(0.0);
        for (i, &x) in x.iter().enumerate() {
            let (mut place, mut element) = (i % places, i / places % block);
            let (mut at, mut stride, mut inside) = (0, 1, true);
            for axis in (0..rank).rev() {
                let (p, e) = (place % self.places[axis], element % self.block[axis]);
                place /= self.places[axis];
                element /= self.block[axis];
                let from = p
                    .saturating_mul(self.strides[axis])
                    .saturating_add(e.saturating_mul(self.dilations[axis]));
                let pixel = from.checked_sub(self.before[axis]).filter(|&pixel| pixel < self.image[axis]);
                inside &= pixel.is_some();
                at += pixel.unwrap_or(0) * stride;
                stride *= self.image[axis];
            }
            if inside {
                y[i / places / block * image + at] += x;
            }
        }
        Ok(())
    }
}
