//! One-dimensional convolutions over embedded indices, which need no multiplication.

use crate::error::{Result, check_len, require};
use crate::nn::Activation;
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::index::find;
use crate::tensor::{Index, Outside, len};
use crate::window::Axis;

/// y = activation(bias + Σ table[x of the tap, tap]) over the taps of a window: what a `Conv1d` makes of an
/// [`Embedding`](crate::Embedding), the vectors of which are multiplied with the kernel beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbeddingConv1d<'w> {
    /// The name of the tensor of indices, for errors.
    pub input: &'static str,
    /// `[rows, kernel_size, filters]`: what each tap of the kernel makes of each vector.
    pub table: &'w [f32],
    /// Vectors in the table of the embedding.
    pub rows: usize,
    /// Channels of the result.
    pub filters: usize,
    /// `[filters]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the result.
    pub activation: Activation,
    /// Taps of the window, at most 16.
    pub kernel_size: usize,
    /// From one window to the next.
    pub stride: usize,
    /// Distance between taps, 1 for neighbours.
    pub dilation: usize,
    /// Zero vectors before and after.
    pub padding: [usize; 2],
    /// What an index outside the table does.
    pub outside: Outside,
}

/// The most taps of a window.
const MAX_TAPS: usize = 16;

impl EmbeddingConv1d<'_> {
    /// From x, indices `[batch, steps]`, to y `[batch, output_steps, filters]`. A NaN among the indices is an error.
    pub fn run<I: Index>(&self, isa: Isa, batch: usize, steps: usize, x: &[I], y: &mut [f32]) -> Result<()> {
        let axis = Axis::new(self.kernel_size, self.stride, self.dilation, self.padding, steps)?;
        require(self.kernel_size <= MAX_TAPS, "kernel_size", "be at most 16")?;
        check_len("table", len(&[self.rows, self.kernel_size, self.filters])?, self.table.len())?;
        check_len("bias", self.filters, self.bias.map_or(self.filters, <[f32]>::len))?;
        check_len("x", len(&[batch, steps])?, x.len())?;
        check_len("y", len(&[batch, axis.output, self.filters])?, y.len())?;
        for position in 0..x.len() {
            find(self.input, self.outside, self.rows, x, position)?;
        }
        if y.is_empty() {
            return Ok(());
        }
        let (bounds, rest) = self.activation.split();
        for (sample, y) in y.chunks_exact_mut(axis.output * self.filters).enumerate() {
            let x = &x[sample * steps..][..steps];
            for (at, y) in y.chunks_exact_mut(self.filters).enumerate() {
                let origin = axis.origin(at);
                let mut vectors = [&self.table[..0]; MAX_TAPS];
                let taps = axis.taps(origin);
                for (vector, tap) in vectors.iter_mut().zip(taps.clone()) {
                    let position = (origin + (tap * self.dilation) as isize) as usize;
                    let row = find(self.input, self.outside, self.rows, x, position)?;
                    *vector = &self.table[(row * self.kernel_size + tap) * self.filters..][..self.filters];
                }
                isa.run(Sum { vectors: &vectors[..taps.len()], bias: self.bias, bounds, y });
            }
        }
        match rest {
            Some(rest) => rest.run_in_place(isa, y),
            None => Ok(()),
        }
    }
}

/// The sum of vectors as long as y.
struct Sum<'a> {
    vectors: &'a [&'a [f32]],
    bias: Option<&'a [f32]>,
    bounds: (f32, f32),
    y: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (low, high) = (s.splat(self.bounds.0), s.splat(self.bounds.1));
        for (i, y) in self.y.chunks_mut(S::LANES).enumerate() {
            let columns = i * S::LANES..i * S::LANES + y.len();
            let mut sum = s.splat(0.0);
            if let Some(bias) = self.bias {
                sum = s.load_partial(&bias[columns.clone()], 0.0);
            }
            for vector in self.vectors {
                sum = s.add(sum, s.load_partial(&vector[columns.clone()], 0.0));
            }
            s.store_partial(s.min(high, s.max(low, sum)), y);
        }
    }
}
