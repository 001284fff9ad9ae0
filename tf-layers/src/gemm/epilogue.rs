//! What happens to the sums of a register tile before they are stored in C.

use core::hint::black_box;
use core::ops::Range;

use crate::checked::{part, part_mut};
use crate::simd::{Accumulator, Accumulators, PANEL, PanelRows, Simd};

/// A piecewise linear function that a kernel applies to its results before it stores them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rectifier<'a> {
    /// min(max(x, low), high)
    Clamp(f32, f32),
    /// x, or αx if x < 0
    Leaky(f32),
    /// As `Leaky`, with an α for each column
    Parametric(&'a [f32]),
}

impl Rectifier<'_> {
    /// x
    pub const NONE: Self = Self::Clamp(f32::NEG_INFINITY, f32::INFINITY);

    /// The function for some of the columns.
    #[inline(always)]
    pub fn columns(self, range: Range<usize>) -> Self {
        match self {
            Self::Parametric(slopes) => Self::Parametric(part(slopes, range)),
            other => other,
        }
    }

    /// The function of a vector of results, whose first one is in column `column`.
    ///
    /// `width` is the number of lanes that are columns.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, x: S::F32, column: usize, width: usize) -> S::F32 {
        match self {
            Self::Clamp(low, high) => s.min(s.splat(high), s.max(s.splat(low), x)),
            Self::Leaky(slope) => s.leaky(x, s.splat(slope)),
            Self::Parametric(slopes) => {
                let slopes = part(slopes, column..column + width);
                s.leaky(x, if width == S::LANES { s.load(slopes) } else { s.load_partial(slopes, 0.0) })
            }
        }
    }
}

/// Initializes the accumulators of a register tile and stores the results.
pub(crate) trait Epilogue<A: Accumulator>: Copy + Send + Sync {
    /// An element of C.
    type Output: Send;
    /// Whether C can hold the partial sums of a block of k. If not, k is not split into blocks of KC.
    const PARTIAL_SUMS: bool;
    /// Whether register tiles are one panel wide, so that a program has less code.
    const NARROW: bool = false;

    /// The epilogue of one block of k. `first` and `last` tell whether it is the first and the last block.
    fn block(self, first: bool, last: bool) -> Self;

    /// The epilogue of some of the columns.
    fn columns(self, range: Range<usize>) -> Self;

    /// The epilogue of the rows from row `first` on.
    #[inline(always)]
    fn rows(self, _first: usize) -> Self {
        self
    }

    /// The initial values of the accumulators.
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> Accumulators<S, A, MR, P>;

    /// Turns the sums into results and stores them in `c`.
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        sums: Accumulators<S, A, MR, P>,
        c: &mut [Self::Output],
    );
}

/// The position of a register tile in C.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub row: usize,
    pub column: usize,
    /// The number of columns. Only the last panel of a tile may have fewer than [`PANEL`].
    pub width: usize,
    /// Elements from one row of C to the next.
    pub ldc: usize,
}

impl Tile {
    /// The elements of C from the first of the tile on.
    #[inline(always)]
    pub fn of<C>(self, c: &mut [C]) -> &mut [C] {
        part_mut(c, self.row * self.ldc + self.column..)
    }

    /// The elements of C in row `i` of the tile.
    #[inline(always)]
    pub fn row_of<C>(self, i: usize, c: &mut [C]) -> &mut [C] {
        part_mut(part_mut(c, (self.row + i) * self.ldc + self.column..), ..self.width)
    }

    /// The part of a vector, with one element for each column of C, that belongs to the columns of the tile.
    #[inline(always)]
    pub fn columns_of<C>(self, vector: &[C]) -> &[C] {
        part(vector, self.column..self.column + self.width)
    }
}

/// The epilogue of a linear layer: C = rectifier(A·B + bias), or rectifier(A·B + bias + C) to accumulate.
#[derive(Clone, Copy)]
pub(crate) struct Linear<'a> {
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
    /// Whether to add the previous contents of C.
    pub accumulate: bool,
    pub rectifier: Rectifier<'a>,
}

impl Linear<'_> {
    /// C = A·B
    pub const PLAIN: Self = Self { bias: None, accumulate: false, rectifier: Rectifier::NONE };
}

