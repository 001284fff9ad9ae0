//! What recurrent layers have in common: the order of the steps, masks, states.

use crate::error::{Result, require};
use crate::gemm::Run;
use crate::gemm::operand::{Plain, Weights};
use crate::simd::Isa;
use crate::tensor::{View, ViewMut};

mod dynamic;
mod gru;
mod lstm;
mod simple_rnn;

pub use dynamic::{DynamicCell, DynamicRecurrence, DynamicWeights};
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

/// What a recurrent layer may be given besides its input. It has `N` states: h and, of an LSTM, c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct States<'a, const N: usize> {
    /// `[batch, steps]`; steps where it is false are passed over, and the result of the step before stands in their
    /// place, zeros in front of the first.
    pub mask: Option<View<'a, bool, 2>>,
    /// Zeros stand in the place of steps passed over.
    pub zero_masked: bool,
    /// What the layer starts with, each `[batch, units]`; zeros without.
    pub initial: [Option<View<'a, f32, 2>>; N],
}

/// Neither a mask nor states.
impl<const N: usize> Default for States<'_, N> {
    fn default() -> Self {
        Self { mask: None, zero_masked: false, initial: [None; N] }
    }
}

/// A run: its sizes, and what it is given.
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

/// Where the results of a run go: the states h after the steps, and all states after the last step.
pub(crate) struct Results<'a, const N: usize> {
    pub y: &'a mut [f32],
    pub last: [Option<&'a mut [f32]>; N],
}

impl<'a, const N: usize> Sequence<'a, N> {
    /// That of a layer with so many inputs and units; an error unless x and the states fit.
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

    /// Where the states h after the steps go; an error unless they fit.
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

    /// Where a state after the last step goes, if it is asked for; an error unless it fits.
    pub fn last<'y>(&self, last: &'y mut Option<ViewMut<'_, f32, 2>>) -> Result<Option<&'y mut [f32]>> {
        place(last, [self.batch, self.units], "last state")
    }

    /// The numbers of a state.
    pub const fn state(&self) -> usize {
        self.batch * self.units
    }

    /// Where the input of the step'th step stands.
    pub const fn at(&self, step: usize) -> usize {
        if matches!(self.direction, Direction::Forward) { step } else { self.steps - 1 - step }
    }

    /// Whether the sample takes part in the step whose input stands at `at`.
    pub fn takes(&self, sample: usize, at: usize) -> bool {
        self.mask.is_none_or(|mask| mask[sample * self.steps + at])
    }

    /// Fills the states with what they start with, and y with what it is without any step: h or, under a mask, zeros.
    pub fn begin(&self, states: [&mut [f32]; N], y: &mut [f32]) {
        for (i, (to, from)) in states.into_iter().zip(self.initial).enumerate() {
            match from {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0.0),
            }
            if i > 0 || self.return_sequences {
                continue;
            }
            match self.mask {
                None => y.copy_from_slice(to),
                Some(_) => y.fill(0.0),
            }
        }
    }

    /// Writes what comes of the step'th step: the new states `h`, or for samples that pass it over, what was there.
    pub fn emit(&self, step: usize, h: &[f32], y: &mut [f32]) {
        let (units, at) = (self.units, self.at(step));
        let place = if self.direction == Direction::GoBackwards { step } else { at };
        for (sample, h) in h.chunks_exact(units).enumerate() {
            let takes = self.takes(sample, at);
            if !self.return_sequences {
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
pub(crate) fn recur(isa: Isa, step: usize, rows: usize, x: Plain<'_>, weights: Weights<'_>, y: &mut [f32]) {
    Run { rows, x, weights: Weights { backwards: step % 2 == 1, ..weights }, y }.here(isa);
}

/// Where a result goes, if it is asked for; an error unless it has these dims.
pub(crate) fn place<'y, const R: usize>(
    result: &'y mut Option<ViewMut<'_, f32, R>>,
    dims: [usize; R],
    what: &'static str,
) -> Result<Option<&'y mut [f32]>> {
    let Some(result) = result else { return Ok(None) };
    require(result.dims() == dims, what, "have the dims of the result")?;
    Ok(Some(result.as_mut_slice()?))
}

/// A result, which is empty if it was not asked for.
pub(crate) fn result<const R: usize>(written: Option<ViewMut<'_, f32, R>>) -> View<'_, f32, R> {
    written.map_or(View::empty(), ViewMut::into_view)
}

/// Hands out the states that are asked for.
pub(crate) fn finish<const N: usize>(states: [&[f32]; N], last: [Option<&mut [f32]>; N]) {
    for (to, from) in last.into_iter().zip(states) {
        if let Some(to) = to {
            to.copy_from_slice(from);
        }
    }
}
