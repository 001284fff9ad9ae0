//! Weights in memory that is aligned for the kernels.

use core::ops::{Deref, DerefMut};
#[cfg(feature = "std")]
use std::{fs::File, io, io::Read, path::Path};

use crate::error::Result;
use crate::tensor::Buffer;

/// Bytes whose first one is aligned to 64 bytes, which is best for packed weights.
///
/// To load weights that are stored encrypted or compressed, decode them into such bytes:
///
/// ```
/// use tf_layers::io::AlignedBytes;
///
/// # let stored: Vec<u8> = b"packed weights".iter().map(|byte| byte ^ 0x5a).collect();
/// let mut weights = AlignedBytes::new(&stored)?;
/// for byte in weights.iter_mut() {
///     *byte ^= 0x5a; // A real program calls the decryption of its choice.
/// }
/// // let model = Model::from_weights(&weights)?;
/// # assert_eq!(&weights[..], b"packed weights");
/// # Ok::<(), tf_layers::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct AlignedBytes {
    buffer: Buffer<u8>,
    len: usize,
}

impl AlignedBytes {
    /// A copy of `bytes`.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut aligned = Self::zeroed(bytes.len())?;
        aligned.copy_from_slice(bytes);
        Ok(aligned)
    }

    /// `len` zeros, to be overwritten.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub fn zeroed(len: usize) -> Result<Self> {
        let mut buffer = Buffer::default();
        buffer.write(len)?.fill(0);
        Ok(Self { buffer, len })
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or there is not enough memory.
    #[cfg(feature = "std")]
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut aligned =
            Self::zeroed(len).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        file.read_exact(&mut aligned)?;
        Ok(aligned)
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.read(self.len).unwrap_or_default()
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.buffer.write(self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn bytes_are_aligned() {
        for len in [1, 63, 64, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut aligned = AlignedBytes::new(&bytes).unwrap();
            assert_eq!(&aligned[..], &bytes[..]);
            assert_eq!(aligned.as_ptr().align_offset(64), 0, "{len}");
            aligned.fill(7);
            assert!(aligned.iter().all(|&byte| byte == 7));
        }
        assert_eq!(&AlignedBytes::default()[..], &[]);
    }

    // A WebAssembly program sees only files that its host hands to it.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    #[test]
    fn files_are_read_whole() {
        let bytes = AlignedBytes::read(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert_eq!(&bytes[..], include_bytes!("../../Cargo.toml"));
        assert_eq!(bytes.as_ptr().align_offset(64), 0);
        let error = AlignedBytes::read("no such file").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
