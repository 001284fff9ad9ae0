//! Matrix products: the driver that cuts a product into register tiles.

use core::mem;
use core::ops::Range;

use crate::gemm::UNBOUNDED;
use crate::gemm::operand::{MAX_RANGE, MAX_SMALL, Rows, Start, Weights};
use crate::simd::{Ahead, Kernel, PANEL, Piece, Simd, accumulate};

/// Bytes of weights that stay in the level-1 cache while rows stream by.
const WEIGHTS_BLOCK: usize = 32 * 1024;
/// Bytes of the left operand that stay in the level-2 cache while weights stream by.
const ROWS_BLOCK: usize = 192 * 1024;
/// So many tiles are few.
const FEW: usize = 4;

/// y = clamp(start + rows·weights).
pub(crate) struct Product<'a, 's> {
    pub rows: Rows<'a, 's>,
    /// How many rows.
    pub count: usize,
    pub weights: Weights<'a>,
    pub y: &'s mut [f32],
}

impl Kernel for Product<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Self { count, weights, .. } = self;
        // Where each weight is used by few rows only, it may as well come from further away.
        let (depth, height) = if count > FEW * S::ROWS {
            let depth =
                if weights.k <= MAX_SMALL { MAX_SMALL } else { WEIGHTS_BLOCK / (S::PANELS * PANEL * 4) };
            (depth, (ROWS_BLOCK / 4 / depth.min(weights.k.max(1))).next_multiple_of(S::ROWS))
        } else {
            (MAX_RANGE, count)
        };
        let depth = depth.min(self.rows.most());
        let mut first = 0;
        while first < count {
            let lines = first..count.min(first + height);
            first = lines.end;
            let mut at = 0;
            loop {
                let left = weights.k - at;
                // No short last block.
                let len = if left < 2 * depth && left > depth { left.div_ceil(2) } else { left.min(depth) };
                let last = at + len == weights.k;
                let block = Weights {
                    start: if at == 0 { weights.start } else { Start::Output },
                    low: if last { weights.low } else { UNBOUNDED.0 },
                    high: if last { weights.high } else { UNBOUNDED.1 },
                    ..weights
                };
                strips(s, &Job { lines: lines.clone(), range: at..at + len, weights: block }, &mut self);
                at += len;
                if last {
                    break;
                }
            }
        }
    }
}

/// Some of the rows times a block of the weights.
struct Job<'a> {
    lines: Range<usize>,
    range: Range<usize>,
    weights: Weights<'a>,
}

/// All columns, a strip of panels at a time.
#[inline(always)]
fn strips<S: Simd>(s: S, job: &Job<'_>, all: &mut Product<'_, '_>) {
    let panels = job.weights.n.div_ceil(PANEL);
    let strips = panels / S::PANELS;
    for strip in 0..strips {
        let strip = if job.weights.backwards { strips - 1 - strip } else { strip };
        let column = strip * S::PANELS * PANEL;
        // Constant conditions spare the compiler the strips that an instruction set does not have.
        if const { S::PANELS == 4 } {
            columns::<S, 4>(s, job, column, all);
        } else {
            columns::<S, 1>(s, job, column, all);
        }
    }
    let column = strips * S::PANELS * PANEL;
    match panels - strips * S::PANELS {
        3 if const { S::PANELS > 3 } => columns::<S, 3>(s, job, column, all),
        2 if const { S::PANELS > 2 } => columns::<S, 2>(s, job, column, all),
        1 if const { S::PANELS > 1 } => columns::<S, 1>(s, job, column, all),
        _ => {}
    }
}

impl Job<'_> {
    /// The weights that are read after those of the panels before `panel`: of further columns, or else the next of the k,
    /// or else what lies behind.
    #[inline(always)]
    fn ahead(&self, panel: usize) -> Ahead {
        let (w, range) = (&self.weights, &self.range);
        let (panel, first) = match w.n.div_ceil(PANEL) {
            panels if panel < panels => (panel, range.start),
            _ if range.end < w.k => (0, range.end),
            panels => (panels, 0),
        };
        let pitch = w.k * PANEL;
        match w.panels.get(panel * pitch + first * PANEL..) {
            Some(panels) if !panels.is_empty() => Ahead::new(panels, pitch, range.len().min(w.k - first)),
            _ => Ahead::NOTHING,
        }
    }
}

