//! Long short-term memory with weights of 8 bits.

use crate::checked::{part, part_mut, split_mut};
use crate::error::{Result, check_bias, check_len, require};
use crate::gemm::{Dequantize, Matrix, RowMajor, UNBOUNDED};
use crate::nn::quantized::{DynamicRange, multiply_dequantized};
use crate::nn::recurrent::lstm::cell;
use crate::nn::recurrent::{Direction, Results, Sequence, finish};
use crate::simd::{
    Accumulator, Isa, Kernel, MAX_MR, MulAdd, PANEL, Prefetch, Segment, Simd, U8I8, accumulate, bytes_mut,
};
use crate::tensor::{Buffer, add, len};

/// The gates of a cell.
const GATES: usize = 4;

/// Long short-term memory on 8-bit weights (ONNX Runtime's `DynamicQuantizeLSTM`).
///
/// The equations are those of [`Lstm`](crate::nn::Lstm) with its usual activations. The inputs of all samples and steps
/// are quantized together, as [`DynamicQuantization`](crate::nn::DynamicQuantization) does, and so are the states h of a
/// batch in each step. Both products are summed in `i32`, exactly; everything else is computed in `f32`.
///
/// ```
/// use tf_layers::gemm::Matrix;
/// use tf_layers::nn::DynamicQuantizedLstm;
/// use tf_layers::prelude::*;
///
/// # let mut scratch = Buffer::default();
/// # let cx = &mut Context::new(Isa::detect(), &mut scratch);
/// // One input and one unit: matrices of 1 row and 4 · 1 columns, padded to 4 and 16. The cell takes 10·x.
/// let (mut kernel, recurrent) = ([0; 64], [0; 4 * 64]);
/// kernel[2 * 4] = 100;
/// let layer = DynamicQuantizedLstm {
///     bias: Some(&[50.0, 50.0, 0.0, 50.0]),
///     ..DynamicQuantizedLstm::new(
///         Matrix::new(&kernel, 1, 1, 4)?,
///         &[0, 0, 100, 0],
///         &[0.1; 4],
///         Matrix::new(&recurrent, 4, 1, 1)?,
///         &[0; 4],
///         &[0.1; 4],
///     )
/// };
/// let x = View::new(&[1.0, -1.0, 1.0], [1, 3, 1])?;
/// let mut y = [0.0; 1];
/// let y = layer.run(cx, x, ViewMut::new(&mut y, [1, 1])?)?;
/// // c is 1, 0 and 1; h is tanh(1).
/// assert!((y.as_slice()?[0] - 0.76159).abs() < 1e-4);
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicQuantizedLstm<'w> {
    /// `[in, 4 · units]`, gates in the order i, f, c, o.
    pub kernel: Matrix<'w, i8>,
    /// `[4 · units]`: the sums of the columns of the kernel.
    pub kernel_sums: &'w [i32],
    /// `[4 · units]`: the scales of the columns of the kernel.
    pub kernel_scales: &'w [f32],
    /// Four matrices `[units, units]`, one for each gate.
    pub recurrent: Matrix<'w, i8>,
    /// `[4 · units]`: the sums of the columns of `recurrent`.
    pub recurrent_sums: &'w [i32],
    /// `[4 · units]`: the scales of the columns of `recurrent`.
    pub recurrent_scales: &'w [f32],
    /// `[4 · units]`
    pub bias: Option<&'w [f32]>,
    /// The number of elements of a state.
    pub units: usize,
    /// The largest magnitude of the arguments of the gates' activations.
    pub clip: f32,
    /// Whether y holds the states after all steps, not only after the last one.
    pub return_sequences: bool,
    /// The order of the steps.
    pub direction: Direction,
}

