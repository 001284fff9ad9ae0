//! The inner loop of depthwise convolutions of bytes.

use core::marker::PhantomData;
use core::ptr::null;

use super::{PANEL, Simd};
use crate::checked::holds;

/// The largest number of taps of a window of bytes: a multiple of 4.
pub(crate) const MAX_TAPS: usize = 52;

/// The largest number of bytes that are read at a tap.
pub(crate) const WIDEST: usize = if cfg!(target_arch = "x86_64") { 64 } else { PANEL };

/// Columns of up to four lines of an image of bytes.
pub(crate) struct Columns<'a> {
    /// Where each line begins, and the distance from one column to the next.
    lines: [(*const u8, usize); 4],
    count: usize,
    borrowed: PhantomData<&'a [u8]>,
}

impl<'a> Columns<'a> {
    /// The first `count` columns of lines, each with the distance from one column to the next. `None` if a line is too short.
    #[inline(always)]
    pub fn new<S: Simd>(_: S, lines: [(&'a [u8], usize); 4], count: usize) -> Option<Self> {
        let last = count.checked_sub(1)?;
        let fits = lines.iter().all(|&(line, step)| {
            let end = step.checked_mul(last).and_then(|at| at.checked_add(width::<S>()));
            end.is_some_and(|end| end <= line.len())
        });
        let lines = lines.map(|(line, step)| (line.as_ptr(), step));
        fits.then_some(Self { lines, count, borrowed: PhantomData })
    }

    /// The bytes of a column, interleaved. `flip` makes them unsigned.
    #[inline(always)]
    pub fn load<S: Simd>(&self, s: S, column: usize, flip: S::I32) -> [S::Fours; 4] {
        let mut rows = [flip; 4];
        if !holds(column < self.count) {
            return [s.fours(flip); 4];
        }
        for i in 0..4 {
            let (line, step) = self.lines[i];
            // SAFETY: every line has enough bytes at its last column, and this one is not after it.
            rows[i] = s.xor(unsafe { s.load_quads_ptr(line.add(column * step)) }, flip);
        }
        interleaved(s, rows)
    }
}

/// The bytes of four rows, interleaved.
#[inline(always)]
fn interleaved<S: Simd>(s: S, rows: [S::I32; 4]) -> [S::Fours; 4] {
    let [a, b, c, d] = s.interleave(rows);
    [s.fours(a), s.fours(b), s.fours(c), s.fours(d)]
}

/// Where the taps of a window of bytes are in an image.
pub(crate) struct Taps {
    /// The offset of each tap from the first, and zeros for the rest.
    offsets: [usize; MAX_TAPS],
    /// The largest offset.
    reach: usize,
}

impl Taps {
    /// The taps with these offsets. `None` if there are too many, or an offset overflows.
    pub fn new(count: usize, offset: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let (mut offsets, mut reach) = ([0; MAX_TAPS], 0);
        for (tap, to) in offsets.get_mut(..count)?.iter_mut().enumerate() {
            *to = offset(tap)?;
            reach = reach.max(*to);
        }
        Some(Self { offsets, reach })
    }

    /// The window that begins with `x`. `None` if a tap ends beyond it.
    #[inline(always)]
    pub fn of<'a, S: Simd>(&'a self, _: S, x: &'a [u8]) -> Option<Window<'a>> {
        let end = self.reach.checked_add(width::<S>())?;
        (end <= x.len()).then_some(Window {
            first: x.as_ptr(),
            offsets: Some(&self.offsets),
            rows: &[null(); MAX_TAPS],
        })
    }
}

/// The bytes that are read at a tap.
#[inline(always)]
const fn width<S: Simd>() -> usize {
    if S::QUADS { 4 * S::LANES } else { PANEL }
}

/// The taps of a window of bytes, which may be anywhere.
pub(crate) struct Rows<'a> {
    rows: [*const u8; MAX_TAPS],
    borrowed: PhantomData<&'a [u8]>,
}

impl<'a> Rows<'a> {
    /// A window all of whose taps are `row`, which must have [`WIDEST`] bytes.
    #[inline(always)]
    pub fn new(row: &'a [u8; WIDEST]) -> Self {
        Self { rows: [row.as_ptr(); MAX_TAPS], borrowed: PhantomData }
    }

