//! What recurrent layers have in common: the order of the steps, masks, states.

use crate::error::{Error, Result, check_len};
use crate::gemm::{Gemm, Linear, RowMajor};
use crate::simd::{F32, Isa};
use crate::tensor::len;

mod dynamic;
mod gru;
mod lstm;
mod simple_rnn;

pub use dynamic::{GivenCell, GivenRecurrence, GivenWeights};
pub use gru::Gru;
pub use lstm::Lstm;
pub use simple_rnn::SimpleRnn;

/// The order in which a recurrent layer takes the steps of a sequence, and in which it writes its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    Forward,
    /// From the last to the first; the state after a step stands where its input does.
    Reverse,
    /// From the last to the first; the states stand in the order in which they come.
    GoBackwards,
}

/// What a recurrent layer may be given besides its input, and what it may be asked for besides its result. The states
/// are h and, of an LSTM, c, each `[batch, units]`.
#[derive(Debug, Default)]
pub struct States<'a> {
    /// `[batch, steps]`; steps where it is false are passed over, and the result of the step before stands in their
    /// place, zeros in front of the first.
    pub mask: Option<&'a [bool]>,
    /// Zeros stand in the place of steps passed over.
    pub zero_masked: bool,
    /// What the layer starts with; zeros without.
    pub initial: [Option<&'a [f32]>; 2],
    /// Where the states after the last step go.
    pub last: [Option<&'a mut [f32]>; 2],
}

/// The shape of a run.
#[derive(Clone, Copy)]
pub(crate) struct Sequence<'a> {
    pub batch: usize,
    pub steps: usize,
    pub units: usize,
    pub direction: Direction,
    pub sequences: bool,
    pub mask: Option<&'a [bool]>,
    pub zero_masked: bool,
}

impl Sequence<'_> {
    /// The numbers of a state; an error unless y and the states fit.
    pub fn check(&self, y: &[f32], states: &States<'_>) -> Result<usize> {
        let state = len(&[self.batch, self.units])?;
        check_len("y", if self.sequences { len(&[state, self.steps])? } else { state }, y.len())?;
        for (initial, last) in states.initial.iter().zip(&states.last) {
            check_len("initial state", state, initial.map_or(state, <[f32]>::len))?;
            check_len("last state", state, last.as_ref().map_or(state, |last| last.len()))?;
        }
        let steps = len(&[self.batch, self.steps])?;
        check_len("mask", steps, self.mask.map_or(steps, <[bool]>::len))?;
        Ok(state)
    }

    /// Where the input of the step'th step stands.
    pub const fn at(&self, step: usize) -> usize {
        if matches!(self.direction, Direction::Forward) { step } else { self.steps - 1 - step }
    }

    /// Whether the sample takes part in the step whose input stands at `at`.
    pub fn takes(&self, sample: usize, at: usize) -> bool {
        self.mask.is_none_or(|mask| mask[sample * self.steps + at])
    }

    /// Where only the last result is wanted: what it is without any step, `h` or, under a mask, zeros.
    pub fn first(&self, h: &[f32], y: &mut [f32]) {
        match self.mask {
            _ if self.sequences => {}
            None => y.copy_from_slice(h),
            Some(_) => y.fill(0.0),
        }
    }

    /// Writes what comes of the step'th step: the new states `h`, or for samples that pass it over, what was there.
    pub fn emit(&self, step: usize, h: &[f32], y: &mut [f32]) {
        let (units, at) = (self.units, self.at(step));
        let place = if self.direction == Direction::GoBackwards { step } else { at };
        for (sample, h) in h.chunks_exact(units).enumerate() {
            let takes = self.takes(sample, at);
            if !self.sequences {
                let y = &mut y[sample * units..][..units];
                if takes {
                    y.copy_from_slice(h);
                } else if self.zero_masked {
                    y.fill(0.0);
                }
                continue;
            }
            let to = (sample * self.steps + place) * units;
            if takes {
                y[to..][..units].copy_from_slice(h);
            } else if step == 0 || self.zero_masked {
                y[to..][..units].fill(0.0);
            } else {
                let before = if self.direction == Direction::Reverse { to + units } else { to - units };
                y.copy_within(before..before + units, to);
            }
        }
    }
}

/// The product of the states with the recurrent kernel, in the step'th step.
///
/// Every other step goes through the kernel backwards, as its end is what the step before has left in the nearest cache.
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

/// Fills the states with what they start with.
pub(crate) fn begin<const N: usize>(states: [&mut [f32]; N], initial: [Option<&[f32]>; 2]) {
    for (to, from) in states.into_iter().zip(initial) {
        match from {
            Some(from) => to.copy_from_slice(from),
            None => to.fill(0.0),
        }
    }
}

/// Hands out the states that are asked for; an error if one is that the layer does not have.
pub(crate) fn finish<const N: usize>(states: [&[f32]; N], last: [Option<&mut [f32]>; 2]) -> Result<()> {
    for (i, to) in last.into_iter().enumerate() {
        if let Some(to) = to {
            let from =
                states.get(i).ok_or(Error::Dims { what: "last state", must: "be one the layer has" })?;
            to.copy_from_slice(from);
        }
    }
    Ok(())
}
