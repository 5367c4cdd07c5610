//! Where a buffer's bytes live. [`Backend`] is the seam: above it nothing knows of memory maps, paths or file handles,
//! below it nothing knows of frames, guests or what may be removed.

mod damaged_files;
mod error;
mod gone;
mod incarnation;
pub mod ledger_image;
mod memo;
mod memo_block;
pub mod memory;
pub mod own_file;
mod usage;

use std::{sync::Arc, time::SystemTime};

pub use damaged_files::damaged_files_to_keep;
pub(crate) use error::unless_missing;
pub use error::{StorageError, TakenAway};
pub use forebay_types::{FileId, Ledger};
pub use gone::Gone;
pub use incarnation::Incarnations;
pub use memo::{BOUNDS_MAX, CHECKPOINTS_MAX, Checkpoint, FileBounds, Memo, Recalled};
pub use usage::{Amount, Usage};

/// The name of a data file in a buffer's directory.
pub fn data_file_name(file: FileId) -> String {
    format!("buffer-data-{file}.dat")
}

/// The data file that has this name. Each has one name only: `buffer-data-07.dat` is no data file.
pub fn data_file_of(name: &str) -> Option<FileId> {
    let digits = name.trim_matches(|character: char| !character.is_ascii_digit());
    let file = FileId::new(digits.parse().ok()?)?;
    (data_file_name(file) == name).then_some(file)
}

/// The most that is kept of what was cut, in bytes.
pub const QUARANTINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a sync is to bring to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncTarget {
    /// All bytes that a data file has when the sync starts.
    Data(FileId),
    /// The names of the files that were made or removed before.
    Directory,
    /// The ledger as last stored.
    Ledger,
    /// The dead-letter file and its name.
    DeadLetters,
}

impl From<forebay_types::SyncTarget> for SyncTarget {
    fn from(target: forebay_types::SyncTarget) -> Self {
        match target {
            forebay_types::SyncTarget::Data(file) => Self::Data(file),
            forebay_types::SyncTarget::Directory => Self::Directory,
            forebay_types::SyncTarget::Ledger => Self::Ledger,
        }
    }
}

/// What the sidecar has to know of an opening besides what is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The time, in seconds since 1970.
    pub unix_seconds: u64,
    /// The data files hide ids that may have been given: the next ids belong to a new incarnation.
    pub hides_ids: bool,
}

/// A sync that is ready to run. It may run on any thread, it blocks until the disk has answered, and it covers all that
/// was done to its target before it was made. Dropping it without running it syncs nothing.
pub type SyncJob = Box<dyn FnOnce() -> Result<(), StorageError> + Send>;

/// The file beside the data files that dead letters are added to. Its calls come from any thread, one at a time. Once the
/// backend is gone they fail: another owner may have the directory.
pub trait DeadLetterFile: Send + Sync {
    /// Its length in bytes; 0 if there is none.
    fn length(&self) -> Result<u64, StorageError>;

    /// Reads from an offset on until `into` is full or the file ends; gives the number of bytes read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError>;

    /// Writes bytes at an offset that is not beyond the end, in place of all that was there from it on.
    fn replace_end(&self, at: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes its bytes and its name durable. Waits for the disk.
    fn sync(&self) -> Result<(), StorageError>;
}

/// One buffer directory, held exclusively. All calls come from one thread at a time.
///
/// Lengths are in bytes. Except where an error says otherwise, a call that fails has changed nothing.
pub trait Backend: Send {
    /// The ledger as last stored, or `None` if there is none that can be read: it is then made from the data files, and
    /// the first `store_ledger` creates it.
    fn load_ledger(&mut self) -> Result<Option<Ledger>, StorageError>;

    /// Replaces the ledger: at once for a process that reads it after this one has died, and durably with the next
    /// sync of [`SyncTarget::Ledger`]. `writer_next_record` moves before the file ids, `reader_last_record` before the
    /// file ids too, each as one atomic store.
    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError>;

    /// All data files with their lengths, by rising id. Other names in the directory are not looked at.
    fn list_files(&mut self) -> Result<Vec<(FileId, u64)>, StorageError>;

