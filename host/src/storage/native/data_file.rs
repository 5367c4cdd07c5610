//! Data files: their names, and what can be done to each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::warn;

use super::data_handle::DataHandle;
use super::directory::Directory;
use super::entry::Entry;
use super::pool::Pool;
use super::renewal;
pub(super) use crate::storage::data_file_name as name;
use crate::storage::{FileId, StorageError, SyncJob, data_file_of};

/// The data file that has this name.
pub(super) fn parse(found: &OsStr) -> Option<FileId> {
    data_file_of(found.to_str()?)
}

/// All data files with their lengths in bytes, by rising id.
///
/// What has a data file's name and is none fails this: a link may lead to records that wait, and the next file cannot be made
/// under a name that is taken.
pub(super) fn list(directory: &Directory) -> Result<Vec<(FileId, u64)>, StorageError> {
    Ok(look(directory)?.iter().map(|entry| (entry.selected, entry.length)).collect())
}

fn look(directory: &Directory) -> Result<Vec<Entry<FileId>>, StorageError> {
    let mut entries = directory.entries(parse)?;
    entries.sort_unstable_by_key(|entry| entry.selected);
    for entry in &entries {
        entry.is_regular.map_err(|what| {
            StorageError::from_io("use", directory.name(&name(entry.selected)), what.into())
        })?;
    }
    Ok(entries)
}

/// Whether there is any data file. Says so where one has another name besides, through which it may be changed.
pub(super) fn are_there(directory: &Directory) -> Result<bool, StorageError> {
    let entries = look(directory)?;
    let linked: Vec<_> = entries.iter().filter(|entry| entry.names > 1).collect();
    if let Some(first) = linked.first() {
        warn!(
            path = directory.name(&name(first.selected)),
            files = linked.len(),
            "data files have other names besides (hard links): what is written under one name is there under the other, so \
             copy such files instead"
        );
    }
    Ok(!entries.is_empty())
}

/// The data files of a buffer whose directory is locked.
#[derive(Debug)]
pub(super) struct DataFiles {
    directory: Arc<Directory>,
    pool: Arc<Pool>,
    /// Those that were used and are there.
    known: HashMap<FileId, Arc<DataHandle>>,
}

