//! A queue has no dead letters: a consumer that wants to set a record aside pushes it to another queue.

use std::io;

use forebay_core::storage::{DeadLetterFile, StorageError};

/// A dead-letter file that cannot be used. Nothing asks for it.
pub(super) struct NoDeadLetters;

fn unsupported(operation: &'static str) -> StorageError {
    let cause = io::Error::other("a queue component has none");
    StorageError::from_io(operation, "the dead-letter file", cause)
}

impl DeadLetterFile for NoDeadLetters {
    fn length(&self) -> Result<u64, StorageError> {
        Err(unsupported("open"))
    }

    fn read_at(&self, _offset: u64, _into: &mut [u8]) -> Result<usize, StorageError> {
        Err(unsupported("read"))
    }

    fn replace_end(&self, _at: u64, _bytes: &[u8]) -> Result<(), StorageError> {
        Err(unsupported("write to"))
    }

    fn sync(&self) -> Result<(), StorageError> {
        Err(unsupported("sync"))
    }
}
