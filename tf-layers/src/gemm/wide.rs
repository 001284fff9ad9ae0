//! The macro-kernel of products whose operands are widened first; see [`WideOperands`].

use core::ops::Range;

use super::epilogue::Tile;
use super::lhs::LhsRows;
use super::macro_kernel::{tile_height, with_height};
use super::{Epilogue, Gemm};
use crate::checked::{element, part};
use crate::simd::{Accumulator, Accumulators, MAX_MR, MulAdd, PANEL, Segment, Simd, WideOperands};

/// With fewer rows, each weight is used too few times to be widened for all of them together.
pub(super) const FEW_ROWS: usize = 12;

/// The rows whose sums are kept from one range of k to the next.
const GROUP: usize = 16 * MAX_MR;

/// A product with memory for its operands and sums.
pub(super) struct Wide<'r, 'a, S: Simd, T: MulAdd, E> {
    gemm: &'r Gemm<'a, T, E>,
    operands: T::Wide<S>,
    sums: [<T::Acc as Accumulator>::Panel<S>; GROUP],
}

/// Some rows and panels of C, and a range of k.
struct Block {
    rows: Range<usize>,
    panels: Range<usize>,
    k: Range<usize>,
}

impl<'r, 'a, S: Simd, T: MulAdd, E: Epilogue<T::Acc>> Wide<'r, 'a, S, T, E> {
    #[inline(always)]
    pub fn new(s: S, gemm: &'r Gemm<'a, T, E>) -> Self {
        Self { gemm, operands: <T::Wide<S>>::new(s), sums: [T::Acc::zero(s); GROUP] }
    }

    /// Computes C with `m` rows, `mc` rows at a time.
    #[inline(always)]
    pub fn run(&mut self, s: S, a: &mut LhsRows<'_, T>, m: usize, mc: usize, c: &mut [E::Output]) {
        let (k, panels) = (self.gemm.k, self.gemm.n.div_ceil(PANEL));
        let steps = const { <T::Wide<S>>::STEPS };
        let parts = k.div_ceil((steps / 2 * T::STEP).min(a.max_kc())).max(1);
        let kc = k.div_ceil(parts).next_multiple_of(T::STEP).max(T::STEP);
        // Short columns of several panels, so that rows are widened once for all of them; or one long panel in parts.
        let (width, group) = if parts == 1 { (steps / (kc / T::STEP), mc) } else { (1, GROUP) };
        for first in (0..m).step_by(mc.max(1)) {
            let end = m.min(first + mc);
            for panel in (0..panels).step_by(width.max(1)) {
                for row in (first..end).step_by(group.max(1)) {
                    for part in 0..parts {
                        let block = Block {
                            rows: row..end.min(row + group),
                            panels: panel..panels.min(panel + width),
                            k: part * kc..k.min((part + 1) * kc),
                        };
                        self.block(s, a, &block, c);
                    }
                }
            }
        }
    }

    /// Computes a block, MR rows at a time.
    #[inline(always)]
    fn block(&mut self, s: S, a: &mut LhsRows<'_, T>, block: &Block, c: &mut [E::Output]) {
        let pitch = self.gemm.padded_k() * PANEL;
        let range = block.k.start * PANEL..block.k.end.next_multiple_of(T::STEP) * PANEL;
        for (i, panel) in block.panels.clone().enumerate() {
            let panel = part(part(self.gemm.panels, panel * pitch..), range.clone());
            self.operands.widen_panel(s, i * block.k.len().div_ceil(T::STEP), panel);
        }
        let mut row = block.rows.start;
        while row < block.rows.end {
            let height = tile_height(block.rows.end - row, MAX_MR);
            let mut one = Segment::EMPTY;
            let segments = a.segments(row, height, block.k.clone(), &mut one);
            self.operands.widen_rows(s, self.gemm.setup, height, block.k.start, segments);
            with_height!(height, MAX_MR, |MR| self.tiles::<MR>(s, block, row, segments, c));
            row += height;
        }
    }

    /// Computes a register tile for each panel of the block.
    #[inline(always)]
    fn tiles<const MR: usize>(
        &mut self,
        s: S,
        block: &Block,
        row: usize,
        segments: &[Segment<'_, T::A>],
        c: &mut [E::Output],
    ) {
        let Gemm { k, n, ldc, .. } = *self.gemm;
        // k is not split: C never holds partial sums.
        let epilogue = self.gemm.epilogue.block(true, true);
        for (i, panel) in block.panels.clone().enumerate() {
            let column = panel * PANEL;
            let tile = Tile { row, column, width: PANEL.min(n - column), ldc };
            let mut sums: Accumulators<S, T::Acc, MR, 1> = epilogue.start::<S, MR, 1>(s, tile);
            let first = row - block.rows.start;
            if block.k.start > 0 {
                for row in 0..MR {
                    sums[row][0] = element(&self.sums, first + row).copied().unwrap_or(sums[row][0]);
                }
            }
            let step = i * block.k.len().div_ceil(T::STEP);
            sums = self.operands.multiply::<MR>(s, step, block.k.start, segments, sums);
            if block.k.end == k {
                epilogue.store(s, tile, sums, c);
                continue;
            }
            for (to, [sums]) in self.sums.iter_mut().skip(first).zip(sums) {
                *to = sums;
            }
        }
    }
}
