//! Splits large layers among threads, with the feature `rayon`. Without the feature everything runs on the calling
//! thread.
//!
//! Tasks begin at register tiles, so most sums do not depend on the number of threads, bit for bit. A task with few
//! rows may use other blocks and therefore round differently, as a smaller batch does.

use core::ops::Range;

/// How much longer a multiply-add takes if its weight is read from memory for this multiply-add alone.
pub(crate) const STREAMED: usize = 4;

/// Multiply-adds that are worth waking a thread: at least ten microseconds.
#[cfg(feature = "rayon")]
const MIN_TASK: usize = 1 << 20;

/// The number of threads of the current pool to use for `work` multiply-adds.
#[cfg(feature = "rayon")]
pub(crate) fn threads(work: usize) -> usize {
    // A small model must not ask for the pool, because that starts it.
    if work < 2 * MIN_TASK { 1 } else { rayon_core::current_num_threads().clamp(1, work / MIN_TASK) }
}

#[cfg(not(feature = "rayon"))]
#[inline(always)]
pub(crate) fn threads(_: usize) -> usize {
    1
}

/// Splits `units` of work into one task per thread and calls `run` for each with its units and its parts of `c` and
/// `scratch`.
///
/// The part of `c` begins at the `offset` of the first unit. `scratch` is split evenly.
///
/// A thread with pending tasks runs all units itself, because the other threads are busy or about to be.
#[cfg(feature = "rayon")]
pub(crate) fn run_tasks<C: Send>(
    units: usize,
    threads: usize,
    offset: impl Fn(usize) -> usize + Sync,
    c: &mut [C],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync,
) {
    if threads <= 1 || units <= 1 || rayon_core::current_thread_has_pending_tasks() == Some(true) {
        return run(0..units, c, scratch);
    }
    let len = units.div_ceil(threads);
    fork(Tasks { units: 0..units, len }, &offset, c, scratch, &run);
}

#[cfg(not(feature = "rayon"))]
pub(crate) fn run_tasks<C: Send>(
    units: usize,
    _threads: usize,
    _offset: impl Fn(usize) -> usize + Sync,
    c: &mut [C],
    scratch: &mut [f32],
    run: impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync,
) {
    run(0..units, c, scratch);
}

/// Tasks of `len` units. The last one may be shorter.
#[cfg(feature = "rayon")]
struct Tasks {
    units: Range<usize>,
    len: usize,
}

/// Halves the tasks until one is left, and runs the halves in parallel.
#[cfg(feature = "rayon")]
fn fork<C: Send>(
    Tasks { units, len }: Tasks,
    offset: &(impl Fn(usize) -> usize + Sync),
    c: &mut [C],
    scratch: &mut [f32],
    run: &(impl Fn(Range<usize>, &mut [C], &mut [f32]) + Sync),
) {
    let tasks = units.len().div_ceil(len);
    if tasks <= 1 {
        return run(units, c, scratch);
    }
    let middle = units.start + tasks / 2 * len;
    let (c_first, c_second) = c.split_at_mut(offset(middle) - offset(units.start));
    let (first, second) = scratch.split_at_mut(scratch.len() / tasks * (tasks / 2));
    rayon_core::join(
        || fork(Tasks { units: units.start..middle, len }, offset, c_first, first, run),
        || fork(Tasks { units: middle..units.end, len }, offset, c_second, second, run),
    );
}
