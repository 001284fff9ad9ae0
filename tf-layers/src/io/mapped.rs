//! Weights in memory-mapped files.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A file whose contents are mapped into memory: pages are read when they are first used, and processes that map the same
/// file share them. A mapping begins at a page, so packed weights in it are aligned.
#[derive(Debug)]
pub struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps a file, which must not be empty.
    ///
    /// # Safety
    ///
    /// Nobody may write to the file or shorten it while it is mapped. A changed byte changes a slice that Rust holds to be
    /// immutable, and reading behind the new end of a shortened file ends the process with a signal. To replace weights that
    /// are in use, write a new file and rename it to the old name: the mapping keeps the old file. If other users may write
    /// to the file, read it with [`AlignedBytes::read`](super::AlignedBytes::read) instead.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or mapped.
    #[allow(unsafe_code)]
    pub unsafe fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        // SAFETY: the caller keeps the promise that `Mmap::map` asks for.
        let map = unsafe { Mmap::map(&File::open(path)?)? };
        Ok(Self { map })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn a_mapped_file_has_its_contents_at_an_aligned_address() {
        // SAFETY: nobody changes the manifest during the test.
        let file = unsafe { MappedFile::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")) }.unwrap();
        assert_eq!(&file[..], include_bytes!("../../Cargo.toml"));
        assert_eq!(file.as_ptr().align_offset(64), 0);
        // SAFETY: there is no file.
        let error = unsafe { MappedFile::open("no such file") }.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
