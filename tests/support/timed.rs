//! A storage that notes when it was busy for long: time that a caller waits for the disk, and for nothing else.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use forebay::storage::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget,
};

/// What is shorter is not noted.
const NOTED: Duration = Duration::from_millis(1);

/// When the storage was busy. Copies are the same.
#[derive(Clone, Debug, Default)]
pub struct Busy(Arc<Mutex<Vec<(Instant, Instant)>>>);

impl Busy {
    /// A storage that notes here when it is busy.
    pub fn over<B: Backend>(&self, backend: B) -> Timed<B> {
        Timed { backend, busy: self.clone() }
    }

    /// For how long it was busy between two times.
    pub fn between(&self, start: Instant, end: Instant) -> Duration {
        let calls = self.0.lock().unwrap();
        calls.iter().map(|(from, to)| (*to).min(end).saturating_duration_since((*from).max(start))).sum()
    }
}

/// The storage.
#[derive(Debug)]
pub struct Timed<B> {
    backend: B,
    busy: Busy,
}

impl<B> Timed<B> {
    fn call<T>(&mut self, call: impl FnOnce(&mut B) -> T) -> T {
        let started = Instant::now();
        let answer = call(&mut self.backend);
        let ended = Instant::now();
        if ended - started >= NOTED {
            self.busy.0.lock().unwrap().push((started, ended));
        }
        answer
    }
}

impl<B: Backend> Backend for Timed<B> {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        self.call(Backend::load_ledger)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.call(|backend| backend.store_ledger(ledger))
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.call(Backend::list_files)
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.call(|backend| backend.create_file(file))
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.call(|backend| backend.remove_file(file))
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.call(|backend| backend.truncate_file(file, length))
    }

    fn keep_cut(&mut self, file: FileId, from: u64, bytes: u64) -> Result<(), StorageError> {
        self.call(|backend| backend.keep_cut(file, from, bytes))
    }

    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.call(|backend| backend.append(file, at, bytes))
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.call(|backend| backend.read_at(file, offset, into))
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        self.backend.dead_letters()
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        self.call(|backend| backend.prepare_sync(target))
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.call(|backend| backend.prepare_renewal(file))
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.call(|backend| backend.renew(file))
    }

    fn forget_renewal(&mut self, file: FileId) {
        self.call(|backend| backend.forget_renewal(file));
    }

    fn recall(&mut self) -> Option<Recalled> {
        self.call(Backend::recall)
    }

    fn remember(&mut self, memo: &Memo) {
        self.call(|backend| backend.remember(memo));
    }

    fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations {
        self.call(|backend| backend.opened(memo, opening))
    }

    fn closed(&mut self, memo: &Memo) {
        self.call(|backend| backend.closed(memo));
    }

    fn rest(&mut self) {
        self.call(Backend::rest);
    }
}
