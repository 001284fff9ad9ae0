//! Recurrent layers, and what they share: the order of the steps, masks and states.

use crate::Context;
use crate::checked::{copy, part_mut};
use crate::error::{Result, require};
use crate::gemm::{Gemm, Linear, Matrix, RowMajor};
use crate::nn::requested;
use crate::simd::{F32, Isa};
use crate::tensor::{View, ViewMut};

mod dynamic;
mod dynamic_quantized_lstm;
mod gru;
mod lstm;
mod simple_rnn;

pub use dynamic::{DynamicCell, DynamicRecurrence, DynamicWeights};
pub use dynamic_quantized_lstm::DynamicQuantizedLstm;
pub use gru::Gru;
pub use lstm::Lstm;
pub use simple_rnn::SimpleRnn;

/// The order in which a recurrent layer processes the steps of a sequence and writes the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    Forward,
    /// From the last step to the first. The state after a step has the index of its input.
    Reverse,
    /// From the last step to the first. The states are in the order of processing.
    GoBackwards,
}

/// The mask and the initial states of a recurrent layer with `N` states: h and, for an LSTM, c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct States<'a, const N: usize> {
    /// `[batch, steps]`. Steps that are false are skipped; they repeat the result of the step before, or zeros if there
    /// is none.
    pub mask: Option<View<'a, bool, 2>>,
    /// Whether the results of skipped steps are zeros.
    pub zero_masked: bool,
    /// The initial states, each `[batch, units]`. Zeros by default.
    pub initial: [Option<View<'a, f32, 2>>; N],
}

/// No mask and no initial states.
impl<const N: usize> Default for States<'_, N> {
    fn default() -> Self {
        Self { mask: None, zero_masked: false, initial: [None; N] }
    }
}

/// The checked arguments of a recurrent layer.
#[derive(Clone, Copy)]
pub(crate) struct Sequence<'a, const N: usize> {
    pub x: &'a [f32],
    pub batch: usize,
    pub steps: usize,
    pub units: usize,
    pub direction: Direction,
    pub return_sequences: bool,
    pub mask: Option<&'a [bool]>,
    pub zero_masked: bool,
    pub initial: [Option<&'a [f32]>; N],
}

/// The outputs of a recurrent layer: y, which holds the states h, and the states after the last step that are
/// requested.
pub(crate) struct Results<'a, const N: usize> {
    pub y: &'a mut [f32],
    pub last: [Option<&'a mut [f32]>; N],
}

impl<'a, const N: usize> Sequence<'a, N> {
    /// Checks the arguments of a layer with `inputs` inputs and `units` units.
    pub fn new(
        x: View<'a, f32, 3>,
        states: &States<'a, N>,
        [inputs, units]: [usize; 2],
        direction: Direction,
        return_sequences: bool,
    ) -> Result<Self> {
        let [batch, steps, given] = x.dims();
        require(given == inputs, "x", "have as many columns as the kernel has rows")?;
        let mask = states.mask.map(|mask| -> Result<_> {
            require(mask.dims() == [batch, steps], "mask", "be [batch, steps]")?;
            mask.as_slice()
        });
        let mut initial = [None; N];
        for (to, from) in initial.iter_mut().zip(states.initial) {
            if let Some(from) = from {
                require(from.dims() == [batch, units], "initial state", "be [batch, units]")?;
                *to = Some(from.as_slice()?);
            }
        }
        let (x, mask, zero_masked) = (x.as_slice()?, mask.transpose()?, states.zero_masked);
        Ok(Self { x, batch, steps, units, direction, return_sequences, mask, zero_masked, initial })
    }

    /// Checks y and borrows its elements.
    pub fn y<'y, const R: usize>(&self, y: &'y mut ViewMut<'_, f32, R>) -> Result<&'y mut [f32]> {
        let Self { batch, steps, units, return_sequences, .. } = *self;
        let fits = match y.dims()[..] {
            [n, t, width] => [n, t, width] == [batch, if return_sequences { steps } else { 1 }, units],
            [n, width] => !return_sequences && [n, width] == [batch, units],
            _ => false,
        };
        let must =
            "be [batch, steps, units] with return_sequences, otherwise [batch, units] or [batch, 1, units]";
        require(fits, "y", must)?;
        y.as_mut_slice()
    }

