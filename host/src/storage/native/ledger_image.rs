//! Reading the ledger of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::interrupted::again;
use crate::storage::ledger_image::LEDGER_BYTES;
pub use crate::storage::ledger_image::LedgerOnDisk;
pub(super) use crate::storage::ledger_image::{
    LEDGER_LENGTH, LEDGER_NAME, encode, from_fields, ledger_offset,
};

/// Reads a ledger from an open file, without mapping it.
pub(super) fn read(file: &File) -> io::Result<LedgerOnDisk> {
    let length_bytes = again(|| file.metadata())?.len();
    let Some(at) = ledger_offset(length_bytes) else { return Ok(LedgerOnDisk::of_length(length_bytes)) };
    let mut bytes = [0; LEDGER_BYTES];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(LedgerOnDisk::of(length_bytes, bytes)),
        // It was cut since we asked for its length.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(LedgerOnDisk::Unreadable { length_bytes })
        }
        Err(error) => Err(error),
    }
}
