//! Recurrent layers whose weights are tensors like any other, with all that ONNX' LSTM, GRU and RNN can be asked for.

use crate::error::{Result, check_len, require};
use crate::nn::Activation;
use crate::simd::Isa;
use crate::tensor::{Buffer, len};

/// What happens in one step; x·W + h·R are the sums that its gates begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenCell {
    /// h ← f(x·W + h·R)
    Rnn,
    /// h ← (1 − z)·g(…) + z·h; gates in the order z, r, h.
    Gru {
        /// Whether r is multiplied with what h·R has become; else with h.
        reset_after: bool,
    },
    /// c ← f·c + i·g(…), h ← o·h(c); gates in the order i, o, f, c.
    Lstm {
        /// Whether f is 1 − i.
        coupled: bool,
    },
}

/// A recurrent layer over `[steps, batch, in]`, in one direction or in two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GivenRecurrence<'a> {
    /// What happens in one step.
    pub cell: GivenCell,
    /// Steps, batch, the size of an input, and that of a state.
    pub dims: [usize; 4],
    /// For each direction, whether it goes from the last step to the first.
    pub reverse: &'a [bool],
    /// For each direction, the activations f, g and h.
    pub activations: &'a [[Activation; 3]],
    /// How far from 0 the arguments of f and g may lie.
    pub clip: f32,
}

/// The weights and states of all directions; gates stand one behind another.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenWeights<'a> {
    /// `[directions, gates · units, in]`
    pub kernel: &'a [f32],
    /// `[directions, gates · units, units]`
    pub recurrent: &'a [f32],
    /// `[directions, 2 · gates · units]`: that of the inputs in front of that of the states; zeros without.
    pub bias: Option<&'a [f32]>,
    /// How many steps each sample has; what comes of the others is 0. All of them without.
    pub lengths: Option<&'a [i32]>,
    /// h and c to start with, each `[directions, batch, units]`; zeros without.
    pub initial: [Option<&'a [f32]>; 2],
    /// What gates i, o and f see of the cell, `[directions, 3 · units]`; nothing without.
    pub peepholes: Option<&'a [f32]>,
}

impl GivenCell {
    const fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru { .. } => 3,
            Self::Lstm { .. } => 4,
        }
    }
}

