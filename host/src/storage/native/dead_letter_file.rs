//! `buffer.dead-letters`: frames as in a data file, of records that no consumer could handle. Vector ignores the file. It may be
//! moved away or removed at any time, also while the buffer is open: the next dead letter begins a new one.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex},
};

use super::{
    data_file::read_full,
    directory::{Access, Directory},
    interrupted::again,
};
use crate::{
    storage::{DeadLetterFile, StorageError},
    threads::lock,
};

pub(super) const NAME: &str = "buffer.dead-letters";

/// The file, for as long as the directory is held.
#[derive(Debug)]
pub(super) struct NativeDeadLetters {
    directory: Arc<Directory>,
    state: Mutex<LetterFile>,
}

#[derive(Debug)]
enum LetterFile {
    /// Not opened yet, or moved away since.
    Closed,
    /// Kept open from the first write to the last sync: the kernel tells of a failed write-back once, and to the handles
    /// that were open then.
    Open { file: File, name_is_durable: bool, is_synced: bool },
    /// Another owner has the directory.
    Gone,
}

impl NativeDeadLetters {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, state: Mutex::new(LetterFile::Closed) }
    }

    /// The directory is about to be let go. Waits for a call that is under way; the next ones fail.
    pub(super) fn end(&self) {
        *lock(&self.state) = LetterFile::Gone;
    }

    /// Closes the file, unless it waits for a sync.
    pub(super) fn rest(&self) {
        let mut state = lock(&self.state);
        if matches!(&*state, LetterFile::Open { is_synced: true, .. }) {
            *state = LetterFile::Closed;
        }
    }

    fn with<T>(
        &self,
        operation: &'static str,
        call: impl FnOnce(&mut LetterFile) -> io::Result<T>,
    ) -> Result<T, StorageError> {
        let mut state = lock(&self.state);
        let result = match &*state {
            LetterFile::Gone => Err(io::Error::other("the buffer has been closed")),
            LetterFile::Open { file, .. } => self.directory.leads_to(NAME, file).map(|is_named| {
                if !is_named {
                    *state = LetterFile::Closed;
                }
            }),
            LetterFile::Closed => Ok(()),
        };
        let result = result.and_then(|()| call(&mut state));
        result.map_err(|error| StorageError::from_io(operation, self.directory.name(NAME), error))
    }

    /// The file, opened if need be.
    fn open<'a>(&self, state: &'a mut LetterFile, access: Access) -> io::Result<&'a File> {
        if !matches!(state, LetterFile::Open { .. }) {
            let file = self.directory.open_file(NAME, access)?;
            *state = LetterFile::Open { file, name_is_durable: false, is_synced: true };
        }
        match state {
            LetterFile::Open { file, .. } => Ok(file),
            LetterFile::Closed | LetterFile::Gone => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl DeadLetterFile for NativeDeadLetters {
    fn length(&self) -> Result<u64, StorageError> {
        self.with("open", |state| match self.open(state, Access::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            file => {
                let file = file?;
                Ok(again(|| file.metadata())?.len())
            }
        })
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.with("read", |state| read_full(self.open(state, Access::ReadWrite)?, offset, into))
    }

    fn replace_end(&self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.with("write to", |state| {
            self.open(state, Access::ReadWriteOrCreate)?;
            let LetterFile::Open { file, is_synced, .. } = state else { return Ok(()) };
            *is_synced = false;
            let length = again(|| file.metadata())?.len();
            if length < at {
                return Err(io::Error::other("another program has replaced or cut it"));
            }
            if length > at {
                file.set_len(at)?;
            }
            file.write_all_at(bytes, at)
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.with("sync", |state| {
            let LetterFile::Open { file, name_is_durable, is_synced } = state else { return Ok(()) };
            file.sync_all()?;
            *is_synced = true;
            if !*name_is_durable {
                self.directory.sync_apart()?;
                *name_is_durable = true;
            }
            Ok(())
        })
    }
}
