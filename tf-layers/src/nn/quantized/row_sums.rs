//! The sums of the bytes that a product multiplies, which a kernel with zero points needs.

use crate::checked::{element, part};
use crate::error::{Result, check_len, require};
use crate::gemm::ZeroPoints;
use crate::simd::{Isa, Kernel, Simd};
use crate::window::Axis;

/// The zero points of a kernel with `n` columns, and the sums of the rows of x. Fails unless each is in the range of an `i16`.
pub(super) fn zero_points<'a>(columns: &'a [i32], row_sums: &'a [i32], n: usize) -> Result<ZeroPoints<'a>> {
    check_len("kernel_zero_points", n, columns.len())?;
    let small = columns.iter().all(|&zero| i16::try_from(zero).is_ok());
    require(small, "kernel_zero_points", "be in the range of 16 bits")?;
    Ok(ZeroPoints { columns, row_sums })
}

/// The sum of every row of a matrix with `k` columns. The bits in `flip` are flipped before.
pub(super) fn of_matrix(isa: Isa, x: &[u8], k: usize, flip: u8, sums: &mut [i32]) {
    isa.run(MatrixSums { x, k, flip, sums });
}

struct MatrixSums<'a> {
    x: &'a [u8],
    k: usize,
    flip: u8,
    sums: &'a mut [i32],
}

impl Kernel for MatrixSums<'_> {
    type Output = ();

    // The compiler makes vectors of the plain loop.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { x, k, flip, sums } = self;
        sums.fill(0);
        for (sum, row) in sums.iter_mut().zip(x.chunks_exact(k.max(1))) {
            *sum = row.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x ^ flip)));
        }
    }
}

/// The sum of every window of images. `pixels` are the sums of their pixels, and `padding` is that of a pixel in the padding.
pub(super) fn of_windows(pixels: &[i32], [vertical, horizontal]: [Axis; 2], padding: i32, sums: &mut [i32]) {
    let image = vertical.input * horizontal.input;
    for (line, sums) in sums.chunks_mut(horizontal.output.max(1)).enumerate() {
        let (sample, line) = (line / vertical.output.max(1), line % vertical.output.max(1));
        let (image, top) = (part(pixels, sample * image..), vertical.origin(line));
        for (column, sum) in sums.iter_mut().enumerate() {
            let left = horizontal.origin(column);
            *sum = 0;
            for y in 0..vertical.size {
                let line = vertical.position(top, y);
                for x in 0..horizontal.size {
                    let at = line.zip(horizontal.position(left, x));
                    let pixel = at.and_then(|(y, x)| element(image, y * horizontal.input + x));
                    *sum = sum.wrapping_add(*pixel.unwrap_or(&padding));
                }
            }
        }
    }
}
