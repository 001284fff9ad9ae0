//! Weight blobs, from which layers borrow their weights.

use super::element::{Dtype, Element};
use super::format::{ENTRIES, HEADER, MAGIC, RECORD, VERSION};
use super::packing::Packing;
use crate::error::{Error, Result};
use crate::gemm::{Matrix, Weight};

/// Aligns a value to 64 bytes, which is best for a blob:
/// `static WEIGHTS: &Aligned<[u8]> = &Aligned(*include_bytes!(…));`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Aligned<T: ?Sized>(pub T);

/// The packed weights of a model, made by [`pack`](super::pack). Arrays are borrowed, not copied.
#[derive(Debug, Clone, Copy)]
pub struct Blob<'a, 'w> {
    parts: &'a [&'w [u8]],
}

impl<'a, 'w> Blob<'a, 'w> {
    /// A blob of one or more parts. The indices of arrays continue from one part to the next.
    ///
    /// A part must be aligned to 4 bytes, or to 8 if it contains 64-bit vectors; 64 is fastest (see [`Aligned`]).
    ///
    /// # Errors
    ///
    /// If a part is damaged, misaligned, or was packed for another architecture hash or version of this crate.
    pub fn parse(parts: &'a [&'w [u8]], architecture: [u8; 32]) -> Result<Self> {
        parts.iter().try_for_each(|part| check(part, architecture))?;
        Ok(Self { parts })
    }

    /// The vector of `len` floats at `index` in the list of entries passed to [`pack`](super::pack).
    ///
    /// # Errors
    ///
    /// If there is no such array, or it has another type or size.
    pub fn vector(&self, index: usize, len: usize) -> Result<&'w [f32]> {
        self.typed(index, len)
    }

    /// The vector of `len` elements of any type at `index`.
    ///
    /// # Errors
    ///
    /// If there is no such array, it has another type or size, or it is misaligned.
    pub fn typed<T: Element>(&self, index: usize, len: usize) -> Result<&'w [T]> {
        let bytes = self.find(index, T::DTYPE, Packing::Vector { len })?;
        let reason = "is misaligned or holds invalid values; wrap the blob in `Aligned`";
        T::view(bytes).ok_or(Error::Array { index, reason })
    }

    /// The matrix of `rows` × `cols` at `index`.
    ///
    /// # Errors
    ///
    /// If there is no such matrix, or it has another size or packing.
    pub fn matrix(&self, index: usize, rows: usize, cols: usize) -> Result<Matrix<'w>> {
        self.matrices(index, 1, rows, cols)
    }

    /// The matrices of a grouped convolution at `index`, each `rows` × `cols`.
    ///
    /// # Errors
    ///
    /// If there are no such matrices, or they have another size or packing.
    pub fn matrices(&self, index: usize, groups: usize, rows: usize, cols: usize) -> Result<Matrix<'w>> {
        self.typed_matrices(index, groups, rows, cols)
    }

    /// The matrix of `rows` × `cols` at `index`, with elements of any type.
    ///
    /// # Errors
    ///
    /// As [`matrix`](Self::matrix).
    pub fn typed_matrix<B: Weight + Element>(
        &self,
        index: usize,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix<'w, B>> {
        self.typed_matrices(index, 1, rows, cols)
    }

    /// The matrices of a grouped convolution at `index`, each `rows` × `cols`, with elements of any type.
    ///
    /// # Errors
    ///
    /// As [`matrices`](Self::matrices).
    pub fn typed_matrices<B: Weight + Element>(
        &self,
        index: usize,
        groups: usize,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix<'w, B>> {
        self.packed(index, Packing::Matrices { groups, rows, cols })
    }

    /// The matrices of a [`WinogradConv2d`](crate::nn::WinogradConv2d) at `index`: six of `kernel_height · in_channels`
    /// rows, or eight from a width of 4 on.
    ///
    /// # Errors
    ///
    /// If there is no such kernel, or it has another size or packing.
    pub fn winograd(
        &self,
        index: usize,
        kernel_size: [usize; 2],
        channels: usize,
        cols: usize,
    ) -> Result<Matrix<'w>> {
        let [lines, taps] = kernel_size;
        self.packed(index, Packing::Winograd { lines, taps, channels, cols })
    }

    fn packed<B: Weight + Element>(&self, index: usize, packing: Packing) -> Result<Matrix<'w, B>> {
        let bytes = self.find(index, B::DTYPE, packing)?;
        let reason = "is misaligned; wrap the blob in `Aligned`";
        let data = B::view(bytes).ok_or(Error::Array { index, reason })?;
        let [groups, rows, cols] = packing.dims()?;
        Matrix::new(data, groups, rows, cols)
    }

    /// The bytes of entry `index`; an error unless it has this type and packing.
    fn find(&self, index: usize, dtype: Dtype, packing: Packing) -> Result<&'w [u8]> {
        let mut at = index;
        let part = self.parts.iter().find(|part| {
            let entries = u32_at(part, ENTRIES) as usize;
            let inside = at < entries;
            at -= if inside { 0 } else { entries };
            inside
        });
        let fail = |reason| Error::Array { index, reason };
        let part = part.ok_or(fail("is missing; build the crate again"))?;
        let record = part.get(HEADER + at * RECORD..).unwrap_or_default();
        let found = (u32_at(record, 0), u32_at(record, 4) as usize, u64_at(record, 16), u64_at(record, 24));
        let (tag, [groups, a, b]) = (packing.tag(dtype), packing.dims()?);
        if found != (tag, groups, a as u64, b as u64) {
            return Err(fail("has another type or size than the model expects; build the crate again"));
        }
        usize::try_from(u64_at(record, 8))
            .ok()
            .zip(packing.packed_bytes(dtype).ok())
            .and_then(|(offset, len)| part.get(offset..offset.checked_add(len)?))
            .ok_or(fail("exceeds the blob; build the crate again"))
    }
}

fn check(part: &[u8], architecture: [u8; 32]) -> Result<()> {
    let fail = |reason| Err(Error::Weights(reason));
    if cfg!(target_endian = "big") {
        return fail("packed weights need a little-endian processor, and this one is big-endian");
    }
    let Some(header) = part.get(..HEADER) else {
        return fail("the blob is truncated; build the crate again");
    };
    if &header[..8] != MAGIC {
        return fail("the data is not a weight blob; make one with `tf_layers::io::pack`");
    }
    if u32_at(header, 8) != VERSION {
        return fail("the blob was packed by another version of tf-layers; build the crate again");
    }
    if header[16..48] != architecture {
        return fail("the blob was packed for another architecture; build the crate again");
    }
    if (part.len() - HEADER) / RECORD < u32_at(header, ENTRIES) as usize {
        return fail("the table of the blob is truncated; build the crate again");
    }
    if part.as_ptr().align_offset(align_of::<f32>()) != 0 {
        return fail("the blob is not aligned to 4 bytes; wrap it in `Aligned`");
    }
    Ok(())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    super::element::sealed::Bytes::read(bytes.get(at..).unwrap_or_default())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    super::element::sealed::Bytes::read(bytes.get(at..).unwrap_or_default())
}
