//! Stands in for tile registers on targets without: no value of these types exists.
#![allow(
    clippy::extra_unused_type_parameters,
    clippy::unused_self,
    reason = "the signatures are those of tile registers"
)]

use core::marker::PhantomData;

use super::tile::{CacheLines, Steps, Streamed, TileRows};
use super::{Kernel, Pod, TileProduct};

/// Whether a program may have tile registers.
pub(crate) const MAY_EXIST: bool = false;

#[allow(dead_code, reason = "only x86-64 asks")]
pub(super) const fn exists() -> bool {
    false
}

#[derive(Clone, Copy)]
enum Never {}

#[derive(Clone, Copy)]
pub(crate) struct Tiles(Never);

pub(crate) struct Configured<'s>(Never, PhantomData<&'s ()>);

pub(crate) struct Copied(());

pub(crate) struct Sums<C>(PhantomData<C>);

impl Tiles {
    /// # Safety
    /// There are no requirements; the function of the same name for tile registers has some.
    pub(super) const unsafe fn new(_: bool) -> Option<Self> {
        None
    }

    pub fn run<K: Kernel>(self, _: K) -> K::Output {
        match self.0 {}
    }

    pub fn copy<A: Pod>(self, _: &[A], _: u8, _: &mut [A]) {
        match self.0 {}
    }

    pub fn open<A: Pod>(self, _: &mut [A], _: usize, _: [usize; 2], _: u8) {
        match self.0 {}
    }

    pub fn configure(self, _: &Steps) -> Configured<'_> {
        match self.0 {}
    }
}

impl Configured<'_> {
    pub fn multiply<A: Pod, B: Pod, C: Pod>(
        &self,
        _: TileProduct,
        _: TileRows<'_, A>,
        _: usize,
        _: usize,
        _: [&[B]; 2],
        _: &mut Sums<C>,
        _: usize,
        _: Streamed,
        _: CacheLines,
    ) {
        match self.0 {}
    }
}

impl Copied {
    pub const NONE: Self = Self(());

    pub const fn capacity<A>() -> usize {
        0
    }

    pub const fn zeros<A: Pod>(&mut self, _: usize) -> &mut [A] {
        &mut []
    }
}

impl<C: Pod> Sums<C> {
    pub const NONE: Self = Self(PhantomData);

    pub const fn panel(&self, _: usize, _: usize) -> &[C] {
        &[]
    }
}
