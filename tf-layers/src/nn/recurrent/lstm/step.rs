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
    /// The inputs and the kernel, unless their products are in `start`.
    pub inputs: Option<Product<'a>>,
    /// The states before the step, and the recurrent kernel.
    pub states: Product<'a>,
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

    /// The products of `MR` samples from `sample` on for the units from `first` on.
    #[inline(always)]
    fn multiply<S: Simd, const MR: usize>(
        &self,
        s: S,
        sample: usize,
        first: usize,
    ) -> [[S::Panel; GATES]; MR] {
        let mut sums = [[s.panel(0.0); GATES]; MR];
        // A loop, so that a program has one copy of the micro-kernel.
        for product in [self.inputs.as_ref(), Some(&self.states)].into_iter().flatten() {
            sums = self.add::<S, MR>(s, product, sample, first, sums);
        }
        sums
    }

    /// Adds one of the products.
    #[inline(always)]
    fn add<S: Simd, const MR: usize>(
        &self,
        s: S,
        Product { rows, matrix }: &Product<'_>,
        sample: usize,
        first: usize,
        mut sums: [[S::Panel; GATES]; MR],
    ) -> [[S::Panel; GATES]; MR] {
        let k = matrix.rows();
        let mut segment = Segment::EMPTY;
        segment.set_strided(0, part(rows.data, sample * rows.stride..), rows.stride, k, MR);
        let mut panels = [matrix.group(0); GATES];
        for (gate, panel) in panels.iter_mut().enumerate() {
            *panel = part(part(panel, (gate * self.sequence.units + first) * k..), ..PANEL * k);
        }
        if const { S::NR == GATES * PANEL || MR == 1 } {
            return accumulate::<S, F32, MR, GATES, false>(s, (), &segment, panels, sums, Prefetch::NOTHING);
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
        sums
    }

    /// Computes the states of a sample from the products, for the units from `first` on.
    #[inline(always)]
    fn update<S: Simd>(&mut self, s: S, sample: usize, first: usize, products: [S::Panel; GATES]) {
        let units = self.sequence.units;
        let state = sample * units + first..sample * units + first + PANEL;
        let next = part_mut(self.next, state.clone());
        if !self.sequence.takes(sample, self.at) {
            return copy(next, part(self.h, state));
        }
        let mut gates = products;
        if let Some(start) = self.start {
            for gate in 0..GATES {
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
        let (batch, blocks) = (self.sequence.batch, self.sequence.units / PANEL);
        let reverse = self.reverse;
        let first = |block: usize| PANEL * if reverse { blocks - 1 - block } else { block };
        if batch == 1 && self.inputs.is_none() {
            // The sums stay in registers.
            for block in 0..blocks {
                let zeros = [[s.panel(0.0); GATES]];
                let [products] = self.add::<S, 1>(s, &self.states, 0, first(block), zeros);
                self.update(s, 0, first(block), products);
            }
            return;
        }
        // Read through a reference, because copies of all fields would be spilled.
        let step = black_box(&mut self);
        let mut sums = [[[0.0; PANEL]; GATES]; MAX_MR];
        for block in 0..blocks {
            let mut sample = 0;
            while sample < batch {
                let height = tile_height(batch - sample, S::MR);
                with_height!(height, S::MR, |MR| {
                    let products = step.multiply::<S, MR>(s, sample, first(block));
                    store::<S, MR>(s, products, &mut sums);
                });
                for sums in sums.iter().take(height) {
                    let mut products = [s.panel(0.0); GATES];
                    for gate in 0..GATES {
                        products[gate] = s.load_panel(&sums[gate]);
                    }
                    step.update(s, sample, first(block), products);
                    sample += 1;
                }
            }
        }
    }
}

/// Stores sums in memory, so that one loop computes the states for any number of samples.
#[inline(always)]
fn store<S: Simd, const MR: usize>(s: S, sums: [[S::Panel; GATES]; MR], to: &mut Sums) {
    for i in 0..MR {
        for gate in 0..GATES {
            s.store_panel(sums[i][gate], &mut to[i][gate]);
        }
    }
}
