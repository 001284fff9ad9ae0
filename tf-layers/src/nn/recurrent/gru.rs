//! Gated recurrent units.

use crate::checked::{part, part_mut, split_mut};
use crate::error::{Result, check_bias, require};
use crate::gemm::{Gemm, Matrix, RowMajor};
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Results, Sequence, finish, recur};
use crate::simd::Isa;
use crate::tensor::{Buffer, add, len};

/// A gated recurrent unit with Keras' gates: z = σ(xW + hU + b), r likewise, h ← z·h + (1 − z)·act(…). The
/// argument of act is xW + r·(hU + b′) + b, or xW + (r·h)U + b′ + b with a separate `candidate` matrix.
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // Half of the state plus half of the input: h ← h/2 + x/2.
/// let (mut kernel, recurrent) = ([0.0; 16], [0.0; 16]);
/// kernel[2] = 1.0;
/// let layer = Gru {
///     activation: Activation::Linear,
///     return_sequences: true,
///     ..Gru::new(Matrix::new(&kernel, 1, 1, 3)?, Matrix::new(&recurrent, 1, 1, 3)?)
/// };
/// let x = View::new(&[2.0, 4.0], [1, 2, 1])?;
/// let mut y = [0.0; 2];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 2, 1])?)?;
/// assert_eq!(y.as_slice()?, [1.0, 2.5]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gru<'w> {
    /// `[in, 3 · units]`, gates in the order z, r, h.
    pub kernel: Matrix<'w>,
    /// `[units, 3 · units]`, or `[units, 2 · units]` beside a `candidate`.
    pub recurrent: Matrix<'w>,
    /// `[units, units]`, if the reset gate is applied before the product (Keras' `reset_after=False`, ONNX's
    /// `linear_before_reset=0`).
    pub candidate: Option<Matrix<'w>>,
    /// `[3 · units]`, added to the product of the input.
    pub bias: Option<&'w [f32]>,
    /// `[3 · units]`, added to the product of the state.
    pub recurrent_bias: Option<&'w [f32]>,
    /// The number of elements of a state.
    pub units: usize,
    /// The activation of the candidate, usually tanh.
    pub activation: Activation<'w>,
    /// The activation of the gates, usually sigmoid.
    pub recurrent_activation: Activation<'w>,
    /// Whether y holds the states after all steps, not only after the last one.
    pub return_sequences: bool,
    /// The order of the steps.
    pub direction: Direction,
}

impl<'w> Gru<'w> {
    /// A forward layer without bias that returns the last state, with the activations of Keras.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, recurrent: Matrix<'w>) -> Self {
        Self {
            kernel,
            recurrent,
            candidate: None,
            bias: None,
            recurrent_bias: None,
            units: recurrent.rows(),
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
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
        let gates = len(&[units, 3])?;
        self.check(gates)?;
        let state = sequence.state();
        let inputs = len(&[batch, steps, gates])?;
        let recurrence = len(&[state, 4])?;
        let scratch = scratch.write(add(add(inputs, recurrence)?, state)?)?;
        if state == 0 {
            return Ok(());
        }
        let (xs, rest) = split_mut(scratch, inputs);
        let (h, z) = split_mut(rest, state);
        sequence.begin([&mut *h], y);
        sequence.project(isa, &self.kernel, self.bias, xs);
        for step in 0..steps {
            self.step(isa, sequence, sequence.at(step), xs, h, z);
            sequence.emit(step, h, y);
        }
        finish([h], last);
        Ok(())
    }

    fn check(&self, gates: usize) -> Result<()> {
        let dims = |matrix: &Matrix| [matrix.groups(), matrix.rows(), matrix.cols()];
        let units = self.units;
        require(
            dims(&self.kernel)[0] == 1 && dims(&self.kernel)[2] == gates,
            "kernel",
            "be [in, 3 · units]",
        )?;
        let recurrent = dims(&self.recurrent);
        match &self.candidate {
            None => require(recurrent == [1, units, gates], "recurrent", "be [units, 3 · units]")?,
            Some(candidate) => {
                require(recurrent == [1, units, gates - units], "recurrent", "be [units, 2 · units]")?;
                require(dims(candidate) == [1, units, units], "candidate", "be [units, units]")?;
            }
        }
        self.activation.check_elementwise()?;
        self.recurrent_activation.check_elementwise()?;
        check_bias(self.bias, gates)?;
        check_bias(self.recurrent_bias, gates)
    }

    /// Processes the inputs at index `at` of all samples. `xs` holds the input sums, `z` is scratch memory of 4 · batch
    /// · units elements.
    fn step(
        &self,
        isa: Isa,
        sequence: Sequence<'_, 1>,
        at: usize,
        xs: &mut [f32],
        h: &mut [f32],
        z: &mut [f32],
    ) {
        let (units, batch, stride) = (self.units, sequence.batch, sequence.steps * 3 * self.units);
        let xs = part_mut(xs, at * 3 * units..);
        let columns = self.recurrent.cols();
        let (z, reset) = split_mut(z, 3 * batch * units);
        let z = part_mut(z, ..batch * columns);
        let recurrent =
            Gemm::from_matrix(&self.recurrent, 0).bias(self.recurrent_bias.map(|b| part(b, ..columns)));
        recur(isa, at, batch, RowMajor { data: h, stride: units }, recurrent, z);
        // z and r replace their input sums. The recurrent sum of the candidate stays in z.
        for sample in 0..batch {
            let x = part_mut(part_mut(xs, sample * stride..), ..3 * units);
            let z = part(part(z, sample * columns..), ..columns);
            let (gates, candidate) = split_mut(x, 2 * units);
            for (x, z) in gates.iter_mut().zip(z) {
                *x += z;
            }
            self.recurrent_activation.map_in_place(isa, gates);
            let r = part(gates, units..);
            if self.candidate.is_none() {
                for ((x, z), r) in candidate.iter_mut().zip(part(z, 2 * units..)).zip(r) {
                    *x += r * z;
                }
            } else {
                let h = part(part(h, sample * units..), ..units);
                for ((reset, h), r) in
                    part_mut(part_mut(reset, sample * units..), ..units).iter_mut().zip(h).zip(r)
                {
                    *reset = r * h;
                }
            }
        }
        if let Some(candidate) = &self.candidate {
            let z = part_mut(z, ..batch * units);
            let gemm =
                Gemm::from_matrix(candidate, 0).bias(self.recurrent_bias.map(|b| part(b, 2 * units..)));
            gemm.run(isa, batch, RowMajor { data: reset, stride: units }, z);
            for sample in 0..batch {
                let x = part_mut(part_mut(xs, sample * stride + 2 * units..), ..units);
                for (x, z) in x.iter_mut().zip(part(z, sample * units..)) {
                    *x += z;
                }
            }
        }
        for sample in (0..batch).filter(|&sample| sequence.takes(sample, at)) {
            let x = part_mut(part_mut(xs, sample * stride..), ..3 * units);
            let (gates, candidate) = split_mut(x, 2 * units);
            self.activation.map_in_place(isa, candidate);
            for ((h, z), c) in
                part_mut(part_mut(h, sample * units..), ..units).iter_mut().zip(&*gates).zip(&*candidate)
            {
                *h = z * *h + (1.0 - z) * c;
            }
        }
    }
}
