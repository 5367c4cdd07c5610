//! The dead-letter file of a simulated disk.

use super::Disk;
use crate::storage::{DeadLetterFile, StorageError, SyncTarget};

/// The file, as the process sees it that holds the buffer.
pub(super) struct MemoryDeadLetters {
    disk: Disk,
    process: u64,
}

impl MemoryDeadLetters {
    pub(super) fn new(disk: Disk, process: u64) -> Self {
        Self { disk, process }
    }
}

impl DeadLetterFile for MemoryDeadLetters {
    fn length(&self) -> Result<u64, StorageError> {
        let length = self.disk.with(self.process, |state| Ok(state.dead_letters.live().len()))?;
        Ok(u64::try_from(length).unwrap_or(u64::MAX))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.disk.with(self.process, |state| Ok(state.dead_letters.read_at(offset, into)))
    }

    fn replace_end(&self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            state.dead_letters.truncate(at);
            state.dead_letters.write(at, bytes);
            Ok(())
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.disk.prepare_sync(self.process, SyncTarget::DeadLetters)?()
    }
}
