//! Convolutions over embedded sequences of indices, without multiplications.

use crate::Context;
use crate::error::{Result, check_len, require};
use crate::gemm::Rectifier;
use crate::nn::Activation;
use crate::simd::{Kernel, Simd};
use crate::tensor::index::find;
use crate::tensor::{Index, Outside, View, ViewMut, check_dims};
use crate::window::Axis;

/// An [`Embedding`](crate::nn::Embedding) followed by a [`Conv1d`](crate::nn::Conv1d): y = activation(bias + Σ
/// table[index at the tap, tap]) over the taps of a window. The table holds the products of all vectors with the
/// kernel.
///
/// ```
/// use tf_layers::nn::EmbeddingConv1d;
/// use tf_layers::prelude::*;
/// use tf_layers::tensor::Outside;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Two indices, two taps, one filter.
/// let layer = EmbeddingConv1d::new(View::new(&[1.0, 2.0, 10.0, 20.0], [2, 2, 1])?);
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, View::new(&[0, 1, 1], [1, 3])?, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [21.0, 30.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbeddingConv1d<'w> {
    /// The name of the tensor of indices, for error messages.
    pub input: &'static str,
    /// `[rows, kernel_size, filters]`: the product of each vector with each tap of the kernel, at most 16 taps.
    pub table: View<'w, f32, 3>,
    /// `[filters]`
    pub bias: Option<&'w [f32]>,
    /// Applied to every element of the output.
    pub activation: Activation<'w>,
    /// The steps of x from one window to the next.
    pub stride: usize,
    /// The distance between taps. 1 means that they are neighbours.
    pub dilation: usize,
    /// The number of zero vectors before and after the sequence.
    pub padding: [usize; 2],
    /// What to do with an index outside the table.
    pub outside: Outside,
}

/// The largest number of taps.
const MAX_TAPS: usize = 16;

impl<'w> EmbeddingConv1d<'w> {
    /// A convolution with stride and dilation 1, without padding, bias and activation. Indices outside the table are errors,
    /// which call the input `x`.
    #[must_use]
    pub const fn new(table: View<'w, f32, 3>) -> Self {
        Self {
            input: "x",
            table,
            bias: None,
            activation: Activation::Linear,
            stride: 1,
            dilation: 1,
            padding: [0; 2],
            outside: Outside::Error,
        }
    }

    /// Computes y `[batch, output_steps, filters]` from the indices x `[batch, steps]`. A NaN among the indices is an
    /// error.
    ///
    /// # Errors
    ///
    /// If an attribute is invalid, an index is NaN or out of range, or the dims of x, y, table and bias do not match.
    pub fn run<'y, I: Index>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, I, 2>,
        mut y: ViewMut<'y, f32, 3>,
    ) -> Result<View<'y, f32, 3>> {
        let [batch, steps] = x.dims();
        let [rows, kernel_size, filters] = self.table.dims();
        let axis = Axis::new(kernel_size, self.stride, self.dilation, self.padding, steps)?;
        self.activation.check(filters)?;
        require(kernel_size <= MAX_TAPS, "table", "have at most 16 taps")?;
        check_len("bias", filters, self.bias.map_or(filters, <[f32]>::len))?;
        check_dims(&[batch, axis.output, filters], &y.dims())?;
        let (table, x, to) = (self.table.as_slice()?, x.as_slice()?, y.as_mut_slice()?);
        for position in 0..x.len() {
            find(self.input, self.outside, rows, x, position)?;
        }
        if to.is_empty() {
            return Ok(y.into_view());
        }
        let (rectifier, rest) = self.activation.split();
        for (sample, y) in to.chunks_exact_mut(axis.output * filters).enumerate() {
            let x = &x[sample * steps..][..steps];
            for (at, y) in y.chunks_exact_mut(filters).enumerate() {
                let origin = axis.origin(at);
                let mut vectors = [&table[..0]; MAX_TAPS];
                let taps = axis.taps(origin);
                for (vector, tap) in vectors.iter_mut().zip(taps.clone()) {
                    let position = (origin + (tap * self.dilation) as isize) as usize;
                    let row = find(self.input, self.outside, rows, x, position)?;
                    *vector = &table[(row * kernel_size + tap) * filters..][..filters];
                }
                cx.isa.run(Sum { vectors: &vectors[..taps.len()], bias: self.bias, rectifier, y });
            }
        }
        if let Some(rest) = rest {
            rest.map_in_place(cx.isa, to);
        }
        Ok(y.into_view())
    }
}

/// y = rectifier(bias + Σ vectors). All have the length of y.
struct Sum<'a> {
    vectors: &'a [&'a [f32]],
    bias: Option<&'a [f32]>,
    rectifier: Rectifier<'a>,
    y: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (i, y) in self.y.chunks_mut(S::LANES).enumerate() {
            let columns = i * S::LANES..i * S::LANES + y.len();
            let mut sum = s.splat(0.0);
            if let Some(bias) = self.bias {
                sum = s.load_partial(&bias[columns.clone()], 0.0);
            }
            for vector in self.vectors {
                sum = s.add(sum, s.load_partial(&vector[columns.clone()], 0.0));
            }
            s.store_partial(self.rectifier.apply(s, sum, columns.start, y.len()), y);
        }
    }
}
