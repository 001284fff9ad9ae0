//! Recurrent layers with dynamic weights and all options of ONNX' LSTM, GRU and RNN.

use crate::Context;
use crate::error::{Result, require};
use crate::nn::recurrent::result;
use crate::nn::{Activation, requested};
use crate::simd::Isa;
use crate::tensor::{Buffer, View, ViewMut, add, len};

/// The cell of a recurrent layer. The arguments of its gates are the sums x·W + h·R.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicCell {
    /// h ← f(x·W + h·R)
    Rnn,
    /// h ← (1 − z)·g(…) + z·h; gates in the order z, r, h.
    Gru {
        /// Whether r is multiplied with h·R rather than with h.
        reset_after: bool,
    },
    /// c ← f·c + i·g(…), h ← o·h(c); gates in the order i, o, f, c.
    Lstm {
        /// Whether f = 1 − i.
        coupled: bool,
    },
}

/// A recurrent layer over `[steps, batch, in]`, in `D` directions.
///
/// ```
/// use tf_layers::nn::{DynamicCell, DynamicRecurrence, DynamicWeights};
/// use tf_layers::prelude::*;
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
    /// The cell.
    pub cell: DynamicCell,
    /// For each direction, whether it processes the steps from last to first.
    pub reverse: [bool; D],
    /// For each direction, the activations f, g and h.
    pub activations: [[Activation<'static>; 3]; D],
    /// The largest magnitude of the arguments of f and g.
    pub clip: f32,
}

/// The weights and initial states of all directions. The gates are concatenated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicWeights<'a> {
    /// `[directions, gates · units, in]`
    pub kernel: View<'a, f32, 3>,
    /// `[directions, gates · units, units]`
    pub recurrent: View<'a, f32, 3>,
    /// `[directions, 2 · gates · units]`: the biases of the inputs, then those of the states. Zeros by default.
    pub bias: Option<View<'a, f32, 2>>,
    /// `[batch]`: the number of steps of each sample. The results of further steps are 0. All steps by default.
    pub lengths: Option<View<'a, i32, 1>>,
    /// The initial h and c, each `[directions, batch, units]`. Zeros by default.
    pub initial: [Option<View<'a, f32, 3>>; 2],
    /// `[directions, 3 · units]`: the peephole weights of gates i, o and f. Zeros by default.
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
    /// Computes the states h after every step, `[steps, directions, batch, units]`, and the last h and c, each
    /// `[directions, batch, units]`, from x `[steps, batch, in]`. Outputs that are not requested are empty.
    ///
    /// # Errors
    ///
    /// If the dims of x, the weights and the outputs do not match, a length is out of range, or there is not enough memory.
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
        let inputs = Inputs {
            x: x.as_slice()?,
            kernel: weights.kernel.as_slice()?,
            recurrent: weights.recurrent.as_slice()?,
            bias: bias.map(|bias| bias.as_slice()).transpose()?,
            lengths: weights.lengths.map(|lengths| lengths.as_slice()).transpose()?,
            initial: [of_h.map(|h| h.as_slice()).transpose()?, of_c.map(|c| c.as_slice()).transpose()?],
            peepholes: peepholes.map(|peepholes| peepholes.as_slice()).transpose()?,
        };
        let outputs = Outputs {
            sequence: requested(
                sequence.as_mut(),
                [steps, D, batch, units],
                "y",
                "be [steps, directions, batch, units]",
            )?,
            last: [
                requested(h.as_mut(), [D, batch, units], "last state", "be [directions, batch, units]")?,
                requested(c.as_mut(), [D, batch, units], "last state", "be [directions, batch, units]")?,
            ],
        };
        layer.compute(cx.isa, dims, &inputs, outputs, cx.scratch)?;
        Ok((result(sequence), result(h), result(c)))
    }
}

/// A [`DynamicRecurrence`] without the number of directions in its type.
struct Layer<'a> {
    cell: DynamicCell,
    reverse: &'a [bool],
    activations: &'a [[Activation<'static>; 3]],
    clip: f32,
}