    /// Sets a tap. A row that is too short, or a tap beyond the last, changes nothing.
    #[inline(always)]
    pub fn set<S: Simd>(&mut self, _: S, tap: usize, row: &'a [u8]) {
        if let Some(to) = self.rows.get_mut(tap)
            && row.len() >= width::<S>()
        {
            *to = row.as_ptr();
        }
    }

    #[inline(always)]
    pub fn window(&self) -> Window<'_> {
        Window { first: null(), offsets: None, rows: &self.rows }
    }
}

/// A window of bytes: enough bytes for the instruction set are readable at each tap.
pub(crate) struct Window<'a> {
    first: *const u8,
    offsets: Option<&'a [usize; MAX_TAPS]>,
    rows: &'a [*const u8; MAX_TAPS],
}

impl Window<'_> {
    /// Adds Σ w·x over `taps` taps to the sums of a panel of channels. `flip` makes the bytes of x unsigned.
    #[inline(always)]
    pub fn sum_panel<S: Simd>(
        &self,
        s: S,
        taps: usize,
        w: &[S::IntPanel; MAX_TAPS],
        flip: u8,
        mut sums: S::IntPanel,
    ) -> S::IntPanel {
        let flip = s.isplat(flip.into());
        for (tap, w) in w.iter().enumerate().take(taps) {
            let row = match self.offsets {
                Some(offsets) => self.first.wrapping_add(offsets[tap]),
                None => self.rows[tap],
            };
            // SAFETY: a window has readable bytes at each tap.
            let x = unsafe { s.load_bytes_ptr(row) };
            for i in 0..PANEL / S::LANES {
                sums[i] = s.iadd(sums[i], s.imul(s.xor(x[i], flip), w[i]));
            }
        }
        sums
    }

    /// As [`sum_panel`](Self::sum_panel), for the channels of four vectors in the order of `Simd::interleave`.
    #[inline(always)]
    pub fn sum_quads<S: Simd>(
        &self,
        s: S,
        taps: usize,
        w: &[[S::Fours; 4]; MAX_TAPS / 4],
        flip: u8,
        mut sums: [S::I32; 4],
    ) -> [S::I32; 4] {
        let flip = s.isplat(i32::from_ne_bytes([flip; 4]));
        let w = &w[..taps.div_ceil(4).min(MAX_TAPS / 4)];
        if let Some(offsets) = self.offsets {
            for (offsets, w) in offsets.as_chunks::<4>().0.iter().zip(w) {
                // SAFETY: a window has readable bytes at each tap.
                sums = unsafe {
                    sum_quad(s, offsets.map(|offset| self.first.wrapping_add(offset)), w, flip, sums)
                };
            }
        } else {
            for (&rows, w) in self.rows.as_chunks::<4>().0.iter().zip(w) {
                // SAFETY: a window has readable bytes at each tap.
                sums = unsafe { sum_quad(s, rows, w, flip, sums) };
            }
        }
        sums
    }
}

/// Adds w·x of four taps to the sums of four vectors of channels.
///
/// # Safety
/// 4 · `LANES` bytes must be readable at each of `rows`.
#[inline(always)]
unsafe fn sum_quad<S: Simd>(
    s: S,
    rows: [*const u8; 4],
    w: &[S::Fours; 4],
    flip: S::I32,
    mut sums: [S::I32; 4],
) -> [S::I32; 4] {
    let mut bytes = [flip; 4];
    for i in 0..4 {
        // SAFETY: by the caller's contract.
        bytes[i] = s.xor(unsafe { s.load_quads_ptr(rows[i]) }, flip);
    }
    let x = interleaved(s, bytes);
    for i in 0..4 {
        sums[i] = s.dot_lanes(x[i], w[i], sums[i]);
    }
    sums
}