impl DataFiles {
    /// Those in this directory. None is opened yet.
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self::in_pool(directory, Arc::clone(Pool::of_process()))
    }

    pub(super) fn in_pool(directory: Arc<Directory>, pool: Arc<Pool>) -> Self {
        Self { directory, pool, known: HashMap::new() }
    }

    pub(super) fn are_there(&self) -> Result<bool, StorageError> {
        are_there(&self.directory)
    }

    pub(super) fn list(&self) -> Result<Vec<(FileId, u64)>, StorageError> {
        list(&self.directory)
    }

    /// When a file was last written to.
    pub(super) fn modified(&self, file: FileId) -> Option<SystemTime> {
        let modified = self.directory.metadata(&name(file)).and_then(|metadata| metadata.modified());
        modified.ok().map(cap_std::time::SystemTime::into_std)
    }

    pub(super) fn create(&mut self, file: FileId) -> Result<(), StorageError> {
        let handle = DataHandle::new(Arc::clone(&self.directory), file, Arc::clone(&self.pool));
        handle.create().map_err(|error| self.failed("make", file, error))?;
        self.known.insert(file, handle);
        Ok(())
    }

    /// What another program has put in the place of a data file is left alone.
    pub(super) fn remove(&mut self, file: FileId) -> Result<(), StorageError> {
        let release = self.known.get(&file).map_or(Ok(()), |handle| handle.release());
        let removed = release.and_then(|()| self.directory.remove_file(&name(file)));
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
        self.handle(file).set_length(length).map_err(|error| self.failed("cut", file, error))
    }

    pub(super) fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.handle(file).write_at(bytes, at).map_err(|error| self.failed("append to", file, error))
    }

    pub(super) fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, StorageError> {
        self.handle(file).read_at(offset, into).map_err(|error| self.failed("read", file, error))
    }

    /// The file is opened when the sync runs, unless it is open: there may be a sync for each of 65,534 files.
    pub(super) fn prepare_sync(&mut self, file: FileId) -> SyncJob {
        let handle = Arc::clone(self.handle(file));
        let covers = handle.changes();
        Box::new(move || {
            let synced = handle.sync(covers);
            synced.map_err(|(operation, error)| handle.directory().failed(operation, &name(file), error))
        })
    }

    pub(super) fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        let source = self.handle(file).lend().map_err(|error| self.failed("open", file, error))?;
        renewal::prepare(&self.directory, file, source).map_err(|error| self.failed("rewrite", file, error))
    }

    pub(super) fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        let renewed = self.directory.rename(&renewal::name(file), &name(file));
        renewed.map_err(|error| self.failed("replace", file, error))?;
        // The name leads to another file now.
        self.known.remove(&file);
        Ok(())
    }

    pub(super) fn forget_renewal(&mut self, file: FileId) {
        renewal::remove(&self.directory, file);
    }

    /// Those that were written to and are not what they were, by rising id.
    pub(super) fn taken_away(&self) -> Vec<(FileId, StorageError)> {
        let mut lost: Vec<_> = self
            .known
            .iter()
            .filter_map(|(file, handle)| Some((*file, handle.must_be_as_written().err()?)))
            .map(|(file, error)| (file, self.failed("find", file, error)))
            .collect();
        lost.sort_unstable_by_key(|(file, _)| *file);
        lost
    }

    /// Closes what needs no sync.
    pub(super) fn rest(&self) {
        self.pool.rest(&self.directory);
    }

    fn handle(&mut self, file: FileId) -> &Arc<DataHandle> {
        let new = || DataHandle::new(Arc::clone(&self.directory), file, Arc::clone(&self.pool));
        self.known.entry(file).or_insert_with(new)
    }

    fn failed(&self, operation: &'static str, file: FileId, error: io::Error) -> StorageError {
        self.directory.failed(operation, &name(file), error)
    }
}

/// Reads until `into` is full or the file ends.
pub(super) fn read_full(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = u64::try_from(done).ok().and_then(|done| offset.checked_add(done));
        match at.map_or(Ok(0), |at| file.read_at(rest, at)) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A name that two files could claim, or that Vector would not find, is a record lost.
    #[test]
    fn only_the_one_spelling_of_a_number_is_a_data_file() {
        for wrong in [
            "buffer-data-007.dat",
            "buffer-data-00.dat",
            "buffer-data-65535.dat",
            "buffer-data-65536.dat",
            "buffer-data--1.dat",
            "buffer-data-+1.dat",
            "buffer-data-.dat",
            "buffer-data-1.dat.bad",
            "buffer-data-1",
            "buffer-data-1 .dat",
            "Buffer-data-1.dat",
            "buffer-data-\u{661}.dat",
        ] {
            assert_eq!(parse(OsStr::new(wrong)), None, "{wrong}");
        }
        assert_eq!(parse(OsStr::new("buffer-data-65534.dat")), FileId::new(65_534));
    }

    proptest! {
        /// Every file that is made is found again.
        #[test]
        fn a_name_leads_back_to_its_number(number in 0..65_535_u16) {
            let file = FileId::new(number);
            prop_assert_eq!(file.and_then(|file| parse(OsStr::new(&name(file)))), file);
        }

        /// Whatever else is in the directory is no data file, or spelled exactly as we would.
        #[test]
        fn a_name_that_is_understood_is_the_one_that_is_formed(text in "(buffer-data-)?[0-9+ -]{0,6}(\\.dat)?|.*") {
            if let Some(file) = parse(OsStr::new(&text)) {
                prop_assert_eq!(name(file), text);
            }
        }
    }
}
