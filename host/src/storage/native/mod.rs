//! A buffer in a directory of a local disk: Vector's `disk_v2` files, a mapped ledger, an exclusive lock.

mod data_file;
mod data_handle;
mod dead_letter_file;
mod directory;
mod entry;
mod filling;
mod holder;
mod interrupted;
mod ledger_file;
mod ledger_image;
mod ledger_map;
mod lock;
mod looks;
mod moment;
mod names;
mod own_bytes;
mod pool;
mod quarantine;
mod read_only;
mod renewal;
mod repair;
mod snapshot;
mod standing;
#[cfg(test)]
mod tests;
mod waiting;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use data_file::DataFiles;
use dead_letter_file::NativeDeadLetters;
use ledger_file::LedgerFile;
use lock::DirectoryLock;
use own_bytes::OwnBytesFile;
use thiserror::Error;

pub use self::directory::{Create, Directory, OpenDirError};
pub use self::holder::{Holder, holder};
pub use self::ledger_image::LedgerOnDisk;
pub use self::lock::LockError;
pub use self::moment::Moment;
pub use self::pool::keep_data_files_open;
pub use self::quarantine::Cleared;
pub use self::read_only::ReadOnly;
pub use self::repair::{Repair, RepairError};
pub use self::snapshot::{DataFileReader, Snapshot, SnapshotError};
pub use self::waiting::Missing;
use super::{
    Backend, DeadLetterFile, FileId, Incarnations, Ledger, Memo, Opening, Recalled, StorageError, SyncJob,
    SyncTarget, own_file::OwnFile,
};
pub use crate::descriptors::explain as explain_missing_descriptors;

/// Why a buffer's directory cannot be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NativeOpenError {
    /// The directory cannot be opened or made.
    #[error(transparent)]
    Directory(#[from] OpenDirError),
    /// It cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its ledger cannot be opened or made.
    #[error("could not open the buffer {}", path.display())]
    Storage {
        /// The directory.
        path: PathBuf,
        /// What failed.
        source: StorageError,
    },
}

/// A buffer's directory, held until this is dropped.
#[derive(Debug)]
pub struct Native {
    directory: Arc<Directory>,
    ledger: LedgerFile,
    data_files: DataFiles,
    own_file: OwnFile,
    own_bytes: Arc<OwnBytesFile>,
    dead_letters: Arc<NativeDeadLetters>,
    // Dropped last: until then no other process may come in.
    _lock: DirectoryLock,
}

impl Native {
    /// Opens or makes a directory, locks it, and sees to its ledger. When this returns, the directory, its name and a
    /// ledger that was made are durable.
    ///
    /// A ledger that cannot be read is kept as `buffer.db.bad-1`, or the next number. The last eight are kept.
    pub fn open(path: impl AsRef<Path>, create: Create) -> Result<Self, NativeOpenError> {
        Self::open_and(path, create, filling::must_be_over)
    }

    /// Makes a buffer that is to be filled. Until [`filled`](Self::filled) nothing else opens it, also where this process is killed.
    /// The directory must hold no buffer.
    pub fn fill(path: impl AsRef<Path>) -> Result<Self, NativeOpenError> {
        let (path, has_begun) = (path.as_ref(), Cell::new(false));
        let begin = |directory: &Directory| {
            filling::begin(directory)?;
            has_begun.set(true);
            Ok(())
        };
        Self::open_and(path, Create::Yes, begin).inspect_err(|_| {
            if has_begun.get() {
                // What is left is named by the next attempt, which refuses.
                let _ = Directory::open(path, Create::No).and_then(|directory| filling::end(&directory));
            }
        })
    }

    /// Everything is durable, or was removed again: from now on the buffer is one like others.
    pub fn filled(&self) -> Result<(), NativeOpenError> {
        Ok(filling::end(&self.directory)?)
    }

