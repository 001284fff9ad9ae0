//! The memory bandwidth of one core.

use std::hint::black_box;

use crate::bench::time;

/// Larger than the caches of current processors.
const BYTES: usize = 1 << 30;

/// Independent sums, which cover several cache lines.
const SUMS: usize = 32;

/// Gigabytes per second, read sequentially from an array larger than the caches.
pub fn bandwidth() -> f64 {
    // Written first, because untouched pages all map to the same physical page.
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
