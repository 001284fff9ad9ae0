//! Copying from an array with arbitrary strides.

use crate::checked::{axis_index, copy, element, part, part_mut};
use crate::tensor::MAX_RANK;

/// A strided copy: element (i, j, …) of the result is `x[start + i·stride₀ + j·stride₁ + …]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strided {
    start: usize,
    rank: usize,
    /// The dims from the innermost axis outward; adjacent axes are merged where the strides allow it.
    dims: [usize; MAX_RANK],
    /// The strides; negative ones are wrapped, as are offsets computed from them.
    strides: [usize; MAX_RANK],
}

/// The side of the blocks of a transposition. Source and destination of a block fit in the level-1 cache.
const BLOCK: usize = 16;

impl Strided {
    pub fn new(start: usize) -> Self {
        Self { start, rank: 0, dims: [1; MAX_RANK], strides: [0; MAX_RANK] }
    }

    /// Adds the next axis outward. There can be at most `MAX_RANK`.
    pub fn push(&mut self, dim: usize, stride: usize) {
        if dim == 1 {
            return;
        }
        if let Some(last) = self.rank.checked_sub(1).map(axis_index)
            && stride == self.strides[last].wrapping_mul(self.dims[last])
        {
            self.dims[last] = self.dims[last].wrapping_mul(dim);
            return;
        }
        let axis = axis_index(self.rank);
        (self.dims[axis], self.strides[axis]) = (dim, stride);
        self.rank += 1;
    }

    /// Fills y, whose length must be the product of the dims; all offsets must be within x.
    pub fn copy<T: Copy>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        // The axis along which x is contiguous, unless it is the innermost axis of y.
        let along =
            (1..self.rank).map(axis_index).find(|&axis| self.strides[axis] == 1 && self.strides[0] != 0);
        let [row, stride] = [self.dims[0], self.strides[0]];
        let mut at = [0usize; MAX_RANK];
        let mut from = self.start;
        let mut sizes = [row; MAX_RANK];
        for axis in (1..self.rank).map(axis_index) {
            sizes[axis] = sizes[axis_index(axis - 1)] * self.dims[axis];
        }
        let mut to = 0;
        loop {
            match along {
                Some(axis) => self.transpose(x, from, y, to, axis, sizes[axis_index(axis - 1)]),
                None if stride == 1 => copy(part_mut(y, to..to + row), part(x, from..from + row)),
                None if stride == 0 => {
                    if let Some(&x) = element(x, from) {
                        part_mut(y, to..to + row).fill(x);
                    }
                }
                None => strided(x, from, stride, part_mut(y, to..to + row)),
            }
            let mut axis = 1;
            loop {
                if axis >= self.rank {
                    return;
                }
                if Some(axis) != along {
                    let (axis, inner) = (axis_index(axis), axis_index(axis - 1));
                    at[axis] += 1;
                    from = from.wrapping_add(self.strides[axis]);
                    to += sizes[inner];
                    if at[axis] < self.dims[axis] {
                        break;
                    }
                    from = from.wrapping_sub(self.strides[axis].wrapping_mul(self.dims[axis]));
                    to -= sizes[inner] * self.dims[axis];
                    at[axis] = 0;
                }
                axis += 1;
            }
        }
    }

    /// Copies the plane of the innermost axis of y and the axis along which x is contiguous, block by block.
    fn transpose<T: Copy>(&self, x: &[T], from: usize, y: &mut [T], to: usize, axis: usize, pitch: usize) {
        let (row, stride, rows) = (self.dims[0], self.strides[0], self.dims[axis_index(axis)]);
        for first in (0..rows).step_by(BLOCK) {
            let last = rows.min(first + BLOCK);
            for column in (0..row).step_by(BLOCK) {
                let width = BLOCK.min(row - column);
                for i in first..last {
                    let from = from.wrapping_add(i).wrapping_add(stride.wrapping_mul(column));
                    let start = to + i * pitch + column;
                    strided(x, from, stride, part_mut(y, start..start + width));
                }
            }
        }
    }
}

/// yᵢ = x[from + i·stride]
#[inline(always)]
fn strided<T: Copy>(x: &[T], mut from: usize, stride: usize, y: &mut [T]) {
    for y in y {
        let Some(&x) = element(x, from) else { return };
        *y = x;
        from = from.wrapping_add(stride);
    }
}

/// The strides of a row-major array.
pub(super) fn strides(dims: &[usize]) -> [usize; MAX_RANK] {
    let mut strides = [1usize; MAX_RANK];
    let mut size = 1_usize;
    for (stride, dim) in strides.iter_mut().take(dims.len()).rev().zip(dims.iter().rev()) {
        *stride = size;
        size = size.wrapping_mul(*dim);
    }
    strides
}