impl GivenRecurrence<'_> {
    /// Writes the states after every step, `[steps, directions, batch, units]`, and the last h and c,
    /// `[directions, batch, units]`, as far as they are asked for.
    pub fn run(
        &self,
        isa: Isa,
        x: &[f32],
        weights: GivenWeights<'_>,
        mut sequence: Option<&mut [f32]>,
        mut last: [Option<&mut [f32]>; 2],
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let [steps, batch, size, units] = self.dims;
        let (directions, gates) = (self.reverse.len(), len(&[self.cell.gates(), units])?);
        let state = len(&[directions, batch, units])?;
        check_len("x", len(&[steps, batch, size])?, x.len())?;
        check_len("activations", directions, self.activations.len())?;
        check_len("kernel", len(&[directions, gates, size])?, weights.kernel.len())?;
        check_len("recurrent", len(&[directions, gates, units])?, weights.recurrent.len())?;
        let optional = |what, expected, given: Option<&[f32]>| {
            check_len(what, expected, given.map_or(expected, <[f32]>::len))
        };
        optional("bias", len(&[directions, 2, gates])?, weights.bias)?;
        optional("peepholes", len(&[directions, 3, units])?, weights.peepholes)?;
        for initial in weights.initial {
            optional("initial state", state, initial)?;
        }
        optional("y", len(&[steps, state])?, sequence.as_deref())?;
        for last in &last {
            optional("last state", state, last.as_deref())?;
        }
        check_len("lengths", batch, weights.lengths.map_or(batch, <[i32]>::len))?;
        let lengths = weights.lengths.unwrap_or(&[]);
        require(lengths.iter().all(|&n| n >= 0 && n as usize <= steps), "lengths", "count steps there are")?;
        let asked = sequence.as_ref().is_some_and(|y| !y.is_empty()) || last.iter().any(Option::is_some);
        if state == 0 || !asked {
            return Ok(());
        }
        let scratch = scratch.write(crate::tensor::add(len(&[2, gates])?, len(&[3, units])?)?)?;
        if let Some(sequence) = &mut sequence {
            sequence.fill(0.0);
        }
        let (h, rest) = scratch.split_at_mut(units);
        let (c, work) = rest.split_at_mut(units);
        for place in 0..directions * batch {
            let (direction, sample) = (place / batch, place % batch);
            let own = Own {
                kernel: part(weights.kernel, direction, gates * size),
                recurrent: part(weights.recurrent, direction, gates * units),
                bias: weights.bias.map(|bias| part(bias, direction, 2 * gates)),
                peepholes: weights.peepholes.map(|peepholes| part(peepholes, direction, 3 * units)),
            };
            for (state, initial) in [&mut *h, &mut *c].into_iter().zip(weights.initial) {
                match initial {
                    Some(initial) => state.copy_from_slice(part(initial, place, units)),
                    None => state.fill(0.0),
                }
            }
            let count = lengths.get(sample).map_or(steps, |&count| count as usize);
            for step in 0..count {
                let at = if self.reverse[direction] { count - 1 - step } else { step };
                self.step(isa, direction, &own, part(x, at * batch + sample, size), h, c, work)?;
                if let Some(sequence) = &mut sequence {
                    sequence[((at * directions + direction) * batch + sample) * units..][..units]
                        .copy_from_slice(h);
                }
            }
            for (last, state) in last.iter_mut().zip([&*h, &*c]) {
                if let Some(last) = last {
                    last[place * units..][..units].copy_from_slice(state);
                }
            }
        }
        Ok(())
    }

    /// The states of one sample after one more step.
    fn step(
        &self,
        isa: Isa,
        direction: usize,
        own: &Own<'_>,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        work: &mut [f32],
    ) -> Result<()> {
        let (units, gates) = (h.len(), self.cell.gates() * h.len());
        let [f, g, of_cell] = self.activations[direction];
        // Sums over the inputs, over the states, and room for one state more.
        let (z, rest) = work.split_at_mut(gates);
        let (r, spare) = rest.split_at_mut(gates);
        own.sums(x, h, z, r);
        let act = |activation: Activation, values: &mut [f32]| {
            for value in &mut *values {
                // Not `clamp`, which panics where the bound is NaN.
                *value = if *value > self.clip {
                    self.clip
                } else if *value < -self.clip {
                    -self.clip
                } else {
                    *value
                };
            }
            activation.run_in_place(isa, values)
        };
        match self.cell {
            GivenCell::Rnn => {
                add(z, r);
                act(f, z)?;
                h.copy_from_slice(z);
            }
            GivenCell::Gru { reset_after } => {
                let (first, own_z) = z.split_at_mut(2 * units);
                add(first, &r[..2 * units]);
                act(f, first)?;
                let (update, reset) = first.split_at(units);
                if reset_after {
                    for ((z, r), reset) in own_z.iter_mut().zip(&r[2 * units..]).zip(reset) {
                        *z += reset * r;
                    }
                } else {
                    for ((spare, h), reset) in spare.iter_mut().zip(&*h).zip(reset) {
                        *spare = reset * h;
                    }
                    let bias = own.bias.map(|bias| &bias[gates + 2 * units..]);
                    products(&own.recurrent[2 * units * units..], spare, bias, &mut r[2 * units..]);
                    add(own_z, &r[2 * units..]);
                }
                act(g, own_z)?;
                for ((h, z), update) in h.iter_mut().zip(&*own_z).zip(update) {
                    *h = (1.0 - update) * z + update * *h;
                }
            }
            GivenCell::Lstm { coupled } => {
                add(z, r);
                let (input, rest) = z.split_at_mut(units);
                let (output, rest) = rest.split_at_mut(units);
                let (forget, cell) = rest.split_at_mut(units);
                own.peep(0, c, input);
                own.peep(2, c, forget);
                act(f, input)?;
                act(g, cell)?;
                if coupled {
                    for (forget, input) in forget.iter_mut().zip(&*input) {
                        *forget = 1.0 - input;
                    }
                } else {
                    act(f, forget)?;
                }
                for (((c, forget), input), cell) in c.iter_mut().zip(&*forget).zip(&*input).zip(&*cell) {
                    *c = forget * *c + input * cell;
                }
                own.peep(1, c, output);
                act(f, output)?;
                of_cell.run(isa, c, h)?;
                for (h, output) in h.iter_mut().zip(&*output) {
                    *h *= output;
                }
            }
        }
        Ok(())
    }
}

/// The weights of one direction.
struct Own<'a> {
    kernel: &'a [f32],
    recurrent: &'a [f32],
    bias: Option<&'a [f32]>,
    peepholes: Option<&'a [f32]>,
}

impl Own<'_> {
    /// z = x·W and r = h·R, with their biases.
    fn sums(&self, x: &[f32], h: &[f32], z: &mut [f32], r: &mut [f32]) {
        let gates = z.len();
        products(self.kernel, x, self.bias.map(|bias| &bias[..gates]), z);
        products(self.recurrent, h, self.bias.map(|bias| &bias[gates..]), r);
    }

    /// Adds what the gate, the `which`'th of the peepholes, sees of the cell.
    fn peep(&self, which: usize, cell: &[f32], gate: &mut [f32]) {
        if let Some(peepholes) = self.peepholes {
            for ((gate, cell), weight) in gate.iter_mut().zip(cell).zip(part(peepholes, which, cell.len())) {
                *gate += weight * cell;
            }
        }
    }
}

/// The `at`'th part of so many elements.
fn part(x: &[f32], at: usize, each: usize) -> &[f32] {
    &x[at * each..][..each]
}

/// `out[i] = bias[i] + Σ rows[i, j] · x[j]`
fn products(rows: &[f32], x: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate() {
        let start = bias.map_or(0.0, |bias| bias[i]);
        *out = part(rows, i, x.len()).iter().zip(x).fold(start, |sum, (weight, x)| sum + weight * x);
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
