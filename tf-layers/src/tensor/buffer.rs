//! Reusable memory for intermediate results.

use super::memory::Memory;
use crate::checked::{part, part_mut};
use crate::error::{Error, Result};

/// Reusable memory that grows on demand: after the first use nothing is allocated.
///
/// The first element is aligned to a cache line, so that vector loads do not straddle two lines. A buffer
/// [`from_static`](Self::from_static) memory neither grows nor is aligned.
///
/// ```
/// use tf_layers::prelude::*;
///
/// let mut buffer = Buffer::default();
/// buffer.tensor([2, 3])?.as_mut_slice()?.fill(1.0);
/// assert_eq!(buffer.view([6])?.as_slice()?, [1.0; 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Buffer<T: 'static> {
    memory: Memory<T>,
    start: usize,
}

#[cfg(feature = "alloc")]
const CACHE_LINE: usize = 64;

/// An empty buffer.
impl<T> Default for Buffer<T> {
    #[inline]
    fn default() -> Self {
        Self { memory: Memory::default(), start: 0 }
    }
}

impl<T> Buffer<T> {
    /// A buffer in reserved memory, for programs without an allocator. It does not grow beyond `memory`.
    #[must_use]
    pub const fn from_static(memory: &'static mut [T]) -> Self {
        let len = memory.len();
        Self { memory: Memory::Reserved { elements: memory, len }, start: 0 }
    }

    /// The number of bytes that the buffer has allocated or reserved.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.memory.capacity().saturating_mul(size_of::<T>())
    }

    /// The number of elements of the longest slice that was written so far, or that the reserved memory holds.
    #[must_use]
    pub fn len(&self) -> usize {
        let len = self.memory.elements().len();
        match self.memory {
            #[cfg(feature = "alloc")]
            Memory::Allocated(_) => len.saturating_sub(Self::SLACK),
            Memory::Reserved { .. } => len,
        }
    }

    /// Whether there is no memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements before the first aligned one, at most.
    #[cfg(feature = "alloc")]
    const SLACK: usize = match size_of::<T>() {
        0..=1 => CACHE_LINE,
        size => CACHE_LINE / size,
    };
}

impl<T: Copy + Default> Buffer<T> {
    /// Lends the first `len` elements, whose values are unspecified, to be written.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    #[inline]
    pub fn write(&mut self, len: usize) -> Result<&mut [T]> {
        if len > self.memory.elements().len() - self.start {
            self.grow(len)?;
        }
        Ok(part_mut(part_mut(self.memory.elements_mut(), self.start..), ..len))
    }

    /// The first `len` elements, as they were last written.
    ///
    /// # Errors
    ///
    /// If the buffer has fewer elements.
    #[inline]
    pub fn read(&self, len: usize) -> Result<&[T]> {
        let data = part(self.memory.elements(), self.start..);
        data.get(..len).ok_or(Error::Length { what: "buffer", expected: len, found: data.len() })
    }

    #[cfg(feature = "alloc")]
    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        if let Memory::Reserved { .. } = self.memory {
            return self.memory.resize(len);
        }
        let total = len.checked_add(Self::SLACK).ok_or(Error::Overflow)?;
        // The contents need not survive, so the old memory is freed before the new memory is allocated.
        *self = Self::default();
        self.memory.resize(total)?;
        let offset = self.memory.elements().as_ptr().align_offset(CACHE_LINE);
        self.start = if offset <= Self::SLACK { offset } else { 0 };
        Ok(())
    }

    /// Fails, because reserved memory cannot grow.
    #[cfg(not(feature = "alloc"))]
    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        self.memory.resize(len)
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    #[cfg(feature = "std")]
    use alloc::vec;
    #[cfg(feature = "std")]
    use std::sync::{LazyLock, Mutex};

    use super::*;

    /// A static, so that `LeakSanitizer` finds the memory that it lends.
    #[cfg(feature = "std")]
    static RESERVED: LazyLock<Mutex<Buffer<u16>>> =
        LazyLock::new(|| Mutex::new(Buffer::from_static(vec![0; 6].leak())));

    #[test]
    fn allocated_memory_grows_and_is_aligned() {
        let mut buffer = Buffer::<f32>::default();
        assert!(buffer.is_empty());
        for (len, longest) in [(3, 3), (70, 70), (5, 70)] {
            let memory = buffer.write(len).unwrap();
            assert_eq!((memory.len(), memory.as_ptr().align_offset(CACHE_LINE)), (len, 0));
            assert_eq!(buffer.len(), longest);
        }
        assert!(buffer.write(usize::MAX).is_err());
    }

    #[cfg(feature = "std")]
    #[test]
    fn reserved_memory_does_not_grow() {
        let mut buffer = RESERVED.lock().unwrap();
        assert_eq!((buffer.len(), buffer.capacity_bytes()), (6, 12));
        buffer.write(6).unwrap().fill(7);
        assert_eq!(buffer.write(7), Err(Error::Memory { bytes: 14 }));
        assert_eq!(buffer.read(6), Ok(&[7; 6][..]));
        assert_eq!(buffer.write(2), Ok(&mut [7; 2][..]));
    }
}
