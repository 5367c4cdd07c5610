//! A buffer's directory, only to be read: nothing in it is changed or made. The ledger that is stored stays in memory.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use super::{
    NativeOpenError,
    data_file::DataFiles,
    directory::{Create, Directory},
    filling,
    ledger_image::{LEDGER_NAME, LedgerOnDisk},
    lock::{DirectoryLock, LOCK_NAME},
    must_be_buffer,
    own_bytes::{self, OwnBytesFile},
    snapshot::Snapshot,
};
use crate::storage::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget, own_file::OwnFile,
};

/// A backend that reads a buffer's directory and changes nothing in it.
///
/// A ledger that is stored counts until this is dropped, and a sync succeeds without work. Each call that would change a
/// file fails with `EROFS`.
#[derive(Debug)]
pub struct ReadOnly {
    path: PathBuf,
    ledger: Option<Ledger>,
    files: Vec<(FileId, u64)>,
    data_files: DataFiles,
    own_file: OwnFile,
    _lock: Option<DirectoryLock>,
}

impl ReadOnly {
    /// Locks a directory that is there, and reads it. A lock file is locked if it is there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NativeOpenError> {
        let directory = Arc::new(Directory::open(path, Create::No)?);
        must_be_buffer(&directory)?;
        let lock = DirectoryLock::take_to_read(&directory)?;
        filling::must_be_over(&directory)?;
        directory.warn_of_writers(&[LOCK_NAME, LEDGER_NAME]);
        let snapshot = Snapshot::of(Arc::clone(&directory))
            .map_err(|source| NativeOpenError::Storage { path: directory.path().to_owned(), source })?;
        if let LedgerOnDisk::Unreadable { length_bytes } = snapshot.ledger() {
            warn!(
                directory = %directory.path().display(),
                length_bytes,
                "the ledger, buffer.db, cannot be read: this look goes by what was noted beside it or by the data files"
            );
        }
        let read_only = Self::of(&snapshot)
            .map_err(|source| NativeOpenError::Storage { path: directory.path().to_owned(), source })?;
        Ok(Self { _lock: Some(lock), ..read_only })
    }

    /// What a snapshot has seen, without the lock, also while another process holds the directory. Ledger, names and lengths
    /// of data files are those of the snapshot.
    pub fn of(snapshot: &Snapshot) -> Result<Self, StorageError> {
        let directory = snapshot.directory();
        // Opening for writing makes the ledger of an empty buffer where there are no data files.
        let made = || snapshot.data_files().is_empty().then_some(Ledger::EMPTY);
        let bytes = OwnBytesFile::open(Arc::clone(directory))?;
        Ok(Self {
            path: snapshot.path().to_owned(),
            ledger: snapshot.readable_ledger().or_else(made),
            files: snapshot.data_files().to_vec(),
            data_files: DataFiles::new(Arc::clone(directory)),
            own_file: OwnFile::open(bytes, own_bytes::identity(directory)?),
            _lock: None,
        })
    }

    fn refused<T>(&self, operation: &'static str) -> Result<T, StorageError> {
        Err(refused(operation, &self.path))
    }
}

fn refused(operation: &'static str, path: &Path) -> StorageError {
    StorageError::read_only(
        operation,
        format!("a file in {}, which is open for reading only", path.display()),
    )
}

impl Backend for ReadOnly {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        Ok(self.ledger)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.ledger = Some(ledger);
        Ok(())
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        Ok(self.files.clone())
    }

    fn create_file(&mut self, _: FileId) -> Result<(), StorageError> {
        self.refused("make")
    }

    fn remove_file(&mut self, _: FileId) -> Result<(), StorageError> {
        self.refused("remove")
    }

    fn truncate_file(&mut self, _: FileId, _: u64) -> Result<(), StorageError> {
        self.refused("truncate")
    }

    fn keep_cut(&mut self, _: FileId, _: u64, _: u64) -> Result<(), StorageError> {
        self.refused("make")
    }

    fn append(&mut self, _: FileId, _: u64, _: &[u8]) -> Result<(), StorageError> {
        self.refused("append to")
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.data_files.read_at(file, offset, into)
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        Arc::new(NoDeadLetters(self.path.clone()))
    }

    fn prepare_sync(&mut self, _: SyncTarget) -> Result<SyncJob, StorageError> {
        Ok(Box::new(|| Ok(())))
    }

    fn prepare_renewal(&mut self, _: FileId) -> Result<SyncJob, StorageError> {
        self.refused("rewrite")
    }

    fn renew(&mut self, _: FileId) -> Result<(), StorageError> {
        self.refused("replace")
    }

    fn forget_renewal(&mut self, _: FileId) {}

    /// What is remembered, but that a sync had failed: nothing is made durable here, so nothing is to be rewritten.
    fn recall(&mut self) -> Option<Recalled> {
        let recalled = self.own_file.recall()?;
        Some(Recalled { memo: Memo { is_degraded: false, ..recalled.memo }, ..recalled })
    }

    fn remember(&mut self, _: &Memo) {}

    /// The incarnations that are known. None begins: no id is given.
    fn opened(&mut self, _: &Memo, _: Opening) -> Incarnations {
        self.own_file.incarnations()
    }

    fn closed(&mut self, _: &Memo) {}

    fn rest(&mut self) {
        self.data_files.rest();
    }
}

/// Records that are only looked at are never given up.
#[derive(Debug)]
struct NoDeadLetters(PathBuf);

impl DeadLetterFile for NoDeadLetters {
    fn length(&self) -> Result<u64, StorageError> {
        Ok(0)
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> Result<usize, StorageError> {
        Ok(0)
    }

    fn replace_end(&self, _: u64, _: &[u8]) -> Result<(), StorageError> {
        Err(refused("write to", &self.0))
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
