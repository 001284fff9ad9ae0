//! Large layers on several threads, with the feature `rayon`. Without it, all of this is a plain call.
//!
//! Pieces are cut where one thread would begin another register tile, so that most sums are the same bit by bit; where a
//! piece has so few rows that they are blocked otherwise, sums are rounded otherwise, as they are in a smaller batch.

use core::ops::Range;

use crate::operand::Weights;
use crate::simd::{MAX_ROWS, STRIP};

/// A multiply-add that reads memory for itself alone takes so many times as long as in a product.
pub(crate) const SLOW: usize = 4;

/// Multiply-adds for which it pays to wake a thread: ten microseconds and more.
#[cfg(feature = "rayon")]
const LEAST: usize = 1 << 20;

/// How many threads `work` multiply-adds are worth, of those of the current pool.
#[cfg(feature = "rayon")]
pub(crate) fn threads(work: usize) -> usize {
    // Asking for the pool starts it, which a small model shall not.
    if work < 2 * LEAST { 1 } else { rayon_core::current_num_threads().clamp(1, work / LEAST) }
}

#[cfg(not(feature = "rayon"))]
#[inline(always)]
pub(crate) fn threads(_: usize) -> usize {
    1
}

/// Runs `run` for a whole product: for pieces of its rows, or of its columns if there is one row, each with its own part
/// of y.
#[inline(always)]
pub(crate) fn each_part(
    rows: usize,
    weights: Weights<'_>,
    y: &mut [f32],
    run: impl Fn(Range<usize>, Weights<'_>, &mut [f32]) + Sync,
) {
    let work = rows.saturating_mul(weights.k).saturating_mul(weights.n);
    // In a product with one row each weight is read for one multiply-add.
    let threads = threads(if rows == 1 { work.saturating_mul(SLOW) } else { work });
    if threads <= 1 {
        return run(0..rows, weights, y);
    }
    if rows == 1 {
        let (n, begin) = (weights.n, |strip| strip * STRIP);
        let strips = (n / STRIP).max(1);
        each_piece(strips, threads, begin, y, &mut [], |piece, y, _| {
            let end = if piece.end == strips { n } else { begin(piece.end) };
            run(0..1, weights.columns(begin(piece.start)..end), y);
        });
        return;
    }
    // The largest tile of every instruction set divides the highest; what is left over belongs to the last one.
    let (tiles, begin) = ((rows / MAX_ROWS).max(1), |tile| tile * MAX_ROWS * weights.stride);
    each_piece(tiles, threads, begin, y, &mut [], |piece, y, _| {
        let end = if piece.end == tiles { rows } else { piece.end * MAX_ROWS };
        run(piece.start * MAX_ROWS..end, weights, y);
    });
}

/// Runs `run` for `units`: for one piece of them for each thread, with its own parts of y, where a unit begins at `begin`,
/// and of the scratch memory, which is parted evenly.
///
/// A thread that has left work to others already keeps the layer to itself: they are busy, or will be.
#[cfg(feature = "rayon")]
pub(crate) fn each_piece(
    units: usize,
    threads: usize,
    begin: impl Fn(usize) -> usize + Sync,
    y: &mut [f32],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
) {
    if threads <= 1 || units <= 1 || rayon_core::current_thread_has_pending_tasks() == Some(true) {
        return run(0..units, y, scratch);
    }
    let len = units.div_ceil(threads);
    halves(Cut { units: 0..units, len }, &begin, y, scratch, &run);
}

#[cfg(not(feature = "rayon"))]
pub(crate) fn each_piece(
    units: usize,
    _threads: usize,
    _begin: impl Fn(usize) -> usize + Sync,
    y: &mut [f32],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
) {
    run(0..units, y, scratch);
}

/// Units that are to be cut into pieces of `len`, the last of which may be shorter.
#[cfg(feature = "rayon")]
struct Cut {
    units: Range<usize>,
    len: usize,
}

#[cfg(feature = "rayon")]
fn halves(
    Cut { units, len }: Cut,
    begin: &(impl Fn(usize) -> usize + Sync),
    y: &mut [f32],
    scratch: &mut [f32],
    run: &(impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync),
) {
    let pieces = units.len().div_ceil(len);
    if pieces <= 1 {
        return run(units, y, scratch);
    }
    let middle = units.start + pieces / 2 * len;
    let (y_above, y_below) = y.split_at_mut(begin(middle) - begin(units.start));
    let (above, below) = scratch.split_at_mut(scratch.len() / pieces * (pieces / 2));
    rayon_core::join(
        || halves(Cut { units: units.start..middle, len }, begin, y_above, above, run),
        || halves(Cut { units: middle..units.end, len }, begin, y_below, below, run),
    );
}
