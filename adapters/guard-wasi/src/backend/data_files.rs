//! The data files of a directory.

use std::{collections::BTreeMap, io, sync::Arc};

use forebay_core::storage::{FileId, StorageError, SyncJob, data_file_name, data_file_of};
use wasip2::{clocks::wall_clock::Datetime, filesystem::types::DescriptorType};

use super::{data_file::DataFile, directory::Directory, errno::is_of_opening, rewrite};

/// How many data files are kept open that need not be. Few are in use at a time, and the limit of the process is not known.
const OPEN_MAX: usize = 16;

/// The data files of a buffer.
#[derive(Debug)]
pub(super) struct DataFiles {
    directory: Arc<Directory>,
    /// Those that were used and are there.
    known: BTreeMap<FileId, Arc<DataFile>>,
}

impl DataFiles {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, known: BTreeMap::new() }
    }

    /// All data files with their lengths in bytes, by rising id.
    ///
    /// What has a data file's name and is none fails this: a link may lead to records that wait, and the next file cannot be
    /// made under a name that is taken.
    pub(super) fn list(&self) -> Result<Vec<(FileId, u64)>, StorageError> {
        let names = self.directory.names().map_err(|error| self.directory.failed("list", "", error))?;
        let mut files: Vec<FileId> = names.iter().filter_map(|name| data_file_of(name)).collect();
        files.sort_unstable();
        files.into_iter().filter_map(|file| self.length(file).transpose()).collect()
    }

    /// `None` if it has gone since it was listed.
    fn length(&self, file: FileId) -> Result<Option<(FileId, u64)>, StorageError> {
        let found =
            self.directory.stat(&data_file_name(file)).map_err(|error| self.failed("find", file, error))?;
        match found {
            Some(found) if found.type_ == DescriptorType::RegularFile => Ok(Some((file, found.size))),
            Some(_) => {
                let error = io::Error::other("it is not a regular file: move it away");
                Err(self.failed("use", file, error))
            }
            None => Ok(None),
        }
    }

    /// When a file was last written to.
    pub(super) fn modified(&self, file: FileId) -> Option<Datetime> {
        self.directory.stat(&data_file_name(file)).ok().flatten()?.data_modification_timestamp
    }

    pub(super) fn create(&mut self, file: FileId) -> Result<(), StorageError> {
        self.known.insert(file, DataFile::new(Arc::clone(&self.directory), data_file_name(file)));
        self.with_room(file, "make", DataFile::create).inspect_err(|_| {
            self.known.remove(&file);
        })
    }

    /// What another program has put in the place of a data file is left alone.
    pub(super) fn remove(&mut self, file: FileId) -> Result<(), StorageError> {
        let release = self.known.get(&file).map_or(Ok(()), |handle| handle.release());
        let removed = release.and_then(|()| self.directory.remove_file(&data_file_name(file)));
        if let Err(error) = removed {
            if let Some(handle) = self.known.get(&file) {
                handle.keep();
            }
            return Err(self.failed("remove", file, error));
        }
        self.known.remove(&file);
        Ok(())
    }

    pub(super) fn truncate(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        self.with_room(file, "cut", |handle| handle.set_length(length))
    }

    pub(super) fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.with_room(file, "append to", |handle| handle.write_at(bytes, at))
    }

    pub(super) fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, StorageError> {
        self.with_room(file, "read", |handle| handle.read_at(offset, into))
    }

    pub(super) fn prepare_sync(&mut self, file: FileId) -> SyncJob {
        let handle = self.handle(file);
        let covers = handle.changes();
        Box::new(move || {
            let synced = handle.sync(covers);
            synced.map_err(|(operation, error)| handle.directory().failed(operation, handle.name(), error))
        })
    }

    pub(super) fn prepare_rewrite(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        let handle = self.handle(file);
        rewrite::prepare(&self.directory, file, &handle).map_err(|error| self.failed("rewrite", file, error))
    }

    /// The rewritten file takes the place of the old one.
    pub(super) fn rewritten(&mut self, file: FileId) -> Result<(), StorageError> {
        let renamed = self.directory.rename(&rewrite::name(file), &data_file_name(file));
        renamed.map_err(|error| self.failed("replace", file, error))?;
        // The name leads to another file now.
        self.known.remove(&file);
        Ok(())
    }

    /// Those that were written to and are not what they were, by rising id.
    pub(super) fn taken_away(&self) -> Vec<(FileId, StorageError)> {
        let lost = self.known.iter().filter_map(|(file, handle)| {
            let error = handle.must_be_as_written().err()?;
            Some((*file, self.failed("find", *file, error)))
        });
        lost.collect()
    }

    /// Closes what needs no sync.
    pub(super) fn rest(&self) {
        self.known.values().for_each(|handle| handle.close_if_clean());
    }

    /// Does something with a file. Where it cannot be opened, once more when those are closed that need not be open.
    fn with_room<T>(
        &mut self,
        file: FileId,
        operation: &'static str,
        mut call: impl FnMut(&DataFile) -> io::Result<T>,
    ) -> Result<T, StorageError> {
        let handle = self.handle(file);
        let done = match call(&handle) {
            Err(error) if is_of_opening(&error) => {
                self.rest();
                call(&handle)
            }
            done => done,
        };
        done.map_err(|error| self.failed(operation, file, error))
    }

    fn make_room(&self) {
        if self.known.values().filter(|handle| handle.is_open()).count() >= OPEN_MAX {
            self.rest();
        }
    }

    fn handle(&mut self, file: FileId) -> Arc<DataFile> {
        if !self.known.get(&file).is_some_and(|handle| handle.is_open()) {
            self.make_room();
        }
        let new = || DataFile::new(Arc::clone(&self.directory), data_file_name(file));
        Arc::clone(self.known.entry(file).or_insert_with(new))
    }

    fn failed(&self, operation: &'static str, file: FileId, error: io::Error) -> StorageError {
        self.directory.failed(operation, &data_file_name(file), error)
    }
}
