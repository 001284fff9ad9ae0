//! Matrix products: the driver that cuts a product into register tiles.

use core::mem;
use core::ops::Range;

use crate::operand::{MAX_RANGE, MAX_SMALL, Rows, Start, Weights};
use crate::simd::{Ahead, PANEL, Simd, accumulate};

/// Bytes of weights that stay in the level-1 cache while rows stream by.
const WEIGHTS_BLOCK: usize = 32 * 1024;
/// Bytes of the left operand that stay in the level-2 cache while weights stream by.
const ROWS_BLOCK: usize = 192 * 1024;
/// So many tiles are few.
const FEW: usize = 4;

/// y = clamp(start + rows·weights) for `count` rows.
#[inline(always)]
pub(crate) fn product<'a, S: Simd, R: Rows<'a>>(
    s: S,
    rows: R,
    count: usize,
    weights: Weights<'_>,
    y: &mut [f32],
) {
    // Where each weight is used by few rows only, it may as well come from further away.
    let (depth, height) = if count > FEW * S::ROWS {
        let depth = if weights.k <= MAX_SMALL { MAX_SMALL } else { WEIGHTS_BLOCK / (S::PANELS * PANEL * 4) };
        (depth, (ROWS_BLOCK / 4 / depth.min(weights.k.max(1))).next_multiple_of(S::ROWS))
    } else {
        (MAX_RANGE, count)
    };
    let mut space = R::space();
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
                low: if last { weights.low } else { f32::NEG_INFINITY },
                high: if last { weights.high } else { f32::INFINITY },
                ..weights
            };
            strips(
                s,
                &Job { rows, lines: lines.clone(), range: at..at + len, weights: block },
                &mut space,
                y,
            );
            at += len;
            if last {
                break;
            }
        }
    }
}

/// Some of the rows times a block of the weights.
#[derive(Clone)]
struct Job<'w, R> {
    rows: R,
    lines: Range<usize>,
    range: Range<usize>,
    weights: Weights<'w>,
}

/// All columns, a strip of panels at a time.
#[inline(always)]
fn strips<'a, S: Simd, R: Rows<'a>>(s: S, job: &Job<'_, R>, space: &mut R::Space, y: &mut [f32]) {
    let mut column = 0;
    while column < job.weights.n {
        let panels = (job.weights.n - column).div_ceil(PANEL);
        if const { S::PANELS >= 4 } && panels >= 4 {
            strip::<S, R, 4>(s, job, column, space, y);
            column += 4 * PANEL;
        } else if const { S::PANELS >= 3 && R::EVERY_SIZE } && panels == 3 {
            strip::<S, R, 3>(s, job, column, space, y);
            column += 3 * PANEL;
        } else if const { S::PANELS >= 2 } && panels >= 2 {
            strip::<S, R, 2>(s, job, column, space, y);
            column += 2 * PANEL;
        } else {
            strip::<S, R, 1>(s, job, column, space, y);
            column += PANEL;
        }
    }
}

impl<R> Job<'_, R> {
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
fn strip<'a, S: Simd, R: Rows<'a>, const P: usize>(
    s: S,
    job: &Job<'_, R>,
    column: usize,
    space: &mut R::Space,
    y: &mut [f32],
) {
    let tiles = job.lines.len().div_ceil(S::ROWS);
    let (mut ahead, mut share) = (Ahead::NOTHING, 0);
    // Of few rows each weight is used so seldom that there is no time to ask for others.
    if tiles > FEW {
        ahead = job.ahead(column / PANEL + P);
        share = ahead.rows().div_ceil(tiles);
    }
    let mut row = job.lines.start;
    while row < job.lines.end {
        let soon = ahead.take(share);
        let height = match job.lines.end - row {
            left if left >= 2 * S::ROWS => S::ROWS,
            // Two tiles of nearly equal height are faster than a full one and a low one.
            left if R::EVERY_SIZE && left > S::ROWS => left.div_ceil(2),
            left if R::EVERY_SIZE || left >= S::ROWS => left.min(S::ROWS),
            left => 1 << left.ilog2(),
        };
        // Constant conditions spare the compiler the tiles that an instruction set has no registers for.
        match height {
            6 if const { S::ROWS >= 6 } => tile::<S, R, 6, P>(s, job, [row, column], soon, space, y),
            5 if const { S::ROWS >= 5 && R::EVERY_SIZE } => {
                tile::<S, R, 5, P>(s, job, [row, column], soon, space, y);
            }
            4 if const { S::ROWS >= 4 } => tile::<S, R, 4, P>(s, job, [row, column], soon, space, y),
            3 if const { S::ROWS == 3 || S::ROWS > 3 && R::EVERY_SIZE } => {
                tile::<S, R, 3, P>(s, job, [row, column], soon, space, y);
            }
            2 => tile::<S, R, 2, P>(s, job, [row, column], soon, space, y),
            _ => tile::<S, R, 1, P>(s, job, [row, column], soon, space, y),
        }
        row += height;
    }
}

/// One register tile; it asks for the numbers `ahead`.
#[inline(always)]
fn tile<'a, S: Simd, R: Rows<'a>, const M: usize, const P: usize>(
    s: S,
    job: &Job<'_, R>,
    [row, column]: [usize; 2],
    mut ahead: Ahead,
    space: &mut R::Space,
    y: &mut [f32],
) {
    let w = &job.weights;
    let width = (P * PANEL).min(w.n - column);
    let mut sums = [[s.panel(0.0); P]; M];
    match w.start {
        Start::Zero => {}
        Start::Bias(bias) => sums = [load(s, &bias[column..column + width]); M],
        Start::Output | Start::Onto(_) => {
            for i in 0..M {
                sums[i] = load(s, &y[(row + i) * w.stride + column..][..width]);
            }
            if let Start::Onto(bias) = w.start {
                let bias: [S::Panel; P] = load(s, &bias[column..column + width]);
                for i in 0..M {
                    for j in 0..P {
                        sums[i][j] = s.panel_add(sums[i][j], bias[j]);
                    }
                }
            }
        }
    }
    let first = column / PANEL;
    let mut panels = [w.panels; P];
    for (i, panel) in panels.iter_mut().enumerate() {
        *panel = &w.panels[(first + i) * w.k * PANEL..][..w.k * PANEL];
    }
    let tile = job.rows.tile::<M>(row);
    for piece in job.rows.pieces(&tile, job.range.clone()) {
        if let Some((start, lines)) = job.rows.piece(&tile, piece, job.range.clone(), space) {
            let mut rest = panels;
            for panel in &mut rest {
                *panel = &panel[start * PANEL..];
            }
            sums = accumulate(s, lines, rest, sums, mem::replace(&mut ahead, Ahead::NOTHING));
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
