//! A storage that keeps a record of what was done to it, in order, and that can be made slow.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use forebay::storage::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget,
    memory::{Disk, Memory},
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Ledger(Ledger),
    Created(FileId),
    Removed(FileId),
    Cut(FileId, u64),
    Appended(FileId),
    /// A sync was made ready: it covers what was done before.
    SyncReady(SyncTarget),
    /// A sync has ended well.
    Synced(SyncTarget),
}

/// The record. Copies of it are the same.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    done: Arc<Mutex<Vec<Done>>>,
    /// How long an append takes, in milliseconds.
    stall_ms: Arc<AtomicU64>,
    /// What is killed, and after how many calls that change anything.
    mortal: Arc<Mutex<Option<(Disk, u64)>>>,
}

impl Journal {
    /// A buffer in memory that writes in it.
    pub fn of(&self, memory: Memory) -> Recorded {
        Recorded { memory, journal: self.clone() }
    }

    /// All that was done.
    pub fn all(&self) -> Vec<Done> {
        self.done.lock().unwrap().clone()
    }

    /// From now on the disk stalls at every append.
    pub fn stall(&self, milliseconds: u64) {
        self.stall_ms.store(milliseconds, SeqCst);
    }

    /// So many calls from now on change something, or note it; before the next one the process dies.
    pub fn kill_after(&self, calls: u64, disk: &Disk) {
        *self.mortal.lock().unwrap() = Some((disk.clone(), calls));
    }

    /// Whether the process has not died yet.
    pub fn is_alive(&self) -> bool {
        self.mortal.lock().unwrap().is_some()
    }

    /// A call comes that changes something.
    fn step(&self) {
        let mut mortal = self.mortal.lock().unwrap();
        match &mut *mortal {
            Some((disk, 0)) => {
                disk.kill();
                *mortal = None;
            }
            Some((_, left)) => *left -= 1,
            None => {}
        }
    }

    fn add(&self, done: Done) {
        self.done.lock().unwrap().push(done);
    }
}

/// Whether, after `from` and before `until`, a sync of this target was made ready and has ended.
pub fn was_synced(journal: &[Done], target: SyncTarget, from: usize, until: usize) -> bool {
    let between = &journal[from..until];
    let ready = between.iter().position(|done| *done == Done::SyncReady(target));
    ready.is_some_and(|ready| between[ready..].contains(&Done::Synced(target)))
}

/// A buffer in memory, with its journal.
#[derive(Debug)]
pub struct Recorded {
    memory: Memory,
    journal: Journal,
}

impl Recorded {
    fn note<T>(&self, done: Done, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if result.is_ok() {
            self.journal.add(done);
        }
        result
    }
}

impl Backend for Recorded {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        self.memory.load_ledger()
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.journal.step();
        let result = self.memory.store_ledger(ledger);
        self.note(Done::Ledger(ledger), result)
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.memory.list_files()
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.journal.step();
        let result = self.memory.create_file(file);
        self.note(Done::Created(file), result)
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.journal.step();
        let result = self.memory.remove_file(file);
        self.note(Done::Removed(file), result)
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.journal.step();
        let result = self.memory.truncate_file(file, length);
        self.note(Done::Cut(file, length), result)
    }

    fn keep_cut(&mut self, file: FileId, from: u64, bytes: u64) -> Result<(), StorageError> {
        self.memory.keep_cut(file, from, bytes)
    }

    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.journal.step();
        thread::sleep(Duration::from_millis(self.journal.stall_ms.load(SeqCst)));
        let result = self.memory.append(file, at, bytes);
        self.note(Done::Appended(file), result)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.memory.read_at(file, offset, into)
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        let job = self.memory.prepare_sync(target)?;
        let journal = self.journal.clone();
        journal.add(Done::SyncReady(target));
        Ok(Box::new(move || {
            journal.step();
            job()?;
            journal.add(Done::Synced(target));
            Ok(())
        }))
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.memory.prepare_renewal(file)
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.journal.step();
        self.memory.renew(file)
    }

    fn forget_renewal(&mut self, file: FileId) {
        self.memory.forget_renewal(file);
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        self.memory.dead_letters()
    }

    fn recall(&mut self) -> Option<Recalled> {
        self.memory.recall()
    }

    fn remember(&mut self, memo: &Memo) {
        self.journal.step();
        self.memory.remember(memo);
    }

    fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations {
        self.memory.opened(memo, opening)
    }

    fn closed(&mut self, memo: &Memo) {
        self.memory.closed(memo);
    }

    fn rest(&mut self) {
        self.memory.rest();
    }
}
