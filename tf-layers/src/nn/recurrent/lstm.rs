//! Long short-term memory.

use crate::Context;
use crate::checked::{part, part_mut, split_mut};
use crate::error::{Result, check_bias, require};
use crate::gemm::Matrix;
use crate::math::{gate, tanh};
use crate::nn::Activation;
use crate::nn::recurrent::{Direction, Results, Sequence, States, finish, result};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::{Buffer, View, ViewMut, len};

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

    /// Computes y from x `[batch, steps, in]`. y is `[batch, steps, units]` with `return_sequences`, otherwise `[batch,
    /// units]`.
    ///
    /// # Errors
    ///
    /// If the dims of x, y, the weights and the bias do not match, or there is not enough memory.
    pub fn run<'y, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        y: ViewMut<'y, f32, R>,
    ) -> Result<View<'y, f32, R>> {
        Ok(self.run_with_states(cx, x, States::default(), y, None, None)?.0)
    }

    /// Like [`Lstm::run`], with a mask and initial states. Also returns the last states h and c, which are empty if not
    /// requested.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if the dims of the mask or of a state do not match.
    pub fn run_with_states<'y, 'h, 'c, const R: usize>(
        &self,
        cx: &mut Context<'_>,
        x: View<'_, f32, 3>,
        states: States<'_, 2>,
        mut y: ViewMut<'y, f32, R>,
        mut h: Option<ViewMut<'h, f32, 2>>,
        mut c: Option<ViewMut<'c, f32, 2>>,
    ) -> Result<(View<'y, f32, R>, View<'h, f32, 2>, View<'c, f32, 2>)> {
        let Self { units, direction, return_sequences, .. } = *self;
        let sequence = Sequence::new(x, &states, [self.kernel.rows(), units], direction, return_sequences)?;
        let results =
            Results { y: sequence.y(&mut y)?, last: [sequence.last(&mut h)?, sequence.last(&mut c)?] };
        self.compute(cx.isa, sequence, results, cx.scratch)?;
        Ok((y.into_view(), result(h), result(c)))
    }

    /// Computes the layer with checked arguments.
    fn compute(
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
        let inputs = len(&[batch, steps, gates])?;
        let scratch = scratch.write(crate::tensor::add(inputs, len(&[state, 2])?)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, h_and_c) = split_mut(scratch, inputs);
        let (h, c) = split_mut(h_and_c, state);
        sequence.begin([&mut *h, &mut *c], y);
        sequence.project(isa, &self.kernel, self.bias, z);
        sequence.run_steps(isa, &self.recurrent, z, h, y, |sample, z, h| {
            let c = part_mut(part_mut(c, sample * units..), ..units);
            if self.activation == Activation::Tanh && self.recurrent_activation == Activation::Sigmoid {
                isa.run(Gates { z, c, h });
            } else {
                self.update(isa, z, c, h);
            }
        });
        finish([h, c], last);
        Ok(())
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
            let i = gate(s, s.load_partial(part(i, at..to), 0.0));
            let f = gate(s, s.load_partial(part(f, at..to), 0.0));
            let g = tanh(s, s.load_partial(part(g, at..to), 0.0));
            let o = gate(s, s.load_partial(part(o, at..to), 0.0));
            let c = s.fma(f, s.load_partial(part(self.c, at..to), 0.0), s.mul(i, g));
            s.store_partial(c, part_mut(self.c, at..to));
            s.store_partial(s.mul(o, tanh(s, c)), part_mut(self.h, at..to));
        }
    }
}
