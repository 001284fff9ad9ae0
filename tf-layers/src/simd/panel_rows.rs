//! The rows of C that belong to a register tile.

use core::marker::PhantomData;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use super::{Accumulator, PANEL, Simd};
use crate::checked::holds;

/// Rows of C, which are checked once for all of them.
pub(crate) struct PanelRows<'c, const MR: usize, const P: usize> {
    c: *mut f32,
    pitch: usize,
    width: usize,
    borrowed: PhantomData<&'c mut [f32]>,
}

impl<'c, const MR: usize, const P: usize> PanelRows<'c, MR, P> {
    /// `MR` rows of `width` elements, at most `P` panels. The first begins with `c`, each of the others `pitch` elements after the
    /// one before. `None` if they do not end within `c`.
    #[inline(always)]
    pub fn new(c: &'c mut [f32], pitch: usize, width: usize) -> Option<Self> {
        let end = pitch.checked_mul(MR - 1).and_then(|last| last.checked_add(width));
        let fits = end.is_some_and(|end| end <= c.len()) && width <= P * PANEL && width > (P - 1) * PANEL;
        holds(fits).then_some(Self { c: c.as_mut_ptr(), pitch, width, borrowed: PhantomData })
    }

    /// Loads row `i`. Missing columns of the last panel are zero.
    #[inline(always)]
    pub fn load<S: Simd>(&self, s: S, i: usize) -> [S::Panel; P] {
        let mut panels = [s.panel(0.0); P];
        if !holds(i < MR) {
            return panels;
        }
        let row = self.c.wrapping_add(i * self.pitch);
        // SAFETY: the row is one of `MR`, all of which have `width` elements, and all panels but the last are whole.
        unsafe {
            for j in 0..P - 1 {
                panels[j] = s.panel_load(row.add(j * PANEL));
            }
            let last = row.add((P - 1) * PANEL);
            panels[P - 1] = if self.width == P * PANEL {
                s.panel_load(last)
            } else {
                f32::load(s, from_raw_parts(last, self.width - (P - 1) * PANEL))
            };
        }
        panels
    }

    /// Stores row `i`.
    #[inline(always)]
    pub fn store<S: Simd>(&mut self, s: S, i: usize, panels: [S::Panel; P]) {
        if !holds(i < MR) {
            return;
        }
        let row = self.c.wrapping_add(i * self.pitch);
        // SAFETY: as for `load`.
        unsafe {
            for j in 0..P - 1 {
                s.panel_store(panels[j], row.add(j * PANEL));
            }
            let last = row.add((P - 1) * PANEL);
            if self.width == P * PANEL {
                s.panel_store(panels[P - 1], last);
            } else {
                f32::store(s, panels[P - 1], from_raw_parts_mut(last, self.width - (P - 1) * PANEL));
            }
        }
    }
}
