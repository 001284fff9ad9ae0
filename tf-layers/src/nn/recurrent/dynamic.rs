//! Recurrent layers whose weights are tensors like any other, with all that ONNX' LSTM, GRU and RNN can be asked for.

use crate::Context;
use crate::error::{Result, require};
use crate::nn::Activation;
use crate::nn::recurrent::{place, result};
use crate::simd::Isa;
use crate::tensor::{Buffer, View, ViewMut, add, len};

/// What happens in one step; x·W + h·R are the sums that its gates begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicCell {
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

/// A recurrent layer over `[steps, batch, in]`, in `D` directions.
///
/// ```
/// use tf_layers::nn::{Activation, DynamicCell, DynamicRecurrence, DynamicWeights};
/// use tf_layers::tensor::{Buffer, View, ViewMut};
/// use tf_layers::{Context, Isa};
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // h ← x + h/2
/// let layer = DynamicRecurrence {
///     cell: DynamicCell::Rnn,
///     reverse: [false],
///     activations: [[Activation::Linear; 3]],
///     clip: f32::INFINITY,
/// };
/// let weights = DynamicWeights {
///     kernel: View::new(&[1.0], [1, 1, 1])?,
///     recurrent: View::new(&[0.5], [1, 1, 1])?,
///     bias: None,
///     lengths: None,
///     initial: [None, None],
///     peepholes: None,
/// };
/// let x = View::new(&[1.0, 1.0, 1.0], [3, 1, 1])?;
/// let mut y = [0.0; 3];
/// let y = ViewMut::new(&mut y, [3, 1, 1, 1])?;
/// let (y, ..) = layer.run(cx, x, weights, Some(y), None, None)?;
/// assert_eq!(y.as_slice()?, [1.0, 1.5, 1.75]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicRecurrence<const D: usize> {
    /// What happens in one step.
    pub cell: DynamicCell,
    /// For each direction, whether it goes from the last step to the first.
    pub reverse: [bool; D],
    /// For each direction, the activations f, g and h.
    pub activations: [[Activation; 3]; D],
    /// How far from 0 the arguments of f and g may lie.
    pub clip: f32,
}

/// The weights and states of all directions; gates stand one behind another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicWeights<'a> {
    /// `[directions, gates · units, in]`
    pub kernel: View<'a, f32, 3>,
    /// `[directions, gates · units, units]`
    pub recurrent: View<'a, f32, 3>,
    /// `[directions, 2 · gates · units]`: that of the inputs in front of that of the states; zeros without.
    pub bias: Option<View<'a, f32, 2>>,
    /// `[batch]`: how many steps each sample has; what comes of the others is 0. All of them without.
    pub lengths: Option<View<'a, i32, 1>>,
    /// h and c to start with, each `[directions, batch, units]`; zeros without.
    pub initial: [Option<View<'a, f32, 3>>; 2],
    /// `[directions, 3 · units]`: what gates i, o and f see of the cell; nothing without.
    pub peepholes: Option<View<'a, f32, 2>>,
}

impl DynamicCell {
    const fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru { .. } => 3,
            Self::Lstm { .. } => 4,
        }
    }
}

impl<const D: usize> DynamicRecurrence<D> {
    /// From x `[steps, batch, in]` to the states h after every step, `[steps, directions, batch, units]`, and to the last
    /// h and c, each `[directions, batch, units]`; those that are not asked for are empty.
    pub fn run<'y, 'h, 'c>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        weights: DynamicWeights<'_>,
        mut sequence: Option<ViewMut<'y, f32, 4>>,
        mut h: Option<ViewMut<'h, f32, 3>>,
        mut c: Option<ViewMut<'c, f32, 3>>,
    ) -> Result<(View<'y, f32, 4>, View<'h, f32, 3>, View<'c, f32, 3>)> {
        let Self { cell, ref reverse, ref activations, clip } = *self;
        let layer = Layer { cell, reverse, activations, clip };
        let dims = layer.dims(&x, &weights)?;
        let [steps, batch, _, units] = dims;
        let [of_h, of_c] = weights.initial;
        let [bias, peepholes] = [weights.bias, weights.peepholes];
        let given = Given {
            x: x.as_slice()?,
            kernel: weights.kernel.as_slice()?,
            recurrent: weights.recurrent.as_slice()?,
            bias: bias.map(|bias| bias.as_slice()).transpose()?,
            lengths: weights.lengths.map(|lengths| lengths.as_slice()).transpose()?,
            initial: [of_h.map(|h| h.as_slice()).transpose()?, of_c.map(|c| c.as_slice()).transpose()?],
            peepholes: peepholes.map(|peepholes| peepholes.as_slice()).transpose()?,
        };
        let places = Places {
            sequence: place(&mut sequence, [steps, D, batch, units], "y")?,
            last: [
                place(&mut h, [D, batch, units], "last state")?,
                place(&mut c, [D, batch, units], "last state")?,
            ],
        };
        layer.compute(cx.isa, dims, &given, places, cx.scratch)?;
        Ok((result(sequence), result(h), result(c)))
    }
}

/// A [`DynamicRecurrence`] in however many directions.
struct Layer<'a> {
    cell: DynamicCell,
    reverse: &'a [bool],
    activations: &'a [[Activation; 3]],
    clip: f32,
}

