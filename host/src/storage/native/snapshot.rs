//! A look at a buffer without touching it: nothing is opened for writing, locked or made, and the buffer's holder
//! goes on undisturbed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use forebay_frame::Source;
use thiserror::Error;
use tracing::warn;

use super::data_file;
use super::dead_letter_file;
use super::directory::{Access, Create, Directory, OpenDirError};
use super::filling;
use super::holder::{Holder, holder};
use super::interrupted::again;
use super::ledger_image::{LEDGER_NAME, LedgerOnDisk, read};
use super::own_bytes;
use crate::storage::{FileId, Ledger, Recalled, StorageError, own_file};

/// How often a look begins again because a data file was removed meanwhile.
const LOOKS_MAX: u32 = 16;

/// Why a buffer cannot be looked at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Its directory cannot be opened.
    #[error(transparent)]
    Directory(#[from] OpenDirError),
    /// Something in it cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What was found in a buffer's directory. While the buffer is held, the parts are not of one instant: what is remembered is the
/// oldest, and the ledger comes before the data files, so that one which it names and which is not listed was removed since.
/// [`moment`](Self::moment) gives figures of one instant.
#[derive(Debug)]
pub struct Snapshot {
    directory: Arc<Directory>,
    ledger: LedgerOnDisk,
    data_files: Vec<(FileId, u64)>,
    holder: Holder,
    recalled: Option<Recalled>,
}

impl Snapshot {
    /// Looks at the buffer in a directory.
    pub fn take(path: impl AsRef<Path>) -> Result<Self, SnapshotError> {
        let directory = Arc::new(Directory::open(path, Create::No)?);
        filling::must_be_over(&directory)?;
        Ok(Self::of(directory)?)
    }

    /// Takes a snapshot and looks at it. Begins again where another process has removed a data file before the look reached it.
    pub fn look<T>(
        mut take: impl FnMut() -> Result<Self, SnapshotError>,
        mut look: impl FnMut(&Self) -> Result<T, SnapshotError>,
    ) -> Result<T, SnapshotError> {
        let mut looks = 1;
        loop {
            match take().and_then(|snapshot| look(&snapshot)) {
                Err(SnapshotError::Storage(StorageError::NotFound { .. })) if looks < LOOKS_MAX => looks += 1,
                looked => return looked,
            }
        }
    }

    /// Looks at the buffer in an open directory.
    pub(super) fn of(directory: Arc<Directory>) -> Result<Self, StorageError> {
        // What is remembered is of use and not needed: what else is there can be looked at without it. It comes first: what has
        // happened since, up to the ledger, is found in the data files.
        let recalled = own_bytes::read(&directory).unwrap_or_else(|error| {
            warn!(%error, "what was remembered of the buffer in {} cannot be read", own_file::OWN_FILE_NAME);
            Vec::new()
        });
        let ledger = match directory.open_file(LEDGER_NAME, Access::Read).and_then(|file| read(&file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => LedgerOnDisk::None,
            read => {
                read.map_err(|error| StorageError::from_io("read", directory.name(LEDGER_NAME), error))?
            }
        };
        let data_files = data_file::list(&directory)?;
        let holder = holder(&directory);
        let recalled = own_file::newest(
            &recalled,
            own_bytes::identity(&directory)?,
            own_bytes::ledger_changed_ns(&directory),
        );
        Ok(Self { directory, ledger, data_files, holder, recalled })
    }

    pub(super) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The directory, as it was given.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The ledger.
    pub fn ledger(&self) -> LedgerOnDisk {
        self.ledger
    }

    /// The ledger, if there is one that can be read.
    pub fn readable_ledger(&self) -> Option<Ledger> {
        match self.ledger {
            LedgerOnDisk::Readable(ledger) => Some(ledger),
            LedgerOnDisk::None | LedgerOnDisk::Unreadable { .. } => None,
        }
    }

    /// Whether there are data files, and no ledger that can be read beside them.
    pub fn lacks_ledger(&self) -> bool {
        match self.ledger {
            LedgerOnDisk::Readable(_) => false,
            LedgerOnDisk::None => self.data_files.iter().any(|(_, bytes)| *bytes > 0),
            LedgerOnDisk::Unreadable { .. } => true,
        }
    }

    /// The data files with their lengths in bytes, by rising id.
    pub fn data_files(&self) -> &[(FileId, u64)] {
        &self.data_files
    }

    /// Fails where the directory holds other things and no buffer: the path may be mistyped.
    pub fn must_be_buffer(&self) -> Result<(), OpenDirError> {
        let has_any = self.ledger != LedgerOnDisk::None || !self.data_files.is_empty();
        if !has_any && self.directory.holds_strangers()? {
            return Err(OpenDirError::NoBuffer { path: self.path().to_owned() });
        }
        Ok(())
    }

    /// When a data file was last written to.
    pub(super) fn modified(&self, file: FileId) -> Option<SystemTime> {
        let metadata = self.directory.metadata(&data_file::name(file)).ok()?;
        metadata.modified().ok().map(cap_std::time::SystemTime::into_std)
    }

    /// Who holds the buffer.
    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// What `buffer.forebay` says; `None` if it is not there, or is not to be believed. The buffer's holder writes it
    /// now and then, so that it may be older than the ledger.
    pub fn recalled(&self) -> Option<&Recalled> {
        self.recalled.as_ref()
    }

    /// Opens a data file for reading; [`StorageError::NotFound`] if it was removed since.
    pub fn open_data_file(&self, file: FileId) -> Result<DataFileReader, StorageError> {
        self.open(&data_file::name(file))
    }

    /// Opens the file of dead letters for reading; `None` if there is none.
    pub fn open_dead_letters(&self) -> Result<Option<DataFileReader>, StorageError> {
        match self.open(dead_letter_file::NAME) {
            Ok(reader) => Ok(Some(reader)),
            Err(StorageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, name: &str) -> Result<DataFileReader, StorageError> {
        let fail = |error| StorageError::from_io("open", self.directory.name(name), error);
        let handle = self.directory.open_file(name, Access::Read).map_err(fail)?;
        let length = again(|| handle.metadata()).map_err(fail)?.len();
        Ok(DataFileReader { what: self.directory.name(name), handle, length })
    }
}

/// A data file, or that of dead letters, up to the length that it had when it was opened.
#[derive(Debug)]
pub struct DataFileReader {
    what: String,
    handle: File,
    length: u64,
}

impl Source for DataFileReader {
    type Error = StorageError;

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let into = into.get_mut(..wanted).unwrap_or_default();
        data_file::read_full(&self.handle, offset, into)
            .map_err(|error| StorageError::from_io("read", self.what.as_str(), error))
    }
}
