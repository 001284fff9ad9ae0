//! Plain recurrent layers.

use crate::error::{Result, check_len, require};
use crate::gemm::operand::{Plain, Start, Weights};
use crate::gemm::{Matrix, Run, start};
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, States, Walk, begin, finish, recur};
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
        let walk = Walk { batch, steps, units, direction, sequences, mask, zero_masked };
        let state = walk.check(y, &states)?;
        let start = start(self.bias, units)?;
        let inputs = len(&[batch, steps, units])?;
        let scratch = scratch.write(add(inputs, state)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, h) = scratch.split_at_mut(inputs);
        begin([&mut *h], states.initial);
        walk.first(h, y);
        let weights = Weights::plain(&self.kernel, start);
        Run { rows: batch * steps, x: Plain { x, stride: k }, weights, y: z }.here(isa);
        for step in 0..steps {
            let at = walk.at(step);
            let weights = Weights { stride: steps * units, ..Weights::plain(&self.recurrent, Start::Output) };
            recur(isa, step, batch, Plain { x: h, stride: units }, weights, &mut z[at * units..]);
            for sample in 0..batch {
                if walk.takes(sample, at) {
                    let h = &mut h[sample * units..][..units];
                    self.activation.run(isa, &z[(sample * steps + at) * units..][..units], h)?;
                }
            }
            walk.emit(step, h, y);
        }
        finish([h], states.last)
    }
}
