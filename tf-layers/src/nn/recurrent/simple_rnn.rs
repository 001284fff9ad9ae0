//! Recurrent layers without gates.

use crate::checked::split_mut;
use crate::error::{Result, check_bias, require};
use crate::gemm::Matrix;
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Results, Sequence, finish};
use crate::simd::Isa;
use crate::tensor::{Buffer, add, len};

/// A recurrent layer without gates: h ← act(xW + hU + b).
///
/// ```
/// use tf_layers::nn::SimpleRnn;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // h ← x + h/2
/// let (mut kernel, mut recurrent) = ([0.0; 16], [0.0; 16]);
/// (kernel[0], recurrent[0]) = (1.0, 0.5);
/// let layer = SimpleRnn {
///     activation: Activation::Linear,
///     return_sequences: true,
///     ..SimpleRnn::new(Matrix::new(&kernel, 1, 1, 1)?, Matrix::new(&recurrent, 1, 1, 1)?)
/// };
/// let x = View::new(&[1.0, 1.0, 1.0], [1, 3, 1])?;
/// let mut y = [0.0; 3];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 3, 1])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 1.5, 1.75]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimpleRnn<'w> {
    /// `[in, units]`
    pub kernel: Matrix<'w>,
    /// `[units, units]`
    pub recurrent: Matrix<'w>,
    /// `[units]`
    pub bias: Option<&'w [f32]>,
    /// The number of elements of a state.
    pub units: usize,
    /// The activation, usually tanh.
    pub activation: Activation<'w>,
    /// Whether y holds the states after all steps, not only after the last one.
    pub return_sequences: bool,
    /// The order of the steps.
    pub direction: Direction,
}

impl<'w> SimpleRnn<'w> {
    /// A forward layer without bias that returns the last state, with the activations of Keras.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, recurrent: Matrix<'w>) -> Self {
        Self {
            kernel,
            recurrent,
            bias: None,
            units: recurrent.rows(),
            activation: Activation::Tanh,
            return_sequences: false,
            direction: Direction::Forward,
        }
    }

    /// Computes the layer with checked arguments.
    pub(super) fn compute(
        &self,
        isa: Isa,
        sequence: Sequence<'_, 1>,
        Results { y, last }: Results<'_, 1>,
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let Sequence { batch, steps, units, .. } = sequence;
        require(self.kernel.groups() == 1 && self.kernel.cols() == units, "kernel", "be [in, units]")?;
        let recurrent = [self.recurrent.groups(), self.recurrent.rows(), self.recurrent.cols()];
        require(recurrent == [1, units, units], "recurrent", "be [units, units]")?;
        let state = sequence.state();
        check_bias(self.bias, units)?;
        self.activation.check_elementwise()?;
        let inputs = len(&[batch, steps, units])?;
        let scratch = scratch.write(add(inputs, state)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, h) = split_mut(scratch, inputs);
        sequence.begin([&mut *h], y);
        sequence.project(isa, &self.kernel, self.bias, z);
        sequence.run_steps(isa, &self.recurrent, z, h, y, |_, z, h| self.activation.map(isa, z, h));
        finish([h], last);
        Ok(())
    }
}