impl Layer<'_> {
    /// Checks the dims of all inputs. Returns the steps, the batch, and the sizes of an input and of a state.
    fn dims(&self, x: &View<'_, f32, 3>, weights: &DynamicWeights<'_>) -> Result<[usize; 4]> {
        let ([steps, batch, size], [_, _, units]) = (x.dims(), weights.recurrent.dims());
        let (directions, gates) = (self.reverse.len(), len(&[self.cell.gates(), units])?);
        for activation in self.activations.as_flattened() {
            activation.check_elementwise()?;
        }
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

    /// Computes the layer with checked arguments.
    fn compute(
        &self,
        isa: Isa,
        [steps, batch, size, units]: [usize; 4],
        inputs: &Inputs<'_>,
        Outputs { mut sequence, mut last }: Outputs<'_>,
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let (directions, gates) = (self.reverse.len(), len(&[self.cell.gates(), units])?);
        let lengths = inputs.lengths.unwrap_or(&[]);
        require(
            lengths.iter().all(|&n| n >= 0 && n as usize <= steps),
            "lengths",
            "be between 0 and the number of steps",
        )?;
        let state = len(&[directions, batch, units])?;
        let requested = sequence.as_ref().is_some_and(|y| !y.is_empty()) || last.iter().any(Option::is_some);
        if state == 0 || !requested {
            return Ok(());
        }
        let scratch = scratch.write(add(len(&[2, gates])?, len(&[3, units])?)?)?;
        if let Some(sequence) = &mut sequence {
            sequence.fill(0.0);
        }
        let (h, rest) = scratch.split_at_mut(units);
        let (c, work) = rest.split_at_mut(units);
        for row in 0..directions * batch {
            let (direction, sample) = (row / batch, row % batch);
            let weights = DirectionWeights {
                kernel: part(inputs.kernel, direction, gates * size),
                recurrent: part(inputs.recurrent, direction, gates * units),
                bias: inputs.bias.map(|bias| part(bias, direction, 2 * gates)),
                peepholes: inputs.peepholes.map(|peepholes| part(peepholes, direction, 3 * units)),
            };
            for (state, initial) in [&mut *h, &mut *c].into_iter().zip(inputs.initial) {
                match initial {
                    Some(initial) => state.copy_from_slice(part(initial, row, units)),
                    None => state.fill(0.0),
                }
            }
            let count = lengths.get(sample).map_or(steps, |&count| count as usize);
            for step in 0..count {
                let at = if self.reverse[direction] { count - 1 - step } else { step };
                self.step(isa, direction, &weights, part(inputs.x, at * batch + sample, size), h, c, work);
                if let Some(sequence) = &mut sequence {
                    sequence[((at * directions + direction) * batch + sample) * units..][..units]
                        .copy_from_slice(h);
                }
            }
            for (last, state) in last.iter_mut().zip([&*h, &*c]) {
                if let Some(last) = last {
                    last[row * units..][..units].copy_from_slice(state);
                }
            }
        }
        Ok(())
    }

    /// Processes a step of a sample: updates `h` and `c`.
    fn step(
        &self,
        isa: Isa,
        direction: usize,
        weights: &DirectionWeights<'_>,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        work: &mut [f32],
    ) {
        let (units, gates) = (h.len(), self.cell.gates() * h.len());
        let [f, g, of_cell] = self.activations[direction];
        // The input sums, the recurrent sums, and memory for a state.
        let (z, rest) = work.split_at_mut(gates);
        let (r, spare) = rest.split_at_mut(gates);
        weights.sums(x, h, z, r);
        let act = |activation: Activation, values: &mut [f32]| {
            for value in &mut *values {
                // Not `clamp`, which panics if a bound is NaN.
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
                let (first, candidate) = z.split_at_mut(2 * units);
                add_to(first, &r[..2 * units]);
                act(f, first);
                let (update, reset) = first.split_at(units);
                if reset_after {
                    for ((z, r), reset) in candidate.iter_mut().zip(&r[2 * units..]).zip(reset) {
                        *z += reset * r;
                    }
                } else {
                    for ((spare, h), reset) in spare.iter_mut().zip(&*h).zip(reset) {
                        *spare = reset * h;
                    }
                    let bias = weights.bias.map(|bias| &bias[gates + 2 * units..]);
                    products(&weights.recurrent[2 * units * units..], spare, bias, &mut r[2 * units..]);
                    add_to(candidate, &r[2 * units..]);
                }
                act(g, candidate);
                for ((h, z), update) in h.iter_mut().zip(&*candidate).zip(update) {
                    *h = (1.0 - update) * z + update * *h;
                }
            }
            DynamicCell::Lstm { coupled } => {
                add_to(z, r);
                let (input, rest) = z.split_at_mut(units);
                let (output, rest) = rest.split_at_mut(units);
                let (forget, cell) = rest.split_at_mut(units);
                weights.peep(0, c, input);
                weights.peep(2, c, forget);
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
                weights.peep(1, c, output);
                act(f, output);
                of_cell.map(isa, c, h);
                for (h, output) in h.iter_mut().zip(&*output) {
                    *h *= output;
                }
            }
        }
    }
}

/// The elements of all inputs.
struct Inputs<'a> {
    x: &'a [f32],
    kernel: &'a [f32],
    recurrent: &'a [f32],
    bias: Option<&'a [f32]>,
    lengths: Option<&'a [i32]>,
    initial: [Option<&'a [f32]>; 2],
    peepholes: Option<&'a [f32]>,
}

/// The elements of the outputs that are requested.
struct Outputs<'a> {
    sequence: Option<&'a mut [f32]>,
    last: [Option<&'a mut [f32]>; 2],
}

/// The weights of a direction.
struct DirectionWeights<'a> {
    kernel: &'a [f32],
    recurrent: &'a [f32],
    bias: Option<&'a [f32]>,
    peepholes: Option<&'a [f32]>,
}

impl DirectionWeights<'_> {
    /// z = x·W and r = h·R, with their biases.
    fn sums(&self, x: &[f32], h: &[f32], z: &mut [f32], r: &mut [f32]) {
        let gates = z.len();
        products(self.kernel, x, self.bias.map(|bias| &bias[..gates]), z);
        products(self.recurrent, h, self.bias.map(|bias| &bias[gates..]), r);
    }

    /// Adds peephole `index` times the cell to a gate.
    fn peep(&self, index: usize, cell: &[f32], gate: &mut [f32]) {
        if let Some(peepholes) = self.peepholes {
            for ((gate, cell), weight) in gate.iter_mut().zip(cell).zip(part(peepholes, index, cell.len())) {
                *gate += weight * cell;
            }
        }
    }
}

/// Part `index` of `x`, if all parts have `len` elements.
fn part(x: &[f32], index: usize, len: usize) -> &[f32] {
    &x[index * len..][..len]
}

/// `out[i] = bias[i] + Σ rows[i, j] · x[j]`
fn products(rows: &[f32], x: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate() {
        let start = bias.map_or(0.0, |bias| bias[i]);
        *out = part(rows, i, x.len()).iter().zip(x).fold(start, |sum, (weight, x)| sum + weight * x);
    }
}

/// to += from
fn add_to(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
