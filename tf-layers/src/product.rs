//! Matrix products: the driver that cuts a product into register tiles.
//!
//! Dense layers and convolutions are the same product; they differ in where the rows of the left
//! operand lie, which is what [`Rows`] tells.

use crate::Matrix;
use crate::simd::{PANEL, Simd, accumulate};

/// The left operand: rows of k numbers, each in one or more pieces.
pub(crate) trait Rows<'a>: Copy {
    /// What is worked out once for `M` rows that are multiplied together.
    type Tile<const M: usize>: Copy;

    /// `M` rows from `row` on.
    fn tile<const M: usize>(self, row: usize) -> Self::Tile<M>;

    /// In how many pieces these rows lie.
    fn pieces<const M: usize>(self, tile: Self::Tile<M>) -> usize;

    /// A piece of each row and which row of the weights it begins at; `None` if it is all zeros.
    fn piece<const M: usize>(self, tile: Self::Tile<M>, piece: usize) -> Option<(usize, [&'a [f32]; M])>;
}

/// The right operand, and what is done with the product.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    /// Panels of 16 columns and `k` rows.
    pub panels: &'a [f32],
    pub k: usize,
    pub n: usize,
    /// What the sums start with.
    pub start: Start<'a>,
    /// The results are clamped to these.
    pub low: f32,
    pub high: f32,
    /// From one row of the output to the next.
    pub stride: usize,
}

impl<'a> Weights<'a> {
    /// The first matrix of `matrix`, for an output without gaps and without bounds.
    pub fn plain(matrix: &Matrix<'a>, start: Start<'a>) -> Self {
        Self {
            panels: matrix.group(0),
            k: matrix.rows(),
            n: matrix.cols(),
            start,
            low: f32::NEG_INFINITY,
            high: f32::INFINITY,
            stride: matrix.cols(),
        }
    }
}

/// What the sums of a product start with.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What the output holds.
    Output,
}

/// The rows of a plain matrix.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a> {
    pub x: &'a [f32],
    pub k: usize,
    pub stride: usize,
}

