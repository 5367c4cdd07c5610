//! A buffer in a directory of `wasi:filesystem@0.2`: the files of the native host, without a lock and without a memory map.

mod data_file;
mod data_files;
mod directory;
mod errno;
mod file;
mod ledger;
mod no_dead_letters;
mod preopen;
mod quarantine;
mod rewrite;
mod sidecar;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use forebay_core::storage::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget,
    own_file::{self, OWN_FILE_NAME, OwnFile},
};
use thiserror::Error;

use self::{
    data_files::DataFiles,
    directory::{Directory, Missing},
    ledger::LedgerFile,
    no_dead_letters::NoDeadLetters,
    sidecar::SidecarFile,
};

/// Why a directory cannot be taken.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("no preopened directory leads to the path: give one to the component")]
    NoDirectory,
    #[error("the path has a component `..`: write it without")]
    BadPath,
    #[error("a later version of Forebay has written to the directory: use that one")]
    NewerVersion,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A buffer's directory.
#[derive(Debug)]
pub(crate) struct Wasi {
    directory: Arc<Directory>,
    ledger: LedgerFile,
    data_files: DataFiles,
    sidecar: OwnFile,
    sidecar_file: Arc<SidecarFile>,
}

impl Wasi {
    /// Opens or makes a directory, and sees to its ledger. When this returns, the directory's names and a ledger that was
    /// made are durable. A directory of a later version is not changed.
    pub(crate) fn open(path: &str) -> Result<Self, OpenError> {
        if let Some(directory) = Directory::open(path, Missing::IsNone)?
            && own_file::is_later(&read_sidecar(&directory)?)
        {
            return Err(OpenError::NewerVersion);
        }
        let directory = Directory::open(path, Missing::IsMade)?.ok_or(OpenError::NoDirectory)?;
        let directory = Arc::new(directory);
        // A file system that cannot do it says so now, before a record is taken that is to be synced.
        directory.sync()?;
        rewrite::remove_left_over(&directory);
        let data_files = DataFiles::new(Arc::clone(&directory));
        let ledger = LedgerFile::open(Arc::clone(&directory), !data_files.list()?.is_empty())?;
        let sidecar_file = Arc::new(SidecarFile::new(Arc::clone(&directory)));
        let sidecar = OwnFile::open(Arc::<SidecarFile>::clone(&sidecar_file), sidecar::identity(&directory));
        Ok(Self { directory, ledger, data_files, sidecar, sidecar_file })
    }
}

fn read_sidecar(directory: &Directory) -> Result<Vec<u8>, StorageError> {
    sidecar::read(directory).map_err(|error| directory.failed("read", OWN_FILE_NAME, error))
}

impl Backend for Wasi {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        Ok(self.ledger.load())
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.ledger.store(ledger)
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.data_files.list()
    }

    fn modified(&mut self, file: FileId) -> Option<SystemTime> {
        let modified = self.data_files.modified(file)?;
        UNIX_EPOCH.checked_add(Duration::new(modified.seconds, modified.nanoseconds.min(999_999_999)))
    }

    fn create_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.data_files.create(file)
    }

    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError> {
        self.data_files.remove(file)
    }

    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.data_files.truncate(file, length)
    }

    fn keep_cut(&mut self, file: FileId, from: u64, bytes: u64) -> Result<(), StorageError> {
        quarantine::keep(&self.directory, &mut self.data_files, file, from, bytes)
    }

    fn keep_damaged(&mut self, file: FileId, bytes_max: u64) -> Result<(), StorageError> {
        quarantine::keep_damaged(&self.directory, file, bytes_max)
    }

    fn give_up_damaged(&mut self) -> Result<bool, StorageError> {
        quarantine::give_up_damaged(&self.directory)
    }

    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.data_files.append(file, at, bytes)
    }

    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.data_files.read_at(file, offset, into)
    }

    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile> {
        Arc::new(NoDeadLetters)
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        match target {
            SyncTarget::Data(file) => Ok(self.data_files.prepare_sync(file)),
            SyncTarget::Directory => {
                let directory = Arc::clone(&self.directory);
                Ok(Box::new(move || directory.sync()))
            }
            SyncTarget::Ledger => {
                let (remember, sync) = (self.sidecar.prepare_sync(), self.ledger.prepare_sync());
                Ok(Box::new(move || {
                    remember();
                    sync()
                }))
            }
            SyncTarget::DeadLetters => Ok(Box::new(|| NoDeadLetters.sync())),
        }
    }

    fn cannot_sync(&self) -> Option<&str> {
        self.directory.cannot_sync()
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.data_files.prepare_rewrite(file)
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.data_files.rewritten(file)
    }

    fn forget_renewal(&mut self, file: FileId) {
        rewrite::remove(&self.directory, file);
    }

    fn recall(&mut self) -> Option<Recalled> {
        self.sidecar.recall()
    }

    fn remember(&mut self, memo: &Memo) {
        self.sidecar.remember(memo);
    }

    fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations {
        self.sidecar.opened(memo, opening)
    }

    fn closed(&mut self, memo: &Memo) {
        self.sidecar.closed(memo);
    }

    fn taken_away(&mut self) -> Vec<(FileId, StorageError)> {
        self.data_files.taken_away()
    }

    fn rest(&mut self) {
        self.data_files.rest();
        self.sidecar_file.rest();
    }
}
