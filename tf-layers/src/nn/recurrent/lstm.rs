//! Long short-term memory.

mod step;

use core::mem::swap;

use crate::checked::{part, part_mut, split_mut};
use crate::error::{Result, check_bias, require};
use crate::gemm::{Matrix, RowMajor};
use crate::math::{gate_denominator, tanh_fraction};
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Results, Sequence, finish};
use crate::simd::{Isa, Kernel, MAX_MR, Simd};
use crate::tensor::{Buffer, add, len};
use step::{Product, Step};

/// Long short-term memory with Keras' gates: i = σ(xWᵢ + hUᵢ + bᵢ), f and o likewise, c ← f·c + i·act(xW꜀ + hU꜀ + b꜀),
/// h ← o·act(c).
///
/// ```
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // All gates are open: c ← c + x, h ← c.
/// let (mut kernel, recurrent) = ([0.0; 16], [0.0; 16]);
/// kernel[2] = 1.0;
/// let layer = Lstm {
///     bias: Some(&[1.0, 1.0, 0.0, 1.0]),
///     activation: Activation::Linear,
///     recurrent_activation: Activation::Relu,
///     ..Lstm::new(Matrix::new(&kernel, 1, 1, 4)?, Matrix::new(&recurrent, 1, 1, 4)?)
/// };
/// let x = View::new(&[1.0, 2.0, 3.0], [1, 3, 1])?;
/// let mut y = [0.0; 1];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 1])?)?;
/// assert_eq!(y.as_slice()?, [6.0]);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lstm<'w> {
    /// `[in, 4 · units]`, gates in the order i, f, c, o.
    pub kernel: Matrix<'w>,
    /// `[units, 4 · units]`
    pub recurrent: Matrix<'w>,
    /// `[4 · units]`
    pub bias: Option<&'w [f32]>,
    /// The number of elements of a state.
    pub units: usize,
    /// The activation of the cell, usually tanh.
    pub activation: Activation<'w>,
    /// The activation of the gates, usually sigmoid.
    pub recurrent_activation: Activation<'w>,
    /// Whether y holds the states after all steps, not only after the last one.
    pub return_sequences: bool,
    /// The order of the steps.
    pub direction: Direction,
}