    /// Checks the output of a state after the last step, if it is requested, and borrows its elements.
    pub fn last<'y>(&self, last: &'y mut Option<ViewMut<'_, f32, 2>>) -> Result<Option<&'y mut [f32]>> {
        requested(last.as_mut(), [self.batch, self.units], "last state", "be [batch, units]")
    }

    /// The number of elements of a state.
    pub const fn state(&self) -> usize {
        self.batch * self.units
    }

    /// The index of the input of step `step`.
    pub const fn at(&self, step: usize) -> usize {
        if matches!(self.direction, Direction::Forward) { step } else { self.steps - 1 - step }
    }

    /// Whether the mask keeps the input at index `at` of a sample.
    pub fn takes(&self, sample: usize, at: usize) -> bool {
        self.mask.is_none_or(|mask| mask.get(sample * self.steps + at) == Some(&true))
    }

    /// Computes the sums `[batch, steps, columns]`: the inputs of all steps times `kernel`, plus `bias`.
    ///
    /// One large product is much faster than one per step.
    pub fn project(&self, isa: Isa, kernel: &Matrix<'_>, bias: Option<&[f32]>, sums: &mut [f32]) {
        let x = RowMajor { data: self.x, stride: kernel.rows() };
        Gemm::from_matrix(kernel, 0).bias(bias).run(isa, self.batch * self.steps, x, sums);
    }

    /// Processes all steps of a layer that adds the product of its state and `recurrent` to the sums of its inputs.
    ///
    /// `update` takes the index of a sample, its sums `[columns]`, and its state h `[units]`, which it replaces.
    #[inline(always)]
    pub fn run_steps(
        &self,
        isa: Isa,
        recurrent: &Matrix<'_>,
        sums: &mut [f32],
        h: &mut [f32],
        y: &mut [f32],
        mut update: impl FnMut(usize, &mut [f32], &mut [f32]),
    ) {
        let (units, columns) = (self.units, recurrent.cols());
        let gemm = Gemm::from_matrix(recurrent, 0).accumulate(true).ldc(self.steps * columns);
        for step in 0..self.steps {
            let at = self.at(step);
            let states = RowMajor { data: h, stride: units };
            recur(isa, step, self.batch, states, gemm, part_mut(sums, at * columns..));
            for sample in (0..self.batch).filter(|&sample| self.takes(sample, at)) {
                let sums = part_mut(part_mut(sums, (sample * self.steps + at) * columns..), ..columns);
                update(sample, sums, part_mut(part_mut(h, sample * units..), ..units));
            }
            self.emit(step, h, y);
        }
    }

    /// Initializes the states, and y for the case that no step is processed: h or, under a mask, zeros.
    pub fn begin(&self, states: [&mut [f32]; N], y: &mut [f32]) {
        for (i, (to, from)) in states.into_iter().zip(self.initial).enumerate() {
            match from {
                Some(from) => copy(to, from),
                None => to.fill(0.0),
            }
            if i > 0 || self.return_sequences {
                continue;
            }
            match self.mask {
                None => copy(y, to),
                Some(_) => y.fill(0.0),
            }
        }
    }

