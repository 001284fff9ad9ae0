//! Packing the right operand B in panels.

use crate::error::{Error, Result};
use crate::simd::{MulAdd, PANEL};

/// The number of elements in `groups` packed matrices of `rows` × `cols` whose panels have `step` elements of a column side
/// by side.
pub(crate) fn packed_len(step: usize, groups: usize, rows: usize, cols: usize) -> Result<usize> {
    let panels = cols.div_ceil(PANEL);
    let rows = rows.checked_next_multiple_of(step).ok_or(Error::Overflow)?;
    let group = panels.checked_mul(rows).and_then(|n| n.checked_mul(PANEL)).ok_or(Error::Overflow)?;
    group.checked_mul(groups).ok_or(Error::Overflow)
}

/// Packs a matrix B of `rows` × `columns` with these strides.
///
/// A panel has ⌈`rows` / `STEP`⌉ rows of `STEP` · [`PANEL`] elements; the `STEP` elements of a column are side by side.
/// The last panel and the last row of each panel are padded with zeros.
pub(crate) fn pack_b<T: MulAdd>(
    b: &[T::B],
    [row_stride, column_stride]: [usize; 2],
    [rows, columns]: [usize; 2],
    panels: &mut [T::B],
) {
    let len = rows.next_multiple_of(T::STEP) * PANEL;
    for (i, panel) in panels.chunks_exact_mut(len.max(1)).enumerate() {
        let first = i * PANEL;
        let width = PANEL.min(columns - first);
        if const { T::STEP == 1 } && column_stride == 1 {
            for (row, to) in panel.chunks_exact_mut(PANEL).enumerate() {
                let from = &b[row * row_stride + first..];
                if width == PANEL {
                    to.copy_from_slice(&from[..PANEL]);
                    continue;
                }
                to[..width].copy_from_slice(&from[..width]);
                to[width..].fill(T::B::default());
            }
            continue;
        }
        panel.fill(T::B::default());
        for column in 0..width {
            let from = &b[(first + column) * column_stride..];
            if const { T::STEP == 1 } && row_stride == 1 {
                for (to, &from) in panel.chunks_exact_mut(PANEL).zip(&from[..rows]) {
                    to[column] = from;
                }
                continue;
            }
            for row in 0..rows {
                panel[(row / T::STEP * PANEL + column) * T::STEP + row % T::STEP] = from[row * row_stride];
            }
        }
    }
}
