//! What is multiplied in a matrix product, and what the products are summed up in.

use super::{MAX_SEGMENT, PANEL, Simd};

/// The numbers of a product A·B, and how they are multiplied and added.
///
/// A row of a panel of B is [`PANEL`] columns of `STEP` neighbouring numbers of k. An instruction set may multiply several of
/// them at once, as VNNI does four pairs of bytes.
pub(crate) trait MulAdd: Copy + Send + Sync + 'static {
    /// An element of A.
    type A: Copy + Default + Send + Sync + 'static;
    /// An element of B.
    type B: Copy + Default + Send + Sync + 'static;
    /// What the products are summed up in.
    type Sum: Copy + Send + Sync + 'static;

    /// Numbers of k that one multiply-add takes.
    const STEP: usize;
    /// What padding reads: [`MAX_SEGMENT`] zeros.
    const ZEROS: &'static [Self::A];

    /// [`PANEL`] sums.
    type Sums<S: Simd>: Copy;
    /// `STEP` numbers of a row of A, for all columns of a panel.
    type Broadcast<S: Simd>: Copy;
    /// A row of a panel of B.
    type Row<S: Simd>: Copy;

    /// No products yet.
    fn zero<S: Simd>(s: S) -> Self::Sums<S>;
    /// From up to `STEP` numbers; those that are missing are zeros.
    fn broadcast<S: Simd>(s: S, x: &[Self::A]) -> Self::Broadcast<S>;
    /// From `STEP` · [`PANEL`] numbers.
    fn row<S: Simd>(s: S, w: &[Self::B]) -> Self::Row<S>;
    /// x·w + sums
    fn mul_add<S: Simd>(s: S, x: Self::Broadcast<S>, w: Self::Row<S>, sums: Self::Sums<S>) -> Self::Sums<S>;
    /// a + b
    fn add<S: Simd>(s: S, a: Self::Sums<S>, b: Self::Sums<S>) -> Self::Sums<S>;
    /// From [`PANEL`] sums or fewer, the others 0.
    fn load<S: Simd>(s: S, sums: &[Self::Sum]) -> Self::Sums<S>;
    /// As many as there is room for.
    fn store<S: Simd>(s: S, sums: Self::Sums<S>, to: &mut [Self::Sum]);
}

/// f32·f32, summed up in f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32;

impl MulAdd for F32 {
    type A = f32;
    type B = f32;
    type Sum = f32;

    const STEP: usize = 1;
    const ZEROS: &'static [f32] = &[0.0; MAX_SEGMENT];

    type Sums<S: Simd> = S::Panel;
    type Broadcast<S: Simd> = S::F32;
    type Row<S: Simd> = S::Panel;

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::Panel {
        s.panel(0.0)
    }
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
    #[inline(always)]
    fn add<S: Simd>(s: S, a: S::Panel, b: S::Panel) -> S::Panel {
        s.panel_add(a, b)
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, sums: &[f32]) -> S::Panel {
        if sums.len() == PANEL { s.load_panel(sums) } else { s.panel_load_partial(sums) }
    }
    #[inline(always)]
    fn store<S: Simd>(s: S, sums: S::Panel, to: &mut [f32]) {
        if to.len() == PANEL { s.store_panel(sums, to) } else { s.panel_store_partial(sums, to) }
    }
}