    /// Writes the results of step `step`: the new states `h`, or for samples that skip it, the results before.
    pub fn emit(&self, step: usize, h: &[f32], y: &mut [f32]) {
        let (units, at) = (self.units, self.at(step));
        let index = if self.direction == Direction::GoBackwards { step } else { at };
        for (sample, h) in h.chunks_exact(units.max(1)).enumerate() {
            let takes = self.takes(sample, at);
            if !self.return_sequences {
                let y = part_mut(part_mut(y, sample * units..), ..units);
                if takes {
                    copy(y, h);
                } else if self.zero_masked {
                    y.fill(0.0);
                }
                continue;
            }
            let to = (sample * self.steps + index) * units;
            if takes {
                copy(part_mut(part_mut(y, to..), ..units), h);
            } else if step == 0 || self.zero_masked {
                part_mut(part_mut(y, to..), ..units).fill(0.0);
            } else {
                let before = if self.direction == Direction::Reverse { to + units } else { to - units };
                // Not `copy_within`, which can panic.
                for i in 0..units {
                    if let Some(&kept) = y.get(before + i)
                        && let Some(y) = y.get_mut(to + i)
                    {
                        *y = kept;
                    }
                }
            }
        }
    }
}

/// Multiplies the states with the recurrent kernel, in step `step`.
///
/// Every other step reads the kernel from its end, because the step before has left the end in the nearest cache.
fn recur<'a>(
    isa: Isa,
    step: usize,
    batch: usize,
    h: RowMajor<'a, f32>,
    gemm: Gemm<'a, F32, Linear<'a>>,
    y: &mut [f32],
) {
    gemm.reverse(step % 2 == 1).run(isa, batch, h, y);
}

/// Implements `run` and `run_with_states` of a layer with `$n` states, by its method `compute`. Each state has a lifetime,
/// that of its last value.
macro_rules! run_methods {
    ($layer:ident, $n:literal, $($state:ident: $lifetime:lifetime),+) => {
        impl $layer<'_> {
            /// Computes y from x `[batch, steps, in]`. y is `[batch, steps, units]` with `return_sequences`, otherwise
            /// `[batch, units]`.
            ///
            /// # Errors
            ///
            /// If the dims of x, y and the weights do not match, or there is not enough memory.
            pub fn run<'y, const R: usize>(
                &self,
                cx: &mut Context<'_>,
                x: View<'_, f32, 3>,
                y: ViewMut<'y, f32, R>,
            ) -> Result<View<'y, f32, R>> {
                $(let $state = None;)+
                Ok(self.run_with_states(cx, x, States::default(), y, $($state),+)?.0)
            }

            /// Like [`run`](Self::run), with a mask and initial states. Also returns the last states, which are empty if
            /// not requested.
            ///
            /// # Errors
            ///
            /// As [`run`](Self::run), or if the dims of the mask or of a state do not match.
            pub fn run_with_states<'y, $($lifetime,)+ const R: usize>(
                &self,
                cx: &mut Context<'_>,
                x: View<'_, f32, 3>,
                states: States<'_, $n>,
                mut y: ViewMut<'y, f32, R>,
                $(mut $state: Option<ViewMut<$lifetime, f32, 2>>,)+
            ) -> Result<(View<'y, f32, R>, $(View<$lifetime, f32, 2>),+)> {
                let Self { units, direction, return_sequences, .. } = *self;
                let shape = [self.kernel.rows(), units];
                let sequence = Sequence::new(x, &states, shape, direction, return_sequences)?;
                let results = Results { y: sequence.y(&mut y)?, last: [$(sequence.last(&mut $state)?),+] };
                self.compute(cx.isa, sequence, results, cx.scratch)?;
                Ok((y.into_view(), $(result($state)),+))
            }
        }
    };
}

run_methods!(SimpleRnn, 1, h: 'h);
run_methods!(Gru, 1, h: 'h);
run_methods!(Lstm, 2, h: 'h, c: 'c);
run_methods!(DynamicQuantizedLstm, 2, h: 'h, c: 'c);

/// The view of an output. Empty if it was not requested.
pub(crate) fn result<const R: usize>(written: Option<ViewMut<'_, f32, R>>) -> View<'_, f32, R> {
    written.map_or(View::empty(), ViewMut::into_view)
}

/// Copies the states that are requested.
pub(crate) fn finish<const N: usize>(states: [&[f32]; N], last: [Option<&mut [f32]>; N]) {
    for (to, from) in last.into_iter().zip(states) {
        if let Some(to) = to {
            copy(to, from);
        }
    }
}
