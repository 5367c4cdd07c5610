//! Storage that is not there any more: the code that had it ended and did not give it back.

use std::{io, sync::Arc};

use super::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget,
};

/// Holds no directory, and does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

fn gone<T>(operation: &'static str) -> Result<T, StorageError> {
    let cause = io::Error::other("the code that was to make the buffer's logic has kept its storage");
    Err(StorageError::Io { operation, what: "the buffer".to_owned(), cause })
}

impl Backend for Gone {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        gone("read")
    }

    fn store_ledger(&mut self, _ledger: Ledger) -> Result<(), StorageError> {
        gone("write to")
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        gone("read")
    }

    fn create_file(&mut self, _file: FileId) -> Result<(), StorageError> {
        gone("write to")
    }

    fn remove_file(&mut self, _file: FileId) -> Result<(), StorageError> {
        gone("write to")
    }

    fn truncate_file(&mut self, _file: FileId, _length: u64) -> Result<(), StorageError> {
        gone("write to")
    }

    fn keep_cut(&mut self, _file: FileId, _from: u64, _bytes: u64) -> Result<(), StorageError> {
        gone("write to")
    }

    fn append(&mut self, _file: FileId, _at: u64, _bytes: &[u8]) -> Result<(), StorageError> {
        gone("write to")
    }

    fn read_at(&mut self, _file: FileId, _offset: u64, _into: &mut [u8]) -> Result<usize, StorageError> {
        gone("read")
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        Arc::new(*self)
    }

    fn prepare_sync(&mut self, _target: SyncTarget) -> Result<SyncJob, StorageError> {
        gone("sync")
    }

    fn prepare_renewal(&mut self, _file: FileId) -> Result<SyncJob, StorageError> {
        gone("sync")
    }

    fn renew(&mut self, _file: FileId) -> Result<(), StorageError> {
        gone("write to")
    }

    fn forget_renewal(&mut self, _file: FileId) {}

    fn recall(&mut self) -> Option<Recalled> {
        None
    }

    fn remember(&mut self, _memo: &Memo) {}

    fn opened(&mut self, _memo: &Memo, _opening: Opening) -> Incarnations {
        Incarnations::default()
    }

    fn closed(&mut self, _memo: &Memo) {}
}

impl DeadLetterFile for Gone {
    fn length(&self) -> Result<u64, StorageError> {
        gone("read")
    }

    fn read_at(&self, _offset: u64, _into: &mut [u8]) -> Result<usize, StorageError> {
        gone("read")
    }

    fn replace_end(&self, _at: u64, _bytes: &[u8]) -> Result<(), StorageError> {
        gone("write to")
    }

    fn sync(&self) -> Result<(), StorageError> {
        gone("sync")
    }
}
