//! Panels of weights that take fewer bits as panels of floats.

use crate::checked::part;
use crate::simd::{Isa, Kernel, PANEL, Simd, SmallWeights};

/// Widens the `columns` first columns of `panels`, whose matrix has `k` rows, to panels of `k` rows of [`PANEL`] floats.
///
/// The columns are multiplied by their `scales`, if there are any. Not inlined, so that a program has one copy for each
/// type of weights.
#[inline(never)]
pub(crate) fn widen<T: SmallWeights>(
    isa: Isa,
    panels: &[T::B],
    [k, columns]: [usize; 2],
    scales: Option<&[f32]>,
    to: &mut [f32],
) {
    isa.run(Widen::<T> { panels, k, columns, scales, to });
}

struct Widen<'a, T: SmallWeights> {
    panels: &'a [T::B],
    k: usize,
    columns: usize,
    scales: Option<&'a [f32]>,
    to: &'a mut [f32],
}

impl<T: SmallWeights> Kernel for Widen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let from = self.panels.chunks_exact((self.k.next_multiple_of(T::STEP) * PANEL).max(1));
        let to = self.to.chunks_exact_mut((self.k * PANEL).max(1));
        for (i, (from, to)) in from.zip(to).take(self.columns.div_ceil(PANEL)).enumerate() {
            for (row, to) in from.chunks_exact(T::STEP * PANEL).zip(to.chunks_mut(T::STEP * PANEL)) {
                T::store_row(s, T::row(s, row), to);
            }
            if let Some(scales) = self.scales {
                let range = i * PANEL..self.columns.min((i + 1) * PANEL);
                let scales = s.panel_load_partial(part(scales, range));
                for row in to.chunks_exact_mut(PANEL) {
                    let mut panel = s.load_panel(row);
                    for lane in 0..PANEL / S::LANES {
                        panel[lane] = s.mul(panel[lane], scales[lane]);
                    }
                    s.store_panel(panel, row);
                }
            }
        }
    }
}