impl<'w> DynamicQuantizedLstm<'w> {
    /// A forward layer without bias and clipping that returns the last state.
    #[must_use]
    pub const fn new(
        kernel: Matrix<'w, i8>,
        kernel_sums: &'w [i32],
        kernel_scales: &'w [f32],
        recurrent: Matrix<'w, i8>,
        recurrent_sums: &'w [i32],
        recurrent_scales: &'w [f32],
    ) -> Self {
        Self {
            kernel,
            kernel_sums,
            kernel_scales,
            recurrent,
            recurrent_sums,
            recurrent_scales,
            bias: None,
            units: recurrent.rows(),
            clip: f32::INFINITY,
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
        let columns = len(&[units, GATES])?;
        self.check(columns)?;
        let state = sequence.state();
        // The inputs of many samples are multiplied step by step, so that the sums of a step stay in the cache.
        let by_step = batch >= MAX_MR;
        let sums = len(&[batch, if by_step { steps.min(1) } else { steps }, columns])?;
        // Bytes in the memory of floats.
        let quantized = add(sequence.x.len(), state)?.div_ceil(size_of::<f32>());
        let scratch = scratch.write(add(add(sums, len(&[state, 2])?)?, quantized)?)?;
        if state == 0 {
            return Ok(());
        }
        let (z, rest) = split_mut(scratch, sums);
        let (h_and_c, quantized) = split_mut(rest, 2 * state);
        let (h, c) = split_mut(h_and_c, state);
        let (x, q) = split_mut(bytes_mut(quantized), sequence.x.len());
        let q = part_mut(q, ..state);
        sequence.begin([&mut *h, &mut *c], y);
        let range = DynamicRange::quantize(isa, sequence.x, x);
        let inputs = self.kernel.rows();
        if !by_step {
            self.project(isa, range, batch * steps, RowMajor { data: x, stride: inputs }, z);
        }
        for step in 0..steps {
            let at = sequence.at(step);
            let z = if by_step {
                let x = RowMajor { data: part(x, at * inputs..), stride: steps * inputs };
                self.project(isa, range, batch, x, z);
                RowMajor { data: &*z, stride: columns }
            } else {
                RowMajor { data: part(z, at * columns..), stride: steps * columns }
            };
            isa.run(Step { layer: self, sequence: &sequence, at, reverse: step % 2 == 1, z, q, h, c });
            sequence.emit(step, h, y);
        }
        finish([h, c], last);
        Ok(())
    }

    fn check(&self, columns: usize) -> Result<()> {
        let kernel = self.kernel.groups() == 1 && self.kernel.cols() == columns;
        require(kernel, "kernel", "be [in, 4 · units]")?;
        let recurrent = [self.recurrent.groups(), self.recurrent.rows(), self.recurrent.cols()];
        require(
            recurrent == [GATES, self.units, self.units],
            "recurrent",
            "be four matrices [units, units]",
        )?;
        check_len("kernel_sums", columns, self.kernel_sums.len())?;
        check_len("kernel_scales", columns, self.kernel_scales.len())?;
        check_len("recurrent_sums", columns, self.recurrent_sums.len())?;
        check_len("recurrent_scales", columns, self.recurrent_scales.len())?;
        check_bias(self.bias, columns)
    }

    /// Computes the sums z `[rows, 4 · units]`: rows of quantized inputs times the kernel.
    fn project(&self, isa: Isa, range: DynamicRange, rows: usize, x: RowMajor<'_, u8>, z: &mut [f32]) {
        let DynamicRange { scale, zero_point } = range;
        let epilogue = Dequantize {
            offsets: self.kernel_sums,
            factor: -i32::from(zero_point),
            zero_points: None,
            multipliers: self.kernel_scales,
            scale,
            bias: None,
            bounds: UNBOUNDED,
        };
        multiply_dequantized(isa, rows, x, self.kernel, epilogue, z);
    }
}

/// A step of all samples.
struct Step<'a> {
    layer: &'a DynamicQuantizedLstm<'a>,
    sequence: &'a Sequence<'a, 2>,
    /// The index of the step's inputs.
    at: usize,
    /// Whether the last units are computed first.
    reverse: bool,
    /// The sums of the inputs: a row of `4 · units` for each sample.
    z: RowMajor<'a, f32>,
    /// Room for h in bytes.
    q: &'a mut [u8],
    /// The states `[batch, units]`, which are replaced.
    h: &'a mut [f32],
    c: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();
    const BYTES: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { layer, sequence, at, reverse, z, q, h, c } = self;
        let Sequence { batch, units, .. } = *sequence;
        let range = DynamicRange::quantize_with(s, h, q);
        let blocks = units.div_ceil(PANEL);
        for block in 0..blocks {
            // Every other step begins with the weights that the step before has left in the nearest cache.
            let first = PANEL * if reverse { blocks - 1 - block } else { block };
            let columns = first..units.min(first + PANEL);
            let gates = Gates::new(s, layer, range, first, columns.len());
            for sample in (0..batch).filter(|&sample| sequence.takes(sample, at)) {
                let z = part(z.data, sample * z.stride + first..);
                let sums = gates.sums(s, part(part(q, sample * units..), ..units));
                let arguments = gates.arguments(s, sums, z);
                let at = sample * units + columns.start..sample * units + columns.end;
                let c = part_mut(c, at.clone());
                let (mut new_c, mut new_h) = (f32::load(s, c), s.panel(0.0));
                for lane in 0..PANEL / S::LANES {
                    let [i, f, g, o] = arguments;
                    (new_c[lane], new_h[lane]) = cell(s, [i[lane], f[lane], g[lane], o[lane]], new_c[lane]);
                }
                f32::store(s, new_c, c);
                f32::store(s, new_h, part_mut(h, at));
            }
        }
    }
}

