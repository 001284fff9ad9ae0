//! Reusable memory for intermediate results.

use crate::error::{Error, Result};
use alloc::vec::Vec;

/// Reusable memory that grows on demand: after the first use nothing is allocated.
///
/// The first element is aligned to a cache line, so that vector loads do not straddle two lines.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let mut buffer = Buffer::default();
/// buffer.tensor([2, 3])?.as_mut_slice()?.fill(1.0);
/// assert_eq!(buffer.view([6])?.as_slice()?, [1.0; 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Buffer<T> {
    data: Vec<T>,
    start: usize,
}

const CACHE_LINE: usize = 64;

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first `len` elements, whose values are unspecified, to be written.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    #[inline]
    pub fn write(&mut self, len: usize) -> Result<&mut [T]> {
        if len > self.data.len() - self.start {
            self.grow(len)?;
        }
        Ok(&mut self.data[self.start..][..len])
    }

    /// The first `len` elements, as they were last written.
    ///
    /// # Errors
    ///
    /// If the buffer has fewer elements.
    #[inline]
    pub fn read(&self, len: usize) -> Result<&[T]> {
        let data = &self.data[self.start..];
        data.get(..len).ok_or(Error::Length { what: "buffer", expected: len, found: data.len() })
    }

    /// The number of bytes that the buffer has allocated.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.data.capacity().saturating_mul(size_of::<T>())
    }

    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        let slack = CACHE_LINE / size_of::<T>().clamp(1, CACHE_LINE);
        let total = len.checked_add(slack).ok_or(Error::Overflow)?;
        // The contents need not survive, so the old memory is freed before the new memory is allocated.
        self.data = Vec::new();
        self.start = 0;
        resize(&mut self.data, total)?;
        let offset = self.data.as_ptr().align_offset(CACHE_LINE);
        self.start = if offset <= slack { offset } else { 0 };
        Ok(())
    }
}

/// Resizes `data` to `len` elements; [`Error::Memory`] instead of an abort if the allocation fails.
pub(super) fn resize<T: Clone + Default>(data: &mut Vec<T>, len: usize) -> Result<()> {
    if len > data.len() {
        let bytes = len.saturating_mul(size_of::<T>());
        data.try_reserve_exact(len - data.len()).map_err(|_| Error::Memory { bytes })?;
    }
    data.resize(len, T::default());
    Ok(())
}
