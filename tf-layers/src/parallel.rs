//! Large layers on several threads, with the feature `rayon`. Without it, all of this is a plain call.
//!
//! Pieces are cut where one thread would begin another register tile, so that most sums are the same bit by bit; where a
//! piece has so few rows that they are blocked otherwise, sums are rounded otherwise, as they are in a smaller batch.

use core::ops::Range;

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

/// Runs `run` for `units`: for one piece of them for each thread, with its own parts of c, where a unit begins at `begin`,
/// and of the scratch memory, which is parted evenly.
///
/// A thread that has left work to others already keeps the layer to itself: they are busy, or will be.
#[cfg(feature = "rayon")]
pub(crate) fn each_piece<C: Send>(
    units: usize,
    threads: usize,
    begin: impl Fn(usize) -> usize + Sync,
    c: &mut [C],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync,
) {
    if threads <= 1 || units <= 1 || rayon_core::current_thread_has_pending_tasks() == Some(true) {
        return run(0..units, c, scratch);
    }
    let len = units.div_ceil(threads);
    halves(Cut { units: 0..units, len }, &begin, c, scratch, &run);
}

#[cfg(not(feature = "rayon"))]
pub(crate) fn each_piece<C: Send>(
    units: usize,
    _threads: usize,
    _begin: impl Fn(usize) -> usize + Sync,
    c: &mut [C],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync,
) {
    run(0..units, c, scratch);
}

/// Units that are to be cut into pieces of `len`, the last of which may be shorter.
#[cfg(feature = "rayon")]
struct Cut {
    units: Range<usize>,
    len: usize,
}

#[cfg(feature = "rayon")]
fn halves<C: Send>(
    Cut { units, len }: Cut,
    begin: &(impl Fn(usize) -> usize + Sync),
    c: &mut [C],
    scratch: &mut [f32],
    run: &(impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync),
) {
    let pieces = units.len().div_ceil(len);
    if pieces <= 1 {
        return run(units, c, scratch);
    }
    let middle = units.start + pieces / 2 * len;
    let (c_above, c_below) = c.split_at_mut(begin(middle) - begin(units.start));
    let (above, below) = scratch.split_at_mut(scratch.len() / pieces * (pieces / 2));
    rayon_core::join(
        || halves(Cut { units: units.start..middle, len }, begin, c_above, above, run),
        || halves(Cut { units: middle..units.end, len }, begin, c_below, below, run),
    );
}
