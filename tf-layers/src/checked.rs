//! What kernels rely on: slices that are in bounds, and invariants that hold.
//!
//! Layers check their arguments before a kernel runs, so that these functions never fail. If a bug breaks an invariant,
//! they panic. A program without an allocator has no panics, because the formatting of their messages would be most of its
//! code: there, a slice that is out of bounds is empty, an element that is out of bounds is missing, and a kernel whose invariant is
//! broken stops.

use core::slice::SliceIndex;

use crate::tensor::MAX_RANK;

/// Whether an invariant holds; the caller must stop if not.
#[inline(always)]
#[track_caller]
pub(crate) fn holds(invariant: bool) -> bool {
    #[cfg(feature = "alloc")]
    assert!(invariant);
    invariant
}

/// An index of an array of [`MAX_RANK`] elements.
#[inline(always)]
pub(crate) fn axis_index(axis: usize) -> usize {
    if cfg!(feature = "alloc") { axis } else { axis % MAX_RANK }
}

/// `&x[index]`
#[inline(always)]
#[track_caller]
pub(crate) fn element<T>(x: &[T], index: usize) -> Option<&T> {
    #[cfg(feature = "alloc")]
    return Some(&x[index]);
    #[cfg(not(feature = "alloc"))]
    return x.get(index);
}

/// `x[range]`
#[inline(always)]
#[track_caller]
pub(crate) fn part<T>(x: &[T], range: impl SliceIndex<[T], Output = [T]>) -> &[T] {
    #[cfg(feature = "alloc")]
    return &x[range];
    #[cfg(not(feature = "alloc"))]
    return x.get(range).unwrap_or_default();
}

/// `x[range]`, to be changed.
#[inline(always)]
#[track_caller]
pub(crate) fn part_mut<T>(x: &mut [T], range: impl SliceIndex<[T], Output = [T]>) -> &mut [T] {
    #[cfg(feature = "alloc")]
    return &mut x[range];
    #[cfg(not(feature = "alloc"))]
    return x.get_mut(range).unwrap_or_default();
}

/// `x.split_at_mut(mid)`
#[inline(always)]
#[track_caller]
pub(crate) fn split_mut<T>(x: &mut [T], mid: usize) -> (&mut [T], &mut [T]) {
    #[cfg(feature = "alloc")]
    return x.split_at_mut(mid);
    #[cfg(not(feature = "alloc"))]
    return x.split_at_mut_checked(mid).unwrap_or_default();
}

/// `to.copy_from_slice(from)`
#[inline(always)]
#[track_caller]
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    #[cfg(feature = "alloc")]
    to.copy_from_slice(from);
    #[cfg(not(feature = "alloc"))]
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
