//! The register tile: the one loop in which matrix products and convolutions spend their time.

use super::{PANEL, Simd};

/// `acc[row][panel] += rows[row] · panels[panel]`.
///
/// Each of `rows` has k floats, each of `panels` k × 16 in row-major order; k is the least that all of
/// them have. `acc` holds the accumulators of `M` rows by `P` panels and stays in registers when
/// this is inlined.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const M: usize, const P: usize>(
    s: S,
    rows: [&[f32]; M],
    panels: [&[f32]; P],
    acc: &mut [[S::Panel; P]; M],
) {
    let mut k = usize::MAX;
    for row in rows {
        k = k.min(row.len());
    }
    for panel in panels {
        k = k.min(panel.len() / PANEL);
    }
    let rows = rows.map(<[f32]>::as_ptr);
    let panels = panels.map(<[f32]>::as_ptr);
    for p in 0..k {
        let mut weights = [s.panel(0.0); P];
        for j in 0..P {
            for (v, w) in weights[j].as_mut().iter_mut().enumerate() {
                // SAFETY: the panel has at least k · PANEL floats, p < k, and v · LANES < PANEL.
                *w = unsafe { s.load_ptr(panels[j].add(p * PANEL + v * S::LANES)) };
            }
        }
        for i in 0..M {
            // SAFETY: the row has at least k floats, and p < k.
            let x = s.splat(unsafe { *rows[i].add(p) });
            for j in 0..P {
                let vectors = acc[i][j].as_mut().iter_mut().zip(weights[j].as_ref());
                for (sum, &w) in vectors {
                    *sum = s.fma(x, w, *sum);
                }
            }
        }
    }
}
