//! A buffer in memory, for tests: on a simulated [`Disk`] that can lose power, fill up, and fail.
//!
//! ```
//! use forebay_core::storage::memory::Disk;
//! use forebay_core::storage::{Backend, FileId, SyncTarget};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let disk = Disk::new();
//! let mut buffer = disk.open()?;
//! let file = FileId::new(0).ok_or("out of range")?;
//! buffer.create_file(file)?;
//! buffer.append(file, 0, b"synced")?;
//! buffer.prepare_sync(SyncTarget::Directory)?()?;
//! buffer.prepare_sync(SyncTarget::Data(file))?()?;
//! buffer.append(file, 6, b", and not synced")?;
//!
//! disk.power_loss();
//! assert_eq!(disk.data_file(file).as_deref(), Some(&b"synced"[..]));
//! # Ok(())
//! # }
//! ```

mod dead_letters;
mod disk;
mod faults;
mod file;
mod luck;
mod own_bytes;
mod state;
#[cfg(test)]
mod tests;
mod versioned;

use self::dead_letters::MemoryDeadLetters;
pub use self::disk::Disk;
pub use self::luck::Luck;
use super::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget, own_file::OwnFile,
};
use std::sync::Arc;

/// A buffer on a [`Disk`], held until this is dropped or [killed](Disk::kill). What is called after that fails.
#[derive(Debug)]
pub struct Memory {
    disk: Disk,
    process: u64,
    own_file: OwnFile,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.disk.close(self.process);
    }
}

impl Backend for Memory {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        self.disk.with(self.process, |state| Ok(state.ledger()))
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.store_ledger(ledger))
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.disk.with(self.process, |state| Ok(state.list()))
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.create(file))
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.remove(file))
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.truncate(file, length))
    }

    fn keep_cut(&mut self, file: FileId, from: u64, _bytes: u64) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.keep_cut(file, from))
    }

    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.append(file, at, bytes))
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.disk.with(self.process, |state| {
            state.open(file)?;
            state.faults.check_call("read", || state::what(file))?;
            let wanted = u64::try_from(into.len()).unwrap_or(u64::MAX);
            state.faults.check_readable(file, offset..offset.saturating_add(wanted))?;
            let read = state.file(file)?.read_at(offset, into);
            state.bytes_read = state.bytes_read.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            Ok(read)
        })
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        Arc::new(MemoryDeadLetters::new(self.disk.clone(), self.process))
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        let sync = self.disk.prepare_sync(self.process, target)?;
        if target != SyncTarget::Ledger {
            return Ok(sync);
        }
        let remember = self.own_file.prepare_sync();
        Ok(Box::new(move || {
            remember();
            sync()
        }))
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.disk.prepare_renewal(self.process, file)
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.disk.with(self.process, |state| state.renew(file))
    }

    fn forget_renewal(&mut self, file: FileId) {
        // Where the process is dead nothing is left of it.
        let _ = self.disk.with(self.process, |state| {
            state.forget_renewal(file);
            Ok(())
        });
    }

    fn recall(&mut self) -> Option<Recalled> {
        self.own_file.recall()
    }

    fn remember(&mut self, memo: &Memo) {
        self.own_file.remember(memo);
    }

    fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations {
        self.own_file.opened(memo, opening)
    }

    fn closed(&mut self, memo: &Memo) {
        self.own_file.closed(memo);
    }
}
