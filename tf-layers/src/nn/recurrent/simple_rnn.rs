//! Plain recurrent layers.

use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::{Gemm, Matrix, RowMajor};
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Sequence, States, begin, finish, recur};
use crate::simd::Isa;
use crate::tensor::{Buffer, add, len};

/// A recurrent layer without gates: h ← act(xW + hU + b).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimpleRnn<'w> {
    /// `[in, units]`
    pub kernel: Matrix<'w>,
    /// `[units, units]`
    pub recurrent: Matrix<'w>,
    /// `[units]`
    pub bias: Option<&'w [f32]>,
    /// The size of the state.
    pub units: usize,
    /// Usually tanh.
    pub activation: Activation,
    /// Whether y has the state after every step, or only after the last.
    pub return_sequences: bool,
    /// The order of the steps.
    pub direction: Direction,
}

impl SimpleRnn<'_> {
    /// From x `[batch, steps, in]` to y `[batch, steps, units]` with `return_sequences`, else `[batch, units]`.
    pub fn run(
        &self,
        isa: Isa,
        batch: usize,
        steps: usize,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        self.run_with_states(isa, batch, steps, x, y, States::default(), scratch)
    }

    /// Like [`SimpleRnn::run`], with a mask, a given initial state, and handing out the last one.
    pub fn run_with_states(
        &self,
        isa: Isa,
        batch: usize,
        steps: usize,
        x: &[f32],
        y: &mut [f32],
        states: States<'_>,
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let Self { units, direction, return_sequences: sequences, .. } = *self;
        let k = self.kernel.rows();
        require(self.kernel.groups() == 1 && self.kernel.cols() == units, "kernel", "be [in, units]")?;
        let recurrent = [self.recurrent.groups(), self.recurrent.rows(), self.recurrent.cols()];
        require(recurrent == [1, units, units], "recurrent", "be [units, units]")?;
        check_len("x", len(&[batch, steps, k])?, x.len())?;
        let States { mask, zero_masked, .. } = states;
        let sequence = Sequence { batch, steps, units, direction, sequences, mask, zero_masked };
        let state = sequence.check(y, &states)?;
        check_bias(self.bias, units)?;
        let inputs = len(&[batch, steps, units])?;
        let scratch = scratch.write(add(inputs, state)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, h) = scratch.split_at_mut(inputs);
        begin([&mut *h], states.initial);
        sequence.first(h, y);
        let input = Gemm::of(&self.kernel, 0).bias(self.bias);
        input.run(isa, batch * steps, RowMajor { data: x, stride: k }, z);
        let recurrent = Gemm::of(&self.recurrent, 0).accumulate(true).ldc(steps * units);
        for step in 0..steps {
            let at = sequence.at(step);
            recur(isa, step, batch, RowMajor { data: h, stride: units }, recurrent, &mut z[at * units..]);
            for sample in 0..batch {
                if sequence.takes(sample, at) {
                    let h = &mut h[sample * units..][..units];
                    self.activation.run(isa, &z[(sample * steps + at) * units..][..units], h)?;
                }
            }
            sequence.emit(step, h, y);
        }
        finish([h], states.last)
    }
}
