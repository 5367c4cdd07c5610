//! Mending a buffer's files by hand, under its lock: a data file gives way to one with what is whole in it, and stays in the
//! quarantine as it was.
//!
//! At each moment the directory holds the old file or the new one, whole. The old one has its name in the quarantine, durably,
//! before the new one takes its place.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{
    NativeOpenError, data_file,
    directory::{Access, Create, Directory},
    filling,
    ledger_image::LEDGER_NAME,
    lock::DirectoryLock,
    must_be_buffer,
    quarantine::{self, Cleared},
    renewal,
    snapshot::Snapshot,
};
use crate::storage::{FileId, StorageError};

/// The file in a repair's folder that says what was done.
const REPORT: &str = "report.json";

/// Why a data file could not be mended. It is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error(
    "could not {operation} {what}: {source}; data files that were not replaced yet are as they were, and the repair can be run again"
)]
pub struct RepairError {
    /// What was tried.
    pub operation: &'static str,
    /// With what.
    pub what: String,
    /// Why it failed.
    pub source: io::Error,
}

/// A buffer's directory whose files are mended, held until this is dropped.
#[derive(Debug)]
pub struct Repair {
    directory: Arc<Directory>,
    /// The folder of this repair, once there is something to keep.
    folder: Option<String>,
    _lock: DirectoryLock,
}

impl Repair {
    /// Locks a buffer's directory, which must be there.
    pub fn lock(path: impl AsRef<Path>) -> Result<Self, NativeOpenError> {
        let directory = Arc::new(Directory::open(path, Create::No)?);
        must_be_buffer(&directory)?;
        let lock = DirectoryLock::take(&directory)?;
        filling::must_be_over(&directory)?;
        Ok(Self { directory, folder: None, _lock: lock })
    }

    /// Looks at what is there now.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Snapshot::of(Arc::clone(&self.directory))
    }

    /// The folder that keeps what is replaced. It is made where this repair has none yet.
    pub fn quarantine(&mut self) -> Result<PathBuf, RepairError> {
        let folder = self.folder()?;
        Ok(self.directory.path().join(folder))
    }

    /// Removes what repairs and reads have put into the quarantine until now. It is the only trace of what was lost.
    pub fn clear_quarantine(&self) -> Result<Cleared, RepairError> {
        quarantine::clear(&self.directory).map_err(|error| self.failed("clear", quarantine::FOLDER, error))
    }

    /// Puts a new file in the place of a data file, which goes into the quarantine. `write` fills the new one.
    pub fn replace<E: From<RepairError>>(
        &mut self,
        file: FileId,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let (name, new) = (data_file::name(file), renewal::name(file));
        let mut target = self.directory.make_anew(&new).map_err(|error| self.failed("make", &new, error))?;
        write(&mut target)?;
        target.sync_all().map_err(|error| self.failed("sync", &new, error))?;
        self.keep(&name)?;
        self.directory.rename(&new, &name).map_err(|error| self.failed("replace", &name, error))?;
        Ok(self.sync()?)
    }

    /// Moves a data file into the quarantine.
    pub fn set_aside(&mut self, file: FileId) -> Result<(), RepairError> {
        let name = data_file::name(file);
        self.keep(&name)?;
        self.directory.remove_file(&name).map_err(|error| self.failed("remove", &name, error))?;
        self.sync()
    }

    /// Puts a copy of the ledger into the quarantine, if there is one.
    pub fn keep_ledger(&mut self) -> Result<(), RepairError> {
        match self.directory.open_file(LEDGER_NAME, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed("open", LEDGER_NAME, error)),
            // A second name would follow what is written to the ledger later.
            Ok(ledger) => {
                let kept = self.name_in_folder(LEDGER_NAME)?;
                self.copy(ledger, &kept)?;
                self.sync_folder()
            }
        }
    }

    /// Writes down what was done, beside what was replaced.
    pub fn report(&mut self, text: &str) -> Result<(), RepairError> {
        let name = self.name_in_folder(REPORT)?;
        self.copy(text.as_bytes(), &name)?;
        self.sync_folder()
    }

    /// Gives a file a second name in the quarantine, durably.
    fn keep(&mut self, name: &str) -> Result<(), RepairError> {
        let kept = self.name_in_folder(name)?;
        quarantine::keep_file(&self.directory, name, &kept)
            .map_err(|error| self.failed("keep", name, error))?;
        self.sync_folder()
    }

    fn copy(&self, mut from: impl io::Read, to: &str) -> Result<(), RepairError> {
        let mut copy = || {
            let mut target: File = self.directory.open_file(to, Access::CreateNew)?;
            io::copy(&mut from, &mut target)?;
            target.sync_all()
        };
        copy().map_err(|error| self.failed("write", to, error))
    }

    fn name_in_folder(&mut self, name: &str) -> Result<String, RepairError> {
        Ok(format!("{}/{name}", self.folder()?))
    }

    fn folder(&mut self) -> Result<String, RepairError> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => self.make_folder()?,
        };
        Ok(self.folder.insert(folder).clone())
    }

    /// Makes the folder of this repair, under the next number that is free.
    fn make_folder(&self) -> Result<String, RepairError> {
        let fail = |error| self.failed("make", quarantine::FOLDER, error);
        quarantine::make_folder(&self.directory).map_err(fail)?;
        let names = (1_u32..).map(|number| format!("{}/{}{number}", quarantine::FOLDER, quarantine::REPAIR));
        for name in names {
            match self.directory.make_folder(&name) {
                Ok(()) => {
                    let synced = self.directory.sync_folder(quarantine::FOLDER);
                    synced.map_err(|error| self.failed("sync", quarantine::FOLDER, error))?;
                    self.sync()?;
                    return Ok(name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.failed("make", &name, error)),
            }
        }
        Err(fail(io::ErrorKind::AlreadyExists.into()))
    }

    fn sync_folder(&self) -> Result<(), RepairError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        self.directory.sync_folder(folder).map_err(|error| self.failed("sync", folder, error))
    }

    fn sync(&self) -> Result<(), RepairError> {
        self.directory.sync_apart().map_err(|source| RepairError {
            operation: "sync",
            what: self.directory.path().display().to_string(),
            source,
        })
    }

    fn failed(&self, operation: &'static str, name: &str, source: io::Error) -> RepairError {
        RepairError { operation, what: self.directory.name(name), source }
    }
}