impl Epilogue<f32> for Linear<'_> {
    type Output = f32;
    const PARTIAL_SUMS: bool = true;

    #[inline(always)]
    fn block(self, first: bool, last: bool) -> Self {
        Self {
            bias: if first { self.bias } else { None },
            accumulate: !first || self.accumulate,
            rectifier: if last { self.rectifier } else { Rectifier::NONE },
        }
    }

    fn columns(self, range: Range<usize>) -> Self {
        let rectifier = self.rectifier.columns(range.clone());
        Self { bias: self.bias.map(|bias| part(bias, range)), rectifier, ..self }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, tile: Tile) -> [[S::Panel; P]; MR] {
        let mut sums = [[s.panel(0.0); P]; MR];
        if let Some(bias) = self.bias {
            sums = [load::<S, f32, P>(s, tile.columns_of(bias)); MR];
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
        let Some(mut rows) = PanelRows::<MR, P>::new(tile.of(c), tile.ldc, tile.width) else { return };
        // C is added last: adding up short sums rounds less than one long sum.
        if self.accumulate {
            for i in 0..MR {
                let output = rows.load(s, i);
                for j in 0..P {
                    sums[i][j] = s.panel_add(sums[i][j], output[j]);
                }
            }
        }
        if let Rectifier::Clamp(low, high) = self.rectifier {
            // Hidden from the compiler, which would otherwise broadcast the bounds before the loop and spill them in it.
            let (low, high) = black_box((low, high));
            let (low, high) = (s.splat(low), s.splat(high));
            for i in 0..MR {
                for j in 0..P {
                    sums[i][j] = s.panel_clamp(sums[i][j], low, high);
                }
            }
        } else {
            let slopes = match self.rectifier {
                Rectifier::Parametric(slopes) => load::<S, f32, P>(s, tile.columns_of(slopes)),
                Rectifier::Leaky(slope) => [s.panel(slope); P],
                Rectifier::Clamp(..) => [s.panel(1.0); P],
            };
            for i in 0..MR {
                for j in 0..P {
                    sums[i][j] = s.panel_leaky(sums[i][j], slopes[j]);
                }
            }
        }
        for i in 0..MR {
            rows.store(s, i, sums[i]);
        }
    }
}

/// The epilogue of a linear layer whose columns of B have scales: C = rectifier(A·B·scales + bias), with the options of
/// [`Linear`].
#[derive(Clone, Copy)]
pub(crate) struct Scaled<'a> {
    /// One number for each column.
    pub scales: &'a [f32],
    pub linear: Linear<'a>,
}

impl Epilogue<f32> for Scaled<'_> {
    type Output = f32;
    const PARTIAL_SUMS: bool = true;

    #[inline(always)]
    fn block(self, first: bool, last: bool) -> Self {
        Self { linear: self.linear.block(first, last), ..self }
    }

    fn columns(self, range: Range<usize>) -> Self {
        Self { scales: part(self.scales, range.clone()), linear: self.linear.columns(range) }
    }

    #[inline(always)]
    fn start<S: Simd, const MR: usize, const P: usize>(self, s: S, _: Tile) -> [[S::Panel; P]; MR] {
        [[s.panel(0.0); P]; MR]
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize, const P: usize>(
        self,
        s: S,
        tile: Tile,
        mut sums: [[S::Panel; P]; MR],
        c: &mut [f32],
    ) {
        let scales = load::<S, f32, P>(s, tile.columns_of(self.scales));
        let bias = self.linear.start::<S, 1, P>(s, tile)[0];
        for i in 0..MR {
            for j in 0..P {
                for lane in 0..PANEL / S::LANES {
                    sums[i][j][lane] = s.fma(sums[i][j][lane], scales[j][lane], bias[j][lane]);
                }
            }
        }
        self.linear.store(s, tile, sums, c);
    }
}

/// Loads a row of `P` panels. Only the last panel may be incomplete; its missing elements are zero.
#[inline(always)]
pub(super) fn load<S: Simd, A: Accumulator, const P: usize>(s: S, from: &[A]) -> [A::Panel<S>; P] {
    let mut panels = [A::zero(s); P];
    for j in 0..P - 1 {
        panels[j] = A::load(s, &from[j * PANEL..][..PANEL]);
    }
    panels[P - 1] = A::load(s, &from[(P - 1) * PANEL..]);
    panels
}

/// Stores a row of `P` panels. Only the last panel may be cut off.
#[inline(always)]
pub(super) fn store<S: Simd, A: Accumulator, const P: usize>(s: S, panels: [A::Panel<S>; P], to: &mut [A]) {
    let (whole, last) = to.split_at_mut((P - 1) * PANEL);
    for j in 0..P - 1 {
        A::store(s, panels[j], &mut whole[j * PANEL..][..PANEL]);
    }
    A::store(s, panels[P - 1], last);
}
