//! The number types of a matrix product: what is multiplied, and what the products are summed in.

use super::{MAX_SEGMENT, PANEL, Simd};

/// The type that products are summed in. Vector registers hold the sums of a panel.
pub(crate) trait Accumulator: Copy + Send + Sync + 'static {
    /// The vectors that hold [`PANEL`] sums.
    type Panel<S: Simd>: Copy;

    /// [`PANEL`] zeros.
    fn zero<S: Simd>(s: S) -> Self::Panel<S>;
    /// a + b
    fn add<S: Simd>(s: S, a: Self::Panel<S>, b: Self::Panel<S>) -> Self::Panel<S>;
    /// Loads up to [`PANEL`] sums. The others are zero.
    fn load<S: Simd>(s: S, from: &[Self]) -> Self::Panel<S>;
    /// Stores the first `to.len()` sums, at most [`PANEL`].
    fn store<S: Simd>(s: S, sums: Self::Panel<S>, to: &mut [Self]);
}

/// The accumulators of a register tile: `MR` rows by `P` panels.
pub(crate) type Accumulators<S, A, const MR: usize, const P: usize> = [[<A as Accumulator>::Panel<S>; P]; MR];

/// The multiply-add of a product A·B: the types of the operands and of their sum, and the instruction.
///
/// One multiply-add takes `STEP` neighbouring elements of a row of A. A row of a packed panel of B holds the matching
/// elements of [`PANEL`] columns, the `STEP` elements of a column side by side. An instruction that multiplies four
/// pairs of bytes, for example, has a `STEP` of 4.
pub(crate) trait MulAdd: Copy + Send + Sync + 'static {
    /// An element of A.
    type A: Copy + Default + Send + Sync + 'static;
    /// An element of B.
    type B: Copy + Default + Send + Sync + 'static;
    /// What products are summed in.
    type Acc: Accumulator;

    /// Elements of k that one multiply-add takes.
    const STEP: usize;
    /// The padding of an image, [`MAX_SEGMENT`] zeros.
    const ZEROS: &'static [Self::A];

    /// `STEP` elements of a row of A, repeated for the columns of a panel.
    type Broadcast<S: Simd>: Copy;
    /// A row of a panel of B.
    type Row<S: Simd>: Copy;

    /// Broadcasts up to `STEP` elements of a row of A. Missing elements are zero.
    fn broadcast<S: Simd>(s: S, x: &[Self::A]) -> Self::Broadcast<S>;
    /// Loads a row of a panel: `STEP` · [`PANEL`] elements.
    fn row<S: Simd>(s: S, w: &[Self::B]) -> Self::Row<S>;
    /// x·w + sums
    fn mul_add<S: Simd>(
        s: S,
        x: Self::Broadcast<S>,
        w: Self::Row<S>,
        sums: <Self::Acc as Accumulator>::Panel<S>,
    ) -> <Self::Acc as Accumulator>::Panel<S>;
}

impl Accumulator for f32 {
    type Panel<S: Simd> = S::Panel;

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::Panel {
        s.panel(0.0)
    }
    #[inline(always)]
    fn add<S: Simd>(s: S, a: S::Panel, b: S::Panel) -> S::Panel {
        s.panel_add(a, b)
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32]) -> S::Panel {
        if from.len() == PANEL {
            return s.load_panel(from);
        }
        if const { S::COMPACT } {
            // Copying takes less code than a branch for each column.
            let mut columns = [0.0; PANEL];
            copy_some(&mut columns, from);
            return s.load_panel(&columns);
        }
        s.panel_load_partial(from)
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, sums: S::Panel, to: &mut [f32]) {
        if to.len() == PANEL {
            s.store_panel(sums, to);
        } else if const { S::COMPACT } {
            let mut columns = [0.0; PANEL];
            s.store_panel(sums, &mut columns);
            copy_some(to, &columns);
        } else {
            s.panel_store_partial(sums, to);
        }
    }
}

/// Copies as many elements as both slices have.
#[inline(always)]
fn copy_some(to: &mut [f32], from: &[f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

/// f32 × f32 → f32
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32;

impl MulAdd for F32 {
    type A = f32;
    type B = f32;
    type Acc = f32;

    const STEP: usize = 1;
    const ZEROS: &'static [f32] = &[0.0; MAX_SEGMENT];

    type Broadcast<S: Simd> = S::F32;
    type Row<S: Simd> = S::Panel;

    #[inline(always)]
    fn broadcast<S: Simd>(s: S, x: &[f32]) -> S::F32 {
        s.splat(x[0])
    }
    #[inline(always)]
    fn row<S: Simd>(s: S, w: &[f32]) -> S::Panel {
        s.load_panel(w)
    }
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, x: S::F32, w: S::Panel, sums: S::Panel) -> S::Panel {
        s.panel_fma(x, w, sums)
    }
}
