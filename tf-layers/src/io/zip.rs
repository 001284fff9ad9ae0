//! The subset of the ZIP format that `numpy.savez` writes: stored entries, with zip64 fields if necessary.
//!
//! Checksums are not verified, because build scripts are not optimized: a CRC takes a second per 50 MB.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::npy::bytes;
use crate::error::{Error, Result};

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// One file of an archive.
#[derive(Debug, Clone)]
pub(super) struct File<'a> {
    pub name: String,
    pub data: &'a [u8],
}

/// Lists the files of an archive.
pub(super) fn files(archive: &[u8]) -> Result<Vec<File<'_>>> {
    let broken = || Error::Npz(String::from("damaged, or not a ZIP archive; write it with `numpy.savez`"));
    let (count, start) = directory(archive).ok_or_else(broken)?;
    // The count is untrusted, so nothing is reserved for it.
    let mut files = Vec::new();
    let mut at = start;
    for _ in 0..count {
        let (file, next) = entry(archive, at).ok_or_else(broken)??;
        files.push(file);
        at = next;
    }
    Ok(files)
}

/// The number of entries, and the offset of the central directory.
fn directory(archive: &[u8]) -> Option<(u64, usize)> {
    // A comment of up to 65,535 bytes may follow the record, which is 22 bytes long.
    let last = archive.len().checked_sub(22)?;
    let first = last.saturating_sub(65_535);
    let end = (first..=last).rev().find(|&at| archive[at..].starts_with(END))?;
    let count = u16_at(archive, end + 10)?;
    let offset = u32_at(archive, end + 16)?;
    if count != 0xffff && offset != 0xffff_ffff {
        return Some((u64::from(count), usize::try_from(offset).ok()?));
    }
    let locator = end.checked_sub(20)?;
    if !archive[locator..].starts_with(LOCATOR64) {
        return None;
    }
    let end64 = usize::try_from(u64_at(archive, locator + 8)?).ok()?;
    if !archive.get(end64..)?.starts_with(END64) {
        return None;
    }
    let count = u64_at(archive, end64.checked_add(32)?)?;
    Some((count, usize::try_from(u64_at(archive, end64.checked_add(48)?)?).ok()?))
}

/// The file that the record at `at` in the central directory describes, and the offset of the next record.
fn entry(archive: &[u8], at: usize) -> Option<Result<(File<'_>, usize)>> {
    let record = archive.get(at..)?;
    if !record.starts_with(CENTRAL) {
        return None;
    }
    let name_len = usize::from(u16_at(record, 28)?);
    let extra_len = usize::from(u16_at(record, 30)?);
    let comment_len = usize::from(u16_at(record, 32)?);
    let name = record.get(46..46 + name_len)?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    let extra = record.get(46 + name_len..46 + name_len + extra_len)?;
    let mut size = u64::from(u32_at(record, 24)?);
    let mut packed = u64::from(u32_at(record, 20)?);
    let mut offset = u64::from(u32_at(record, 42)?);
    zip64(extra, [&mut size, &mut packed, &mut offset])?;
    if u16_at(record, 10)? != 0 || u16_at(record, 8)? & 1 != 0 {
        return Some(Err(Error::Npz(format!(
            "`{name}` is compressed or encrypted; write it with `numpy.savez`"
        ))));
    }
    if size != packed {
        return None;
    }
    let local = archive.get(usize::try_from(offset).ok()?..)?;
    if !local.starts_with(LOCAL) {
        return None;
    }
    // The local header repeats the name and has an extra field of its own length.
    let start = 30 + usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
    let data = local.get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
    Some(Ok((File { name, data }, at + 46 + name_len + extra_len + comment_len)))
}

/// Replaces the fields that are all ones by the 64-bit values of the extra field, in order.
fn zip64(mut extra: &[u8], fields: [&mut u64; 3]) -> Option<()> {
    let mut fields = fields.into_iter().filter(|field| **field == 0xffff_ffff).peekable();
    if fields.peek().is_none() {
        return Some(());
    }
    while u16_at(extra, 0)? != 1 {
        extra = extra.get(4 + usize::from(u16_at(extra, 2)?)..)?;
    }
    let body = extra.get(4..4 + usize::from(u16_at(extra, 2)?))?;
    for (i, field) in fields.enumerate() {
        *field = u64_at(body, 8 * i)?;
    }
    Some(())
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    bytes(data, at).map(u16::from_le_bytes)
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    bytes(data, at).map(u32::from_le_bytes)
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    bytes(data, at).map(u64::from_le_bytes)
}
