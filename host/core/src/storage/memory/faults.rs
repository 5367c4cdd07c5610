//! What fails because a test has chosen it.

use std::{collections::HashMap, io, ops::Range};

use forebay_types::{FileId, errno};

use super::state::what;
use crate::storage::StorageError;

/// The faults of a simulated disk.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The calls that fail, by the verb of their errors, and the number that the operating system gives.
    calls: HashMap<String, i32>,
    /// What the device cannot read of each data file.
    unreadable: HashMap<FileId, Range<u64>>,
}

impl Faults {
    /// From now on these calls fail, or fail no more.
    pub(super) fn set_call(&mut self, operation: &str, errno: Option<i32>) {
        match errno {
            Some(errno) => self.calls.insert(operation.to_owned(), errno),
            None => self.calls.remove(operation),
        };
    }

    /// From now on these bytes cannot be read.
    pub(super) fn set_unreadable(&mut self, file: FileId, bytes: Range<u64>) {
        self.unreadable.insert(file, bytes);
    }

    /// Fails the calls that a test has chosen.
    pub(super) fn check_call(
        &self,
        operation: &'static str,
        what: impl FnOnce() -> String,
    ) -> Result<(), StorageError> {
        match self.calls.get(operation) {
            None => Ok(()),
            Some(errno) => {
                Err(StorageError::from_io(operation, what(), io::Error::from_raw_os_error(*errno)))
            }
        }
    }

    /// Fails a read of what the device cannot read.
    pub(super) fn check_readable(&self, file: FileId, read: Range<u64>) -> Result<(), StorageError> {
        match self.unreadable.get(&file) {
            Some(bad) if bad.start < read.end && read.start < bad.end => Err(StorageError::from_io(
                "read",
                what(file),
                io::Error::from_raw_os_error(number(errno::EIO)),
            )),
            _ => Ok(()),
        }
    }
}

/// An error number as the operating system gives it.
pub(super) fn number(errno: u32) -> i32 {
    i32::try_from(errno).unwrap_or(i32::MAX)
}