    fn open_and(
        path: impl AsRef<Path>,
        create: Create,
        check: impl FnOnce(&Directory) -> Result<(), OpenDirError>,
    ) -> Result<Self, NativeOpenError> {
        let directory = Arc::new(Directory::open(path, create)?);
        // Before anything is made in it: the path may be mistyped.
        if create == Create::No {
            must_be_buffer(&directory)?;
        }
        let lock = DirectoryLock::take(&directory)?;
        check(&directory)?;
        directory.sync_own_name()?;
        let storage = |source| NativeOpenError::Storage { path: directory.path().to_owned(), source };
        // A file system that cannot do it says so now, before a record is taken that is to be synced.
        directory.sync().map_err(storage)?;
        directory.warn_of_writers(&[lock::LOCK_NAME, ledger_image::LEDGER_NAME]);
        renewal::remove_left_over(&directory);
        let data_files = DataFiles::new(Arc::clone(&directory));
        let ledger = data_files
            .are_there()
            .and_then(|are_there| LedgerFile::open(Arc::clone(&directory), are_there))
            .map_err(storage)?;
        let own_bytes = OwnBytesFile::open(Arc::clone(&directory)).map_err(storage)?;
        let identity = own_bytes::identity(&directory).map_err(storage)?;
        let own_file = OwnFile::open(Arc::<OwnBytesFile>::clone(&own_bytes), identity);
        let dead_letters = Arc::new(NativeDeadLetters::new(Arc::clone(&directory)));
        Ok(Self { directory, ledger, data_files, own_file, own_bytes, dead_letters, _lock: lock })
    }

    /// The directory, as it was given.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Fails where a directory holds other things and no buffer.
fn must_be_buffer(directory: &Directory) -> Result<(), NativeOpenError> {
    if may_be_buffer(directory)? {
        return Ok(());
    }
    Err(OpenDirError::NoBuffer { path: directory.path().to_owned() }.into())
}

/// Whether a directory holds a buffer, or nothing at all, which is an empty one.
fn may_be_buffer(directory: &Directory) -> Result<bool, NativeOpenError> {
    match directory.metadata(ledger_image::LEDGER_NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // What it is worth is found out later.
        _ => return Ok(true),
    }
    let files = data_file::list(directory);
    let files =
        files.map_err(|source| NativeOpenError::Storage { path: directory.path().to_owned(), source })?;
    Ok(!files.is_empty() || !directory.holds_strangers()?)
}

impl Drop for Native {
    fn drop(&mut self) {
        self.dead_letters.end();
    }
}

impl Backend for Native {
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError> {
        Ok(self.ledger.load())
    }

    /// Makes a new file, and waits until it is durable, where there was no ledger, after a failed sync, after another
    /// program has removed or cut the file, and where the disk is full and has no room to change a mapped page.
    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.ledger.store(ledger)
    }

    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError> {
        self.data_files.list()
    }

    fn modified(&mut self, file: FileId) -> Option<SystemTime> {
        self.data_files.modified(file)
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
        Arc::<NativeDeadLetters>::clone(&self.dead_letters)
    }

    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError> {
        match target {
            SyncTarget::Data(file) => Ok(self.data_files.prepare_sync(file)),
            SyncTarget::Directory => {
                let directory = Arc::clone(&self.directory);
                Ok(Box::new(move || directory.sync()))
            }
            SyncTarget::Ledger => {
                let (remember, sync) = (self.own_file.prepare_sync(), self.ledger.prepare_sync());
                Ok(Box::new(move || {
                    remember();
                    sync()
                }))
            }
            SyncTarget::DeadLetters => {
                let file = Arc::clone(&self.dead_letters);
                Ok(Box::new(move || file.sync()))
            }
        }
    }

    fn cannot_sync(&self) -> Option<&str> {
        self.directory.cannot_sync()
    }

    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        self.data_files.prepare_renewal(file)
    }

    fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.data_files.renew(file)
    }

    fn forget_renewal(&mut self, file: FileId) {
        self.data_files.forget_renewal(file);
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

    fn taken_away(&mut self) -> Vec<(FileId, StorageError)> {
        self.data_files.taken_away()
    }

    fn rest(&mut self) {
        self.data_files.rest();
        self.own_bytes.rest();
        self.dead_letters.rest();
    }
}
