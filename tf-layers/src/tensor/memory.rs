//! The memory of buffers and tensors: a vector, or memory that the program has reserved.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Elements whose number can change.
#[derive(Debug)]
pub(super) enum Memory<T: 'static> {
    /// Allocated memory, which grows on demand.
    #[cfg(feature = "alloc")]
    Allocated(Vec<T>),
    /// Reserved memory, of which the first `len` elements are in use.
    Reserved { elements: &'static mut [T], len: usize },
}

impl<T> Default for Memory<T> {
    #[cfg(feature = "alloc")]
    #[inline]
    fn default() -> Self {
        Self::Allocated(Vec::new())
    }

    #[cfg(not(feature = "alloc"))]
    #[inline]
    fn default() -> Self {
        Self::Reserved { elements: &mut [], len: 0 }
    }
}

impl<T> Memory<T> {
    #[inline]
    pub fn elements(&self) -> &[T] {
        match self {
            #[cfg(feature = "alloc")]
            Self::Allocated(elements) => elements,
            Self::Reserved { elements, len } => elements.get(..*len).unwrap_or_default(),
        }
    }

    #[inline]
    pub fn elements_mut(&mut self) -> &mut [T] {
        match self {
            #[cfg(feature = "alloc")]
            Self::Allocated(elements) => elements,
            Self::Reserved { elements, len } => elements.get_mut(..*len).unwrap_or_default(),
        }
    }

    /// The number of elements that there is memory for.
    pub fn capacity(&self) -> usize {
        match self {
            #[cfg(feature = "alloc")]
            Self::Allocated(elements) => elements.capacity(),
            Self::Reserved { elements, .. } => elements.len(),
        }
    }

    /// Changes the number of elements. Their values are unspecified.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if the allocation fails, instead of an abort, or if the reserved memory is too small.
    pub fn resize(&mut self, new: usize) -> Result<()>
    where
        T: Clone + Default,
    {
        let bytes = new.saturating_mul(size_of::<T>());
        match self {
            #[cfg(feature = "alloc")]
            Self::Allocated(elements) => {
                if let Some(more) = new.checked_sub(elements.len()) {
                    elements.try_reserve_exact(more).map_err(|_| Error::Memory { bytes })?;
                }
                elements.resize(new, T::default());
            }
            Self::Reserved { elements, len } => {
                if new > elements.len() {
                    return Err(Error::Memory { bytes });
                }
                *len = new;
            }
        }
        Ok(())
    }
}
