//! What sums start with, and what becomes of them before they are stored.

use core::ops::Range;

use crate::simd::{F32, MulAdd, PANEL, Simd};

/// Bounds that leave every number as it is.
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

/// The beginning and the end of the sums of a register tile of `MR` rows by `P` panels.
pub(crate) trait Epilogue<T: MulAdd>: Copy + Send + Sync {
    /// An element of C.
    type Output: Send;
    /// Whether C can hold the sums of a part of the k. Else the k is not cut into blocks.
    const PARTIAL: bool;

    /// What is left of it for a block of the k, which is the first or the last or neither.
    fn block(self, first: bool, last: bool) -> Self;

    /// The same for some of the columns.
    fn columns(self, range: Range<usize>) -> Self;

    /// What the sums of a tile start with.
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[T::Sums<S>; P]; MR];

    /// Stores what becomes of the sums of a tile in `c`.
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: [[T::Sums<S>; P]; MR],
        c: &mut [Self::Output],
    );
}

/// Where a register tile lies in C.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub row: usize,
    pub column: usize,
    /// How many columns it has: all of its panels, or fewer in the last one.
    pub width: usize,
    /// From one row of C to the next.
    pub ldc: usize,
}

impl Tile {
    /// The numbers of the tile's row `i` in C.
    #[inline(always)]
    pub fn row_of<C>(self, i: usize, c: &mut [C]) -> &mut [C] {
        &mut c[(self.row + i) * self.ldc + self.column..][..self.width]
    }

    /// The numbers of the tile's columns in a vector of one for each column of C.
    #[inline(always)]
    pub fn columns_of<C>(self, vector: &[C]) -> &[C] {
        &vector[self.column..self.column + self.width]
    }
}

/// clamp(A·B + bias + C) of floats.
#[derive(Clone, Copy)]
pub(crate) struct Linear<'a> {
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
    /// Whether what C holds is added.
    pub accumulate: bool,
    pub low: f32,
    pub high: f32,
}

impl Linear<'_> {
    /// A·B
    pub const PLAIN: Self = Self { bias: None, accumulate: false, low: UNBOUNDED.0, high: UNBOUNDED.1 };
}

impl Epilogue<F32> for Linear<'_> {
    type Output = f32;
    const PARTIAL: bool = true;

    #[inline(always)]
    fn block(self, first: bool, last: bool) -> Self {
        Self {
            bias: if first { self.bias } else { None },
            accumulate: !first || self.accumulate,
            low: if last { self.low } else { UNBOUNDED.0 },
            high: if last { self.high } else { UNBOUNDED.1 },
        }
    }

    fn columns(self, range: Range<usize>) -> Self {
        Self { bias: self.bias.map(|bias| &bias[range]), ..self }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::Panel; P]; MR] {
        let mut sums = [[s.panel(0.0); P]; MR];
        if let Some(bias) = self.bias {
            sums = [load::<S, F32, P>(s, tile.columns_of(bias)); MR];
        }
        sums
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        mut sums: [[S::Panel; P]; MR],
        c: &mut [f32],
    ) {
        // What is there already comes last: short sums that are added up are more exact than a long one.
        if self.accumulate {
            for i in 0..MR {
                let output = load::<S, F32, P>(s, tile.row_of(i, c));
                for j in 0..P {
                    sums[i][j] = s.panel_add(sums[i][j], output[j]);
                }
            }
        }
        let (low, high) = (s.splat(self.low), s.splat(self.high));
        for i in 0..MR {
            for j in 0..P {
                sums[i][j] = s.panel_clamp(sums[i][j], low, high);
            }
            store::<S, F32, P>(s, sums[i], tile.row_of(i, c));
        }
    }
}

/// Loads panels from as many numbers as there are; only the last panel may have fewer than its columns.
#[inline(always)]
pub(super) fn load<S: Simd, T: MulAdd, const P: usize>(s: S, from: &[T::Sum]) -> [T::Sums<S>; P] {
    let mut panels = [T::zero(s); P];
    for j in 0..P - 1 {
        panels[j] = T::load(s, &from[j * PANEL..][..PANEL]);
    }
    panels[P - 1] = T::load(s, &from[(P - 1) * PANEL..]);
    panels
}

/// Stores as many numbers of the panels as there is room for, which only the last panel may have too little of.
#[inline(always)]
pub(super) fn store<S: Simd, T: MulAdd, const P: usize>(s: S, panels: [T::Sums<S>; P], to: &mut [T::Sum]) {
    let (whole, last) = to.split_at_mut((P - 1) * PANEL);
    for j in 0..P - 1 {
        T::store(s, panels[j], &mut whole[j * PANEL..][..PANEL]);
    }
    T::store(s, panels[P - 1], last);
}
