//! Products of bytes on instruction sets that multiply 16-bit integers: operands are widened, each once for many uses.

use super::{Accumulators, MulAdd, PANEL, Segment, Simd, TARGET_MR, U8I8};
use crate::checked::{copy, part, part_mut};

/// The steps of k that are widened at a time, of one panel or of several. Half of them stay in the level-1 cache.
const STEPS: usize = 256;

/// The low bytes of 16-bit integers.
const LOW: i32 = 0x00ff_00ff;

/// Operands of register tiles of one panel, widened before they are multiplied.
pub(crate) trait WideOperands<S: Simd, T: MulAdd> {
    /// The steps of all panels.
    const STEPS: usize;

    /// Memory for operands.
    fn new(s: S) -> Self;

    /// Widens a range of k of a panel to the memory from `step` on.
    fn widen_panel(&mut self, s: S, step: usize, panel: &[T::B]);

    /// Widens the segments of `count` rows. They are in a range of k that begins with `first`.
    fn widen_rows(
        &mut self,
        s: S,
        setup: T::Setup,
        count: usize,
        first: usize,
        segments: &[Segment<'_, T::A>],
    );

    /// Adds the products of the panel at `step` and the segments of `MR` rows.
    fn multiply<const MR: usize>(
        &self,
        s: S,
        step: usize,
        first: usize,
        segments: &[Segment<'_, T::A>],
        sums: Accumulators<S, T::Acc, MR, 1>,
    ) -> Accumulators<S, T::Acc, MR, 1>;
}

/// For types that are not widened.
impl<S: Simd, T: MulAdd> WideOperands<S, T> for () {
    const STEPS: usize = 0;

    #[inline(always)]
    fn new(_: S) {}
    #[inline(always)]
    fn widen_panel(&mut self, _: S, _: usize, _: &[T::B]) {}
    #[inline(always)]
    fn widen_rows(&mut self, _: S, _: T::Setup, _: usize, _: usize, _: &[Segment<'_, T::A>]) {}
    #[inline(always)]
    fn multiply<const MR: usize>(
        &self,
        _: S,
        _: usize,
        _: usize,
        _: &[Segment<'_, T::A>],
        sums: Accumulators<S, T::Acc, MR, 1>,
    ) -> Accumulators<S, T::Acc, MR, 1> {
        sums
    }
}

/// The pairs of a row that are at even places, and those at odd places. Vectors may end after the last step.
type Row = [[i32; STEPS + PANEL]; 2];

/// Bytes as 16-bit integers. Of the four bytes of a step, the first and the third are a pair, and the other two.
pub(crate) struct WideBytes<S: Simd> {
    rows: [Row; TARGET_MR],
    panels: [[S::IntPanel; 2]; STEPS],
}

/// Widens a vector of bytes.
#[inline(always)]
fn widen<S: Simd>(s: S, flip: S::I32, bytes: &[u8], even: &mut [i32], odd: &mut [i32]) {
    let (bytes, low) = (s.xor(s.load_quads(bytes), flip), s.isplat(LOW));
    s.store_lanes(s.and(bytes, low), even);
    s.store_lanes(s.and(s.shr::<8>(bytes), low), odd);
}

/// Widens the first `len` bytes of `x` to the steps of `row` from `step` on. Bytes after the last step have no meaning.
#[inline(always)]
fn widen_row<S: Simd>(s: S, [even, odd]: &mut Row, step: usize, flip: u8, x: &[u8], len: usize) {
    let flip = s.isplat(i32::from_ne_bytes([flip; 4]));
    let (even, odd) = (part_mut(even, step..), part_mut(odd, step..));
    let mut pairs = even.chunks_exact_mut(S::LANES).zip(odd.chunks_exact_mut(S::LANES));
    let block = const { 4 * S::LANES };
    let vectors = part(x, ..x.len().min(len.next_multiple_of(block))).chunks_exact(block);
    let rest = vectors.remainder();
    for (bytes, (even, odd)) in vectors.zip(&mut pairs) {
        widen(s, flip, bytes, even, odd);
    }
    if !rest.is_empty()
        && let Some((even, odd)) = pairs.next()
    {
        let mut bytes = [0; 4 * PANEL];
        copy(part_mut(&mut bytes, ..rest.len()), rest);
        widen(s, flip, &bytes, even, odd);
    }
}

impl<S: Simd> WideOperands<S, U8I8> for WideBytes<S> {
    const STEPS: usize = STEPS;

    #[inline(always)]
    fn new(s: S) -> Self {
        Self { rows: [[[0; STEPS + PANEL]; 2]; TARGET_MR], panels: [[s.int_panel(0); 2]; STEPS] }
    }

    #[inline(always)]
    fn widen_panel(&mut self, s: S, step: usize, panel: &[i8]) {
        let rows = panel.as_chunks::<{ U8I8::STEP * PANEL }>().0;
        for (to, row) in part_mut(&mut self.panels, step..).iter_mut().zip(rows) {
            *to = s.widen_weights(row);
        }
    }

    #[inline(always)]
    fn widen_rows(&mut self, s: S, flip: u8, count: usize, first: usize, segments: &[Segment<'_, u8>]) {
        for segment in segments {
            let step = (segment.start() - first) / U8I8::STEP;
            for (i, row) in self.rows.iter_mut().enumerate().take(count) {
                widen_row(s, row, step, flip, segment.row(i), segment.len());
            }
        }
    }

    #[inline(always)]
    fn multiply<const MR: usize>(
        &self,
        s: S,
        step: usize,
        first: usize,
        segments: &[Segment<'_, u8>],
        mut sums: [[S::IntPanel; 1]; MR],
    ) -> [[S::IntPanel; 1]; MR] {
        let panel = part(&self.panels, step..);
        let mut rest = segments.iter().peekable();
        while let Some(segment) = rest.next() {
            let mut end = segment.start() + segment.len();
            while let Some(next) = rest.next_if(|next| next.start() == end) {
                end += next.len();
            }
            let start = (segment.start() - first) / U8I8::STEP;
            let end = (end - first).div_ceil(U8I8::STEP).min(panel.len()).min(STEPS);
            for step in start..end {
                for half in 0..2 {
                    let weights = panel[step][half];
                    for i in 0..MR {
                        let x = s.isplat(self.rows[i][half][step]);
                        sums[i][0] = s.dot_pairs(x, weights, sums[i][0]);
                    }
                }
            }
        }
        sums
    }
}
