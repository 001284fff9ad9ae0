//! A step of an LSTM in one pass: products, gates and states.

use core::hint::black_box;

use super::{Lstm, cell};
use crate::checked::{copy, part, part_mut};
use crate::gemm::{Matrix, RowMajor, tile_height, with_height};
use crate::nn::recurrent::Sequence;
use crate::simd::{F32, Kernel, MAX_MR, PANEL, Prefetch, Segment, Simd, accumulate};

/// The gates i, f, c and o.
const GATES: usize = 4;

/// A step of all samples with the usual activations.
///
/// It computes the four gates of 16 units of some samples, and from their sums the new states. No sum leaves the level-1
/// cache, and the processor loads weights while it computes gates.
pub(super) struct Step<'a> {
    /// The rows and matrices `[.., 4 · units]` whose products are the sums of the gates: the states before the step, and
    /// the inputs unless their products are in `start`.
    pub products: [Option<Product<'a>>; 2],
    /// What is added to the products: a row of `4 · units` for each sample.
    pub start: Option<RowMajor<'a, f32>>,
    pub sequence: &'a Sequence<'a, 2>,
    /// The index of the step's inputs.
    pub at: usize,
    /// Whether the last units are computed first.
    pub reverse: bool,
    /// The states h before the step, and those after it.
    pub h: &'a [f32],
    pub next: &'a mut [f32],
    pub c: &'a mut [f32],
}

/// A product of a row for each sample and a matrix.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub rows: RowMajor<'a, f32>,
    pub matrix: &'a Matrix<'a>,
}

/// The sums of the gates of 16 units of some samples.
type Sums = [[[f32; PANEL]; GATES]; MAX_MR];

impl Step<'_> {
    /// Whether a layer can be computed so.
    pub fn suits(layer: &Lstm<'_>) -> bool {
        // A small program has one kernel for products.
        cfg!(feature = "alloc") && layer.units.is_multiple_of(PANEL) && layer.is_usual()
    }

    /// Computes the products of `MR` samples from `sample` on for the units from `first` on.
    #[inline(always)]
    fn multiply<S: Simd, const MR: usize>(&self, s: S, sample: usize, first: usize, to: &mut Sums) {
        let mut sums = [[s.panel(0.0); GATES]; MR];
        for Product { rows, matrix } in self.products.iter().flatten() {
            let k = matrix.rows();
            let mut segment = Segment::EMPTY;
            segment.set_strided(0, part(rows.data, sample * rows.stride..), rows.stride, k, MR);
            let mut panels = [matrix.group(0); GATES];
            for (gate, panel) in panels.iter_mut().enumerate() {
                *panel = part(part(panel, (gate * self.sequence.units + first) * k..), ..PANEL * k);
            }
            if const { S::NR == GATES * PANEL || MR == 1 } {
                sums =
                    accumulate::<S, F32, MR, GATES, false>(s, (), &segment, panels, sums, Prefetch::NOTHING);
                continue;
            }
            for gate in 0..GATES {
                let mut one = [[s.panel(0.0)]; MR];
                for i in 0..MR {
                    one[i][0] = sums[i][gate];
                }
                let panel = [panels[gate]];
                one = accumulate::<S, F32, MR, 1, false>(s, (), &segment, panel, one, Prefetch::NOTHING);
                for i in 0..MR {
                    sums[i][gate] = one[i][0];
                }
            }
        }
        for i in 0..MR {
            for gate in 0..GATES {
                s.store_panel(sums[i][gate], &mut to[i][gate]);
            }
        }
    }

    /// Computes the states of a sample from the products, for the units from `first` on.
    #[inline(always)]
    fn update<S: Simd>(&mut self, s: S, sample: usize, first: usize, products: &[[f32; PANEL]; GATES]) {
        let units = self.sequence.units;
        let state = sample * units + first..sample * units + first + PANEL;
        let next = part_mut(self.next, state.clone());
        if !self.sequence.takes(sample, self.at) {
            return copy(next, part(self.h, state));
        }
        let mut gates = [s.panel(0.0); GATES];
        for gate in 0..GATES {
            gates[gate] = s.load_panel(&products[gate]);
            if let Some(start) = self.start {
                let start = part(start.data, sample * start.stride + gate * units + first..);
                gates[gate] = s.panel_add(gates[gate], s.load_panel(start));
            }
        }
        let c = part_mut(self.c, state);
        let (mut new_c, mut new_h) = (s.load_panel(c), s.panel(0.0));
        for lane in 0..PANEL / S::LANES {
            let [i, f, g, o] = gates;
            (new_c[lane], new_h[lane]) = cell(s, [i[lane], f[lane], g[lane], o[lane]], new_c[lane]);
        }
        s.store_panel(new_c, c);
        s.store_panel(new_h, next);
    }
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        // Read through a reference, because copies of all fields would be spilled.
        let step = black_box(&mut self);
        let (batch, blocks) = (step.sequence.batch, step.sequence.units / PANEL);
        let mut sums = [[[0.0; PANEL]; GATES]; MAX_MR];
        for block in 0..blocks {
            let first = PANEL * if step.reverse { blocks - 1 - block } else { block };
            let mut sample = 0;
            while sample < batch {
                let height = tile_height(batch - sample, S::MR);
                with_height!(height, S::MR, |MR| step.multiply::<S, MR>(s, sample, first, &mut sums));
                for products in sums.iter().take(height) {
                    step.update(s, sample, first, products);
                    sample += 1;
                }
            }
        }
    }
}
