//! The format of weight blobs. All numbers are little-endian.
//!
//! ```text
//!  0  magic "TFLWEIGH"
//!  8  version, u32
//! 12  number of entries, u32
//! 16  architecture hash, 32 bytes
//! 48  zeros up to 64
//! 64  entries of 32 bytes: packing and dtype, u32 · groups, u32 · offset, u64 · a, u64 · b, u64
//!  …  the arrays, each at a multiple of 64
//! ```
//!
//! The first field of an entry is 256 · packing + dtype. For a vector (packing 0), a is its length and b is 1. For matrices
//! (packing 1), a is k, the number of rows, and b is n, the number of columns; each of the `groups` matrices is stored as
//! ⌈n/16⌉ panels of k rows of 16 columns, and the last panel is padded with zeros. Matrices of i8 have the elements of four
//! rows side by side for each column, and their last four rows are padded with zeros. A kernel transformed by Winograd's
//! algorithm (packing 2) is stored as its six or eight matrices.
//!
//! Offsets count from the magic of their own table. A blob of several models begins with a table for each of them, and
//! the arrays follow. What begins at one of the tables is a blob of that model.

pub(super) const MAGIC: &[u8; 8] = b"TFLWEIGH";
pub(super) const VERSION: u32 = 2;
/// The offset of the number of entries.
pub(super) const ENTRIES: usize = 12;
pub(super) const HEADER: usize = 64;
pub(super) const RECORD: usize = 32;
