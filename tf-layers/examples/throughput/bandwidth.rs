//! The rate at which one core reads memory.

use std::hint::black_box;

use crate::bench::time;

/// More than the caches of today's machines hold.
const BYTES: usize = 1 << 30;

/// Independent sums: more than one cache line at a time.
const SUMS: usize = 32;

/// Billions of bytes per second, read in order from an array that no cache holds.
pub fn bandwidth() -> f64 {
    // Written, because untouched pages are all the same one.
    let words: Vec<u64> = (0..BYTES as u64 / 8).collect();
    let seconds = time(|| {
        let mut sums = [0u64; SUMS];
        for chunk in black_box(&words[..]).chunks_exact(SUMS) {
            for (sum, word) in sums.iter_mut().zip(chunk) {
                *sum = sum.wrapping_add(*word);
            }
        }
        black_box(sums);
    });
    BYTES as f64 / seconds / 1e9
}