/// What the gates of up to 16 units need besides the states.
struct Gates<'a, S: Simd> {
    layer: &'a DynamicQuantizedLstm<'a>,
    /// A panel of each matrix.
    panels: [&'a [i8]; GATES],
    /// The initial sums: the zero point of h times those of the columns.
    start: [S::IntPanel; GATES],
    /// The scales of the sums.
    multipliers: [S::Panel; GATES],
    bias: [S::Panel; GATES],
    width: usize,
}

impl<'a, S: Simd> Gates<'a, S> {
    /// The gates of `width` units from `first` on.
    #[inline(always)]
    fn new(
        s: S,
        layer: &'a DynamicQuantizedLstm<'a>,
        range: DynamicRange,
        first: usize,
        width: usize,
    ) -> Self {
        let DynamicQuantizedLstm { recurrent, recurrent_sums, recurrent_scales, units, .. } = *layer;
        let pitch = units.next_multiple_of(U8I8::STEP);
        let mut gates = Self {
            layer,
            panels: [&[]; GATES],
            start: [s.int_panel(0); GATES],
            multipliers: [s.panel(0.0); GATES],
            bias: [s.panel(0.0); GATES],
            width,
        };
        let scale = s.splat(range.scale);
        for gate in 0..GATES {
            gates.panels[gate] = part(part(recurrent.group(gate), first * pitch..), ..PANEL * pitch);
            let columns = gate * units + first..gate * units + first + width;
            let mut start = [0; PANEL];
            for (start, &sum) in start.iter_mut().zip(part(recurrent_sums, columns.clone())) {
                *start = -i32::from(range.zero_point) * sum;
            }
            gates.start[gate] = i32::load(s, &start);
            let mut multipliers = f32::load(s, part(recurrent_scales, columns.clone()));
            for lane in 0..PANEL / S::LANES {
                multipliers[lane] = s.mul(scale, multipliers[lane]);
            }
            gates.multipliers[gate] = multipliers;
            if let Some(bias) = layer.bias {
                gates.bias[gate] = f32::load(s, part(bias, columns));
            }
        }
        gates
    }

    /// The products of a quantized state h with the panels.
    #[inline(always)]
    fn sums(&self, s: S, q: &[u8]) -> [S::IntPanel; GATES] {
        let mut row = Segment::EMPTY;
        row.set_strided(0, q, 0, q.len(), 1);
        let ready = U8I8::ready(s, U8I8::SETUP);
        let nothing = Prefetch::NOTHING;
        if const { S::BYTES_NR >= GATES * PANEL } {
            let [sums] =
                accumulate::<S, U8I8, 1, GATES, false>(s, ready, &row, self.panels, [self.start], nothing);
            return sums;
        }
        let mut sums = self.start;
        for gate in 0..GATES {
            let [[sum]] = accumulate::<S, U8I8, 1, 1, false>(
                s,
                ready,
                &row,
                [self.panels[gate]],
                [[sums[gate]]],
                nothing,
            );
            sums[gate] = sum;
        }
        sums
    }

    /// The arguments of the gates' activations. `z` are the sums of the inputs, from the first unit on.
    #[inline(always)]
    fn arguments(&self, s: S, sums: [S::IntPanel; GATES], z: &[f32]) -> [S::Panel; GATES] {
        let clip = self.layer.clip;
        let (low, high) = (s.splat(-clip), s.splat(clip));
        let mut arguments = self.bias;
        for gate in 0..GATES {
            let z = f32::load(s, part(part(z, gate * self.layer.units..), ..self.width));
            for lane in 0..PANEL / S::LANES {
                // In the order of ONNX Runtime, not fused.
                let product = s.mul(s.to_f32(sums[gate][lane]), self.multipliers[gate][lane]);
                let sum = s.add(s.add(z[lane], product), arguments[gate][lane]);
                arguments[gate][lane] = s.min(high, s.max(low, sum));
            }
        }
        arguments
    }
}
