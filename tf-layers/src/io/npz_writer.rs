//! Writing NPZ archives.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::element::Element;
use super::npy::header;
use super::npy_strings::encode;
use crate::error::{Error, Result, check_len};
use crate::tensor::{Shape, len};

/// The flag of an entry whose name is UTF-8; without it, readers assume code page 437.
const UTF8: u16 = 1 << 11;

/// Writes an uncompressed NPZ archive of less than 4 GiB, which `numpy.load` can read.
#[derive(Debug, Default)]
pub struct NpzWriter {
    archive: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl NpzWriter {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array in row-major order.
    ///
    /// # Errors
    ///
    /// If the length of `data` is not the product of the dims, the archive exceeds 4 GiB or 65,534 arrays, or the name is
    /// longer than 65,531 bytes or contains a NUL.
    pub fn add<T: Element>(&mut self, name: &str, shape: &[usize], data: &[T]) -> Result<()> {
        check_len("data", len(&Shape::new(shape)?)?, data.len())?;
        let mut file = header(T::DTYPE.numpy(), shape);
        for &element in data {
            element.write(&mut file);
        }
        self.add_file(name, &file)
    }

    /// Adds an array of strings in row-major order. NumPy drops NUL characters at the end of a string.
    ///
    /// # Errors
    ///
    /// The same as [`add`](Self::add).
    pub fn add_strings<S: AsRef<str>>(&mut self, name: &str, shape: &[usize], data: &[S]) -> Result<()> {
        check_len("data", len(&Shape::new(shape)?)?, data.len())?;
        let (descr, mut elements) = encode(data);
        let mut file = header(&descr, shape);
        file.append(&mut elements);
        self.add_file(name, &file)
    }

    fn add_file(&mut self, name: &str, file: &[u8]) -> Result<()> {
        let name = format!("{name}.npy");
        let too_large = |_| Error::Npz(String::from("the archive exceeds 4 GiB; write several archives"));
        let size = u32::try_from(file.len()).map_err(too_large)?;
        let offset = u32::try_from(self.archive.len()).map_err(too_large)?;
        let name_len = u16::try_from(name.len()).ok().filter(|_| !name.contains('\0')).ok_or_else(|| {
            Error::Npz(String::from("the name of an array is too long or contains a NUL; rename the array"))
        })?;
        self.count = self.count.checked_add(1).filter(|&n| n < 0xffff).ok_or(Error::Overflow)?;

        // Common to both headers: version 2.0, flags, stored, 1980-01-01 00:00, checksum, sizes, name.
        let mut common = alloc::vec![20, 0];
        let flags = if name.is_ascii() { 0 } else { UTF8 };
        common.extend_from_slice(&flags.to_le_bytes());
        common.extend_from_slice(&[0, 0, 0, 0, 0x21, 0]);
        common.extend_from_slice(&crc32(file).to_le_bytes());
        common.extend_from_slice(&size.to_le_bytes());
        common.extend_from_slice(&size.to_le_bytes());
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&[0, 0]);

        self.directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        self.directory.extend_from_slice(&common);
        // No comment, disk 0, no attributes.
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());

        self.archive.extend_from_slice(b"PK\x03\x04");
        self.archive.extend_from_slice(&common);
        self.archive.extend_from_slice(name.as_bytes());
        self.archive.extend_from_slice(file);
        Ok(())
    }

    /// The bytes of the archive.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let offset = self.archive.len() as u32;
        let size = self.directory.len() as u32;
        self.archive.append(&mut self.directory);
        self.archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.archive.extend_from_slice(&self.count.to_le_bytes());
        self.archive.extend_from_slice(&self.count.to_le_bytes());
        self.archive.extend_from_slice(&size.to_le_bytes());
        self.archive.extend_from_slice(&offset.to_le_bytes());
        self.archive.extend_from_slice(&[0, 0]);
        self.archive
    }
}

/// The CRC-32 of the ZIP format, with the reflected polynomial 0xEDB88320.
fn crc32(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !data.iter().fold(u32::MAX, |crc, &byte| TABLE[((crc ^ u32::from(byte)) & 0xff) as usize] ^ crc >> 8)
}