impl Layer<'_> {
    /// Steps, batch, the size of an input, and that of a state; an error unless all inputs have dims that fit them.
    fn dims(&self, x: &View<'_, f32, 3>, weights: &DynamicWeights<'_>) -> Result<[usize; 4]> {
        let ([steps, batch, size], [_, _, units]) = (x.dims(), weights.recurrent.dims());
        let (directions, gates) = (self.reverse.len(), len(&[self.cell.gates(), units])?);
        let kernel = weights.kernel.dims() == [directions, gates, size];
        require(kernel, "kernel", "be [directions, gates · units, in]")?;
        let recurrent = weights.recurrent.dims() == [directions, gates, units];
        require(recurrent, "recurrent", "be [directions, gates · units, units]")?;
        let [biases, peepholes] = [len(&[2, gates])?, len(&[3, units])?];
        let bias = weights.bias.is_none_or(|bias| bias.dims() == [directions, biases]);
        require(bias, "bias", "be [directions, 2 · gates · units]")?;
        let peepholes = weights.peepholes.is_none_or(|given| given.dims() == [directions, peepholes]);
        require(peepholes, "peepholes", "be [directions, 3 · units]")?;
        for initial in weights.initial {
            let fits = initial.is_none_or(|initial| initial.dims() == [directions, batch, units]);
            require(fits, "initial state", "be [directions, batch, units]")?;
        }
        require(weights.lengths.is_none_or(|lengths| lengths.dims() == [batch]), "lengths", "be [batch]")?;
        Ok([steps, batch, size, units])
    }

    /// The same for slices that fit.
    fn compute(
        &self,
        isa: Isa,
        [steps, batch, size, units]: [usize; 4],
        given: &Given<'_>,
        Places { mut sequence, mut last }: Places<'_>,
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let (directions, gates) = (self.reverse.len(), len(&[self.cell.gates(), units])?);
        let lengths = given.lengths.unwrap_or(&[]);
        require(lengths.iter().all(|&n| n >= 0 && n as usize <= steps), "lengths", "count steps there are")?;
        let state = len(&[directions, batch, units])?;
        let asked = sequence.as_ref().is_some_and(|y| !y.is_empty()) || last.iter().any(Option::is_some);
        if state == 0 || !asked {
            return Ok(());
        }
        let scratch = scratch.write(add(len(&[2, gates])?, len(&[3, units])?)?)?;
        if let Some(sequence) = &mut sequence {
            sequence.fill(0.0);
        }
        let (h, rest) = scratch.split_at_mut(units);
        let (c, work) = rest.split_at_mut(units);
        for place in 0..directions * batch {
            let (direction, sample) = (place / batch, place % batch);
            let own = Own {
                kernel: part(given.kernel, direction, gates * size),
                recurrent: part(given.recurrent, direction, gates * units),
                bias: given.bias.map(|bias| part(bias, direction, 2 * gates)),
                peepholes: given.peepholes.map(|peepholes| part(peepholes, direction, 3 * units)),
            };
            for (state, initial) in [&mut *h, &mut *c].into_iter().zip(given.initial) {
                match initial {
                    Some(initial) => state.copy_from_slice(part(initial, place, units)),
                    None => state.fill(0.0),
                }
            }
            let count = lengths.get(sample).map_or(steps, |&count| count as usize);
            for step in 0..count {
                let at = if self.reverse[direction] { count - 1 - step } else { step };
                self.step(isa, direction, &own, part(given.x, at * batch + sample, size), h, c, work);
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
    ) {
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
            activation.map_in_place(isa, values);
        };
        match self.cell {
            DynamicCell::Rnn => {
                add_to(z, r);
                act(f, z);
                h.copy_from_slice(z);
            }
            DynamicCell::Gru { reset_after } => {
                let (first, own_z) = z.split_at_mut(2 * units);
                add_to(first, &r[..2 * units]);
                act(f, first);
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
                    add_to(own_z, &r[2 * units..]);
                }
                act(g, own_z);
                for ((h, z), update) in h.iter_mut().zip(&*own_z).zip(update) {
                    *h = (1.0 - update) * z + update * *h;
                }
            }
            DynamicCell::Lstm { coupled } => {
                add_to(z, r);
                let (input, rest) = z.split_at_mut(units);
                let (output, rest) = rest.split_at_mut(units);
                let (forget, cell) = rest.split_at_mut(units);
                own.peep(0, c, input);
                own.peep(2, c, forget);
                act(f, input);
                act(g, cell);
                if coupled {
                    for (forget, input) in forget.iter_mut().zip(&*input) {
                        *forget = 1.0 - input;
                    }
                } else {
                    act(f, forget);
                }
                for (((c, forget), input), cell) in c.iter_mut().zip(&*forget).zip(&*input).zip(&*cell) {
                    *c = forget * *c + input * cell;
                }
                own.peep(1, c, output);
                act(f, output);
                of_cell.map(isa, c, h);
                for (h, output) in h.iter_mut().zip(&*output) {
                    *h *= output;
                }
            }
        }
    }
}

/// What a run is given, as slices.
struct Given<'a> {
    x: &'a [f32],
    kernel: &'a [f32],
    recurrent: &'a [f32],
    bias: Option<&'a [f32]>,
    lengths: Option<&'a [i32]>,
    initial: [Option<&'a [f32]>; 2],
    peepholes: Option<&'a [f32]>,
}

/// Where the results of a run go.
struct Places<'a> {
    sequence: Option<&'a mut [f32]>,
    last: [Option<&'a mut [f32]>; 2],
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

fn add_to(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