    /// When a data file was last written to, by the wall clock; `None` where that is not known.
    fn modified(&mut self, _file: FileId) -> Option<SystemTime> {
        None
    }

    /// Makes an empty data file; [`StorageError::AlreadyExists`] if there is one.
    fn create_file(&mut self, file: FileId) -> Result<(), StorageError>;

    /// Removes a data file.
    fn remove_file(&mut self, file: FileId) -> Result<(), StorageError>;

    /// Cuts a data file to a length that is not beyond its own.
    fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), StorageError>;

    /// Keeps what a data file has from an offset to its end, which is about to be cut: in a directory in
    /// `buffer.quarantine/cut-ends`. There is room for the last few of such ends, and of a long one only for the beginning.
    fn keep_cut(&mut self, file: FileId, from: u64, bytes: u64) -> Result<(), StorageError>;

    /// Keeps a damaged data file, which is about to be removed: in a directory in `buffer.quarantine`. There is room for the last
    /// few of them, and for so many bytes, but always for this one.
    fn keep_damaged(&mut self, _file: FileId, _bytes_max: u64) -> Result<(), StorageError> {
        Ok(())
    }

    /// Removes the damaged data file that was kept first. Gives whether there was one.
    fn give_up_damaged(&mut self) -> Result<bool, StorageError> {
        Ok(false)
    }

    /// Writes bytes at `at`, which is the file's length. On [`StorageError::NoSpace`] and other failures some of them may
    /// have been written: the caller cuts the file.
    fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Reads from an offset on until `into` is full or the file ends; gives the number of bytes read.
    fn read_at(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError>;

    /// The file of dead letters. It is not made before something is written to it.
    fn dead_letters(&mut self) -> Arc<dyn DeadLetterFile>;

    /// Makes a sync ready that covers all that was done to the target until now.
    ///
    /// What a sync has failed to make durable no later one does, however well it ends: neither the bytes of a data file, nor
    /// the names of files that were made. Such a file is [renewed](Self::prepare_renewal), a ledger is
    /// [stored](Self::store_ledger) again, and the next sync covers the one as the other. It also covers names that were
    /// removed, whether one has failed before it or not.
    fn prepare_sync(&mut self, target: SyncTarget) -> Result<SyncJob, StorageError>;

    /// Why nothing that is synced is durable all the same, as far as that is known: a file system may be unable to make names
    /// durable. Syncs then end well, so that the buffer works as far as it can.
    fn cannot_sync(&self) -> Option<&str> {
        None
    }

    /// Makes a job ready that writes all that a data file has now to a new one beside it, and makes that durable. The file
    /// itself is not touched.
    ///
    /// For after a failed sync: what the kernel could not write it takes for written, so that no later sync of that file
    /// makes it durable. A new file has nothing to do with that.
    fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError>;

    /// What the renewal that was made ready last has written takes the place of the data file, under its name. It must have
    /// ended well, and the file have been left alone since. A power loss before the next sync of
    /// [`SyncTarget::Directory`] leaves the one or the other.
    fn renew(&mut self, file: FileId) -> Result<(), StorageError>;

    /// What the renewal that was made ready last has written, if anything, is not wanted.
    fn forget_renewal(&mut self, file: FileId);

    /// What was last [remembered](Self::remember), of what survived. Asked for before the buffer is opened.
    fn recall(&mut self) -> Option<Recalled>;

    /// Notes what may help the next opening: at once for after this process has died, and durably with the next sync of
    /// [`SyncTarget::Ledger`], before the ledger. Never waits for the disk. It may be lost at any time.
    fn remember(&mut self, memo: &Memo);

    /// The buffer is open. Gives the incarnations that gave the ids until now, and that gives the next ones. What is
    /// remembered is durable when this returns.
    fn opened(&mut self, memo: &Memo, opening: Opening) -> Incarnations;

    /// The buffer is being closed, and everything in it is durable.
    fn closed(&mut self, memo: &Memo);

    /// The data files that were appended to through this backend and that another program has since removed, replaced or cut:
    /// one look at the name of each.
    fn taken_away(&mut self) -> Vec<(FileId, StorageError)> {
        Vec::new()
    }

    /// Nothing is being done to the buffer: what is open and waits for no sync may be closed.
    fn rest(&mut self) {}
}
