//! Copying from an array with arbitrary strides.

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
        if let Some(last) = self.rank.checked_sub(1)
            && stride == self.strides[last].wrapping_mul(self.dims[last])
        {
            self.dims[last] = self.dims[last].wrapping_mul(dim);
            return;
        }
        self.dims[self.rank] = dim;
        self.strides[self.rank] = stride;
        self.rank += 1;
    }

    /// Fills y, whose length must be the product of the dims; all offsets must be within x.
    pub fn copy<T: Copy>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        // The axis along which x is contiguous, unless it is the innermost axis of y.
        let along = (1..self.rank).find(|&axis| self.strides[axis] == 1 && self.strides[0] != 0);
        let [row, stride] = [self.dims[0], self.strides[0]];
        let mut at = [0usize; MAX_RANK];
        let mut from = self.start;
        let mut sizes = [row; MAX_RANK];
        for axis in 1..self.rank {
            sizes[axis] = sizes[axis - 1] * self.dims[axis];
        }
        let mut to = 0;
        loop {
            match along {
                Some(axis) => self.transpose(x, from, y, to, axis, sizes[axis - 1]),
                None if stride == 1 => y[to..to + row].copy_from_slice(&x[from..from + row]),
                None if stride == 0 => y[to..to + row].fill(x[from]),
                None => {
                    let mut from = from;
                    for y in &mut y[to..to + row] {
                        *y = x[from];
                        from = from.wrapping_add(stride);
                    }
                }
            }
            let mut axis = 1;
            loop {
                if axis >= self.rank {
                    return;
                }
                if Some(axis) != along {
                    at[axis] += 1;
                    from = from.wrapping_add(self.strides[axis]);
                    to += sizes[axis - 1];
                    if at[axis] < self.dims[axis] {
                        break;
                    }
                    from = from.wrapping_sub(self.strides[axis].wrapping_mul(self.dims[axis]));
                    to -= sizes[axis - 1] * self.dims[axis];
                    at[axis] = 0;
                }
                axis += 1;
            }
        }
    }

    /// Copies the plane of the innermost axis of y and the axis along which x is contiguous, block by block.
    fn transpose<T: Copy>(&self, x: &[T], from: usize, y: &mut [T], to: usize, axis: usize, pitch: usize) {
        let (row, stride) = (self.dims[0], self.strides[0]);
        for first in (0..self.dims[axis]).step_by(BLOCK) {
            let last = self.dims[axis].min(first + BLOCK);
            for column in (0..row).step_by(BLOCK) {
                let width = BLOCK.min(row - column);
                for i in first..last {
                    let mut from = from.wrapping_add(i).wrapping_add(stride.wrapping_mul(column));
                    for y in &mut y[to + i * pitch + column..][..width] {
                        *y = x[from];
                        from = from.wrapping_add(stride);
                    }
                }
            }
        }
    }
}

/// The strides of a row-major array.
pub(super) fn strides(dims: &[usize]) -> [usize; MAX_RANK] {
    let mut strides = [1usize; MAX_RANK];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis].wrapping_mul(dims[axis]);
    }
    strides
}