impl<'w> Lstm<'w> {
    /// A forward layer without bias that returns the last state, with the activations of Keras.
    #[must_use]
    pub const fn new(kernel: Matrix<'w>, recurrent: Matrix<'w>) -> Self {
        Self {
            kernel,
            recurrent,
            bias: None,
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
        sequence: Sequence<'_, 2>,
        Results { y, last }: Results<'_, 2>,
        scratch: &mut Buffer<f32>,
    ) -> Result<()> {
        let Sequence { batch, steps, units, .. } = sequence;
        let gates = len(&[units, 4])?;
        require(self.kernel.groups() == 1 && self.kernel.cols() == gates, "kernel", "be [in, 4 · units]")?;
        let recurrent = [self.recurrent.groups(), self.recurrent.rows(), self.recurrent.cols()];
        require(recurrent == [1, units, gates], "recurrent", "be [units, 4 · units]")?;
        let state = sequence.state();
        check_bias(self.bias, gates)?;
        self.activation.check_elementwise()?;
        self.recurrent_activation.check_elementwise()?;
        let in_one_pass = Step::suits(self);
        // Whole register tiles of samples multiply the inputs of a step together with the states.
        let multiplies_inputs = in_one_pass && batch >= MAX_MR;
        // As much memory in either case, because `Workspace::scratch_len` counts for programs without `alloc`, too.
        let inputs = len(&[batch, steps, gates])?;
        let scratch = scratch.write(add(inputs, len(&[state, 3])?)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, states) = split_mut(scratch, inputs);
        let (mut h, rest) = split_mut(states, state);
        let (mut next, c) = split_mut(rest, state);
        sequence.begin([&mut *h, &mut *c], y);
        if !multiplies_inputs {
            sequence.project(isa, &self.kernel, self.bias, z);
        }
        if in_one_pass {
            let rows = self.kernel.rows();
            for step in 0..steps {
                let at = sequence.at(step);
                if (0..batch).any(|sample| sequence.takes(sample, at)) {
                    let states =
                        Product { rows: RowMajor { data: h, stride: units }, matrix: &self.recurrent };
                    let (inputs, start) = if multiplies_inputs {
                        let x = RowMajor { data: part(sequence.x, at * rows..), stride: steps * rows };
                        let bias = self.bias.map(|data| RowMajor { data, stride: 0 });
                        (Some(Product { rows: x, matrix: &self.kernel }), bias)
                    } else {
                        (None, Some(RowMajor { data: part(z, at * gates..), stride: steps * gates }))
                    };
                    let sequence = &sequence;
                    // As in `recur`.
                    let reverse = step % 2 == 1;
                    isa.run(Step { inputs, states, start, sequence, at, reverse, h, next, c });
                    swap(&mut h, &mut next);
                }
                sequence.emit(step, h, y);
            }
        } else {
            sequence.run_steps(isa, &self.recurrent, z, h, y, |sample, z, h| {
                let c = part_mut(part_mut(c, sample * units..), ..units);
                if self.is_usual() {
                    isa.run(Gates { z, c, h });
                } else {
                    self.update(isa, z, c, h);
                }
            });
        }
        finish([h, c], last);
        Ok(())
    }

    /// Whether the activations are those of Keras.
    fn is_usual(&self) -> bool {
        self.activation == Activation::Tanh && self.recurrent_activation == Activation::Sigmoid
    }

    /// Updates the states of a sample from the sums `z` of its gates, with any activations.
    fn update(&self, isa: Isa, z: &mut [f32], c: &mut [f32], h: &mut [f32]) {
        let units = self.units;
        let (i_and_f, rest) = split_mut(z, 2 * units);
        let (g, o) = split_mut(rest, units);
        self.recurrent_activation.map_in_place(isa, i_and_f);
        self.recurrent_activation.map_in_place(isa, o);
        self.activation.map_in_place(isa, g);
        let (i, f) = (part(i_and_f, ..units), part(i_and_f, units..));
        for (((c, f), i), g) in c.iter_mut().zip(f).zip(i).zip(&*g) {
            *c = f * *c + i * g;
        }
        self.activation.map(isa, c, h);
        for (h, o) in h.iter_mut().zip(&*o) {
            *h *= o;
        }
    }
}

/// Like [`Lstm::update`], in one pass and with the usual activations, sigmoid and tanh.
struct Gates<'a> {
    /// The sums of the gates i, f, c and o.
    z: &'a [f32],
    c: &'a mut [f32],
    h: &'a mut [f32],
}

impl Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.h.len();
        let sums = |gate: usize| part(part(self.z, gate * units..), ..units);
        let (i, f, g, o) = (sums(0), sums(1), sums(2), sums(3));
        for at in (0..units).step_by(S::LANES) {
            let to = units.min(at + S::LANES);
            let mut z = [s.splat(0.0); 4];
            for (z, sums) in z.iter_mut().zip([i, f, g, o]) {
                *z = s.load_partial(part(sums, at..to), 0.0);
            }
            let (c, h) = cell(s, z, s.load_partial(part(self.c, at..to), 0.0));
            s.store_partial(c, part_mut(self.c, at..to));
            s.store_partial(h, part_mut(self.h, at..to));
        }
    }
}

/// The new states c and h from the arguments of the gates i, f, c and o, and from the state c before.
#[inline(always)]
pub(super) fn cell<S: Simd>(s: S, [i, f, g, o]: [S::F32; 4], c: S::F32) -> (S::F32, S::F32) {
    // σ(a)·tanh(b) with one division.
    let (numerator, denominator) = tanh_fraction(s, g);
    let candidate = s.div(numerator, s.mul(denominator, gate_denominator(s, i)));
    let c = s.fma(s.div(s.splat(1.0), gate_denominator(s, f)), c, candidate);
    let (numerator, denominator) = tanh_fraction(s, c);
    (c, s.div(numerator, s.mul(denominator, gate_denominator(s, o))))
}
