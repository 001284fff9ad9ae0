//! Recurrent layers without gates.

use crate::Context;
use crate::checked::split_mut;
use crate::error::{Result, check_bias, require};
use crate::gemm::Matrix;
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Results, Sequence, States, finish, result};
use crate::simd::Isa;
use crate::tensor::{Buffer, View, ViewMut, add, len};

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

    /// Computes y from x `[batch, steps, in]`. y is `[batch, steps, units]` with `return_sequences`, otherwise `[batch,
    /// units]`.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, the weights and the bias do not match, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        Ok(self.run_with_states(cx, x, States::default(), y, None)?.0)
    }

    /// Like [`SimpleRnn::run`], with a mask and an initial state. Also returns the last state h, which is empty if not
    /// requested.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if the dims of the mask or of a state do not match.
    pub fn run_with_states<'y, 'h, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        states: States<'_, 1>,
        mut y: ViewMut<'y, f32, R>,
        mut h: Option<ViewMut<'h, f32, 2>>,
    ) -> Result<(View<'y, f32, R>, View<'h, f32, 2>)> {
        let Self { units, direction, return_sequences, .. } = *self;
        let sequence = Sequence::new(x, &states, [self.kernel.rows(), units], direction, return_sequences)?;
        let results = Results { y: sequence.y(&mut y)?, last: [sequence.last(&mut h)?] };
        self.compute(cx.isa, sequence, results, cx.scratch)?;
        Ok((y.into_view(), result(h)))
    }

    /// Computes the layer with checked arguments.
    fn compute(
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
