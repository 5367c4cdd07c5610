//! A directory without a sidecar: `buffer.forebay` is neither read nor written, and all else is as ever.

use std::sync::Arc;

use forebay::storage::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget, native::Native,
};

/// The native backend is not told that the buffer was opened. Until then it writes nothing into `buffer.forebay`.
#[derive(Debug)]
pub(super) struct Forgetful(pub(super) Native);

impl Backend for Forgetful {
    fn recall(&mut self) -> Option<Recalled> {
        None
    }

    fn remember(&mut self, _: &Memo) {}

    fn opened(&mut self, _: &Memo, _: Opening) -> Incarnations {
        Incarnations::default()
    }

    fn closed(&mut self, _: &Memo) {}

    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        self.0.load_ledger()
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.0.store_ledger(ledger)
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.0.list_files()
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.0.create_file(file)
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.0.remove_file(file)
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.0.truncate_file(file, length)
    }

    fn keep_cut(&mut self, file: FileId, from: u64, bytes: u64) -> Result<(), StorageError> {
        self.0.keep_cut(file, from, bytes)
    }

    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.append(file, at, bytes)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.0.read_at(file, offset, into)
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        self.0.dead_letters()
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        self.0.prepare_sync(target)
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.0.prepare_renewal(file)
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.0.renew(file)
    }

    fn forget_renewal(&mut self, file: FileId) {
        self.0.forget_renewal(file);
    }

    fn rest(&mut self) {
        self.0.rest();
    }
}