/// `P` panels of columns for all lines.
#[inline(always)]
fn columns<S: Simd, const P: usize>(s: S, job: &Job<'_>, column: usize, all: &mut Product<'_, '_>) {
    let tiles = job.lines.len().div_ceil(S::ROWS);
    let (mut ahead, mut share) = (Ahead::NOTHING, 0);
    // Of few rows each weight is used so seldom that there is no time to ask for others.
    if tiles > FEW && !job.weights.backwards {
        ahead = job.ahead(column / PANEL + P);
        share = ahead.rows().div_ceil(tiles);
    }
    let mut row = job.lines.start;
    while row < job.lines.end {
        let soon = ahead.take(share);
        let height = match job.lines.end - row {
            left if left >= 2 * S::ROWS => S::ROWS,
            // Two tiles of nearly equal height are faster than a full one and a low one.
            left if left > S::ROWS => left.div_ceil(2),
            left => left,
        };
        // Constant conditions spare the compiler the tiles that an instruction set has no registers for.
        match height {
            6 if const { S::ROWS >= 6 } => tile::<S, 6, P>(s, job, [row, column], soon, all),
            5 if const { S::ROWS >= 5 } => {
                tile::<S, 5, P>(s, job, [row, column], soon, all);
            }
            4 if const { S::ROWS >= 4 } => tile::<S, 4, P>(s, job, [row, column], soon, all),
            3 if const { S::ROWS >= 3 } => {
                tile::<S, 3, P>(s, job, [row, column], soon, all);
            }
            2 => tile::<S, 2, P>(s, job, [row, column], soon, all),
            _ => tile::<S, 1, P>(s, job, [row, column], soon, all),
        }
        row += height;
    }
}

/// One register tile; it asks for the numbers `ahead`.
#[inline(always)]
fn tile<S: Simd, const M: usize, const P: usize>(
    s: S,
    job: &Job<'_>,
    [row, column]: [usize; 2],
    mut ahead: Ahead,
    Product { rows, y, .. }: &mut Product<'_, '_>,
) {
    let w = &job.weights;
    let mut one = Piece::NONE;
    let pieces = rows.pieces(row, M, job.range.clone(), &mut one);
    let width = (P * PANEL).min(w.n - column);
    let mut sums = [[s.panel(0.0); P]; M];
    if let Start::Bias(bias) | Start::Onto(bias) = w.start {
        sums = [load(s, &bias[column..column + width]); M];
    }
    let first = column / PANEL;
    let mut panels = [w.panels; P];
    for (i, panel) in panels.iter_mut().enumerate() {
        *panel = &w.panels[(first + i) * w.k * PANEL..][..w.k * PANEL];
    }
    for piece in pieces {
        sums = accumulate(s, piece, panels, sums, mem::replace(&mut ahead, Ahead::NOTHING));
    }
    // What is there already comes last: short sums that are added up are more exact than a long one.
    if let Start::Output | Start::Onto(_) = w.start {
        for i in 0..M {
            let output: [S::Panel; P] = load(s, &y[(row + i) * w.stride + column..][..width]);
            for j in 0..P {
                sums[i][j] = s.panel_add(sums[i][j], output[j]);
            }
        }
    }
    let (low, high) = (s.splat(w.low), s.splat(w.high));
    for i in 0..M {
        for j in 0..P {
            sums[i][j] = s.panel_clamp(sums[i][j], low, high);
        }
        store(s, sums[i], &mut y[(row + i) * w.stride + column..][..width]);
    }
}

/// Loads panels from as many numbers as there are; only the last panel may have fewer than its columns.
#[inline(always)]
fn load<S: Simd, const P: usize>(s: S, x: &[f32]) -> [S::Panel; P] {
    let mut panels = [s.panel(0.0); P];
    for j in 0..P - 1 {
        panels[j] = s.load_panel(&x[j * PANEL..]);
    }
    let last = &x[(P - 1) * PANEL..];
    panels[P - 1] = if last.len() == PANEL { s.load_panel(last) } else { s.panel_load_partial(last) };
    panels
}

/// Stores as many numbers of the panels as there is room for, which only the last panel may have too little of.
#[inline(always)]
fn store<S: Simd, const P: usize>(s: S, panels: [S::Panel; P], y: &mut [f32]) {
    let (whole, last) = y.split_at_mut((P - 1) * PANEL);
    for j in 0..P - 1 {
        s.store_panel(panels[j], &mut whole[j * PANEL..]);
    }
    if last.len() == PANEL {
        s.store_panel(panels[P - 1], last);
    } else {
        s.panel_store_partial(panels[P - 1], last);
    }
}