impl<'a> Rows<'a> for Plain<'a> {
    type Tile<const M: usize> = [&'a [f32]; M];

    #[inline(always)]
    fn tile<const M: usize>(self, row: usize) -> [&'a [f32]; M] {
        let mut rows = [&self.x[..0]; M];
        for (i, slice) in rows.iter_mut().enumerate() {
            *slice = &self.x[(row + i) * self.stride..][..self.k];
        }
        rows
    }

    #[inline(always)]
    fn pieces<const M: usize>(self, _: [&'a [f32]; M]) -> usize {
        1
    }

    #[inline(always)]
    fn piece<const M: usize>(self, tile: [&'a [f32]; M], _: usize) -> Option<(usize, [&'a [f32]; M])> {
        Some((0, tile))
    }
}

/// Bytes of the left operand that are worked on before moving on: half of a small level-2 cache.
const BLOCK: usize = 128 * 1024;

/// y = clamp(start + rows·weights) for `count` rows.
#[inline(always)]
pub(crate) fn product<'a, S: Simd, R: Rows<'a>>(s: S, rows: R, count: usize, w: Weights<'_>, y: &mut [f32]) {
    let block = (BLOCK / 4 / w.k.max(1)).max(S::ROWS).next_multiple_of(S::ROWS);
    for first in (0..count).step_by(block) {
        let last = count.min(first.saturating_add(block));
        let mut column = 0;
        while column < w.n {
            let panels = (w.n - column).div_ceil(PANEL);
            if S::PANELS >= 4 && panels >= 4 {
                strip::<S, R, 4>(s, rows, first, last, column, w, y);
                column += 4 * PANEL;
            } else if S::PANELS >= 2 && panels >= 2 {
                strip::<S, R, 2>(s, rows, first, last, column, w, y);
                column += 2 * PANEL;
            } else {
                strip::<S, R, 1>(s, rows, first, last, column, w, y);
                column += PANEL;
            }
        }
    }
}

/// `P` panels of columns for the rows `first..last`.
#[inline(always)]
fn strip<'a, S: Simd, R: Rows<'a>, const P: usize>(
    s: S,
    rows: R,
    first: usize,
    last: usize,
    column: usize,
    w: Weights<'_>,
    y: &mut [f32],
) {
    let mut row = first;
    while row < last {
        let left = last - row;
        // Two tiles of nearly equal height are faster than a full one and a low one.
        let height = match left {
            left if left >= 2 * S::ROWS => S::ROWS,
            left if left > S::ROWS => left.div_ceil(2),
            left => left,
        };
        match height {
            6 if S::ROWS >= 6 => tile::<S, R, 6, P>(s, rows, row, column, w, y),
            5 if S::ROWS >= 5 => tile::<S, R, 5, P>(s, rows, row, column, w, y),
            4 if S::ROWS >= 4 => tile::<S, R, 4, P>(s, rows, row, column, w, y),
            3 if S::ROWS >= 3 => tile::<S, R, 3, P>(s, rows, row, column, w, y),
            2 => tile::<S, R, 2, P>(s, rows, row, column, w, y),
            _ => tile::<S, R, 1, P>(s, rows, row, column, w, y),
        }
        row += height;
    }
}

/// One register tile.
#[inline(always)]
fn tile<'a, S: Simd, R: Rows<'a>, const M: usize, const P: usize>(
    s: S,
    rows: R,
    row: usize,
    column: usize,
    w: Weights<'_>,
    y: &mut [f32],
) {
    let width = (P * PANEL).min(w.n - column);
    let mut sums = [[s.panel(0.0); P]; M];
    match w.start {
        Start::Zero => {}
        Start::Bias(bias) => {
            let mut start = [s.panel(0.0); P];
            load(s, &bias[column..column + width], &mut start);
            sums = [start; M];
        }
        Start::Output => {
            for (i, sums) in sums.iter_mut().enumerate() {
                load(s, &y[(row + i) * w.stride + column..][..width], sums);
            }
        }
    }
    let first_panel = column / PANEL;
    let mut panels = [w.panels; P];
    for (i, panel) in panels.iter_mut().enumerate() {
        *panel = &w.panels[(first_panel + i) * w.k * PANEL..][..w.k * PANEL];
    }
    let tile = rows.tile::<M>(row);
    for piece in 0..rows.pieces(tile) {
        if let Some((start, slices)) = rows.piece(tile, piece) {
            let mut rest = panels;
            for panel in &mut rest {
                *panel = &panel[start * PANEL..];
            }
            accumulate(s, slices, rest, &mut sums);
        }
    }
    let (low, high) = (s.splat(w.low), s.splat(w.high));
    for (i, sums) in sums.iter_mut().enumerate() {
        for vector in sums.iter_mut().flat_map(AsMut::as_mut) {
            *vector = s.min(high, s.max(low, *vector));
        }
        store(s, sums, &mut y[(row + i) * w.stride + column..][..width]);
    }
}

/// Loads panels from as many numbers as there are.
#[inline(always)]
fn load<S: Simd, const P: usize>(s: S, x: &[f32], panels: &mut [S::Panel; P]) {
    let whole = x.len() >= P * PANEL;
    for (i, vector) in panels.iter_mut().flat_map(AsMut::as_mut).enumerate() {
        let x = x.get(i * S::LANES..).unwrap_or(&[]);
        *vector = if whole { s.load(x) } else { s.load_partial(x, 0.0) };
    }
}

/// Stores as many numbers of the panels as there is room for.
#[inline(always)]
fn store<S: Simd, const P: usize>(s: S, panels: &[S::Panel; P], y: &mut [f32]) {
    let whole = y.len() >= P * PANEL;
    for (i, &vector) in panels.iter().flat_map(AsRef::as_ref).enumerate() {
        let y = y.get_mut(i * S::LANES..).unwrap_or(&mut []);
        if whole {
            s.store(vector, y);
        } else {
            s.store_partial(vector, y);
        }
    }
}
