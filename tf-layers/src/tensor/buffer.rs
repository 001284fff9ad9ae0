//! The reusable arrays of a workspace.

use crate::error::{Error, Result};
use alloc::vec::Vec;

/// A reusable array that grows when it must, so that after a first use nothing is allocated.
///
/// Its first element lies on a cache line, so that vector loads do not straddle two of them.
#[derive(Debug, Default)]
pub struct Buffer<T> {
    data: Vec<T>,
    start: usize,
}

const CACHE_LINE: usize = 64;

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first `len` elements, whose values are unspecified, to be written.
    #[inline]
    pub fn write(&mut self, len: usize) -> Result<&mut [T]> {
        if len > self.data.len() - self.start {
            self.grow(len)?;
        }
        Ok(&mut self.data[self.start..][..len])
    }

    /// The first `len` elements as they were last written; an error if so many never were.
    #[inline]
    pub fn read(&self, len: usize) -> Result<&[T]> {
        let data = &self.data[self.start..];
        data.get(..len).ok_or(Error::Length { what: "buffer", expected: len, found: data.len() })
    }

    /// The bytes that this buffer holds on to.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.data.capacity().saturating_mul(size_of::<T>())
    }

    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        let slack = CACHE_LINE / size_of::<T>().clamp(1, CACHE_LINE);
        let total = len.checked_add(slack).ok_or(Error::Overflow)?;
        // What is in the buffer is not kept, so the old memory can go before the new comes.
        self.data = Vec::new();
        self.start = 0;
        resize(&mut self.data, total)?;
        let offset = self.data.as_ptr().align_offset(CACHE_LINE);
        self.start = if offset <= slack { offset } else { 0 };
        Ok(())
    }
}

/// Makes `data` as long as `len`; [`Error::Memory`] instead of an abort if there is no memory for it.
pub(super) fn resize<T: Copy + Default>(data: &mut Vec<T>, len: usize) -> Result<()> {
    if len > data.len() {
        let bytes = len.saturating_mul(size_of::<T>());
        data.try_reserve_exact(len - data.len()).map_err(|_| Error::Memory { bytes })?;
    }
    data.resize(len, T::default());
    Ok(())
}
