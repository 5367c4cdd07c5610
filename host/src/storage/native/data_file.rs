//! Data files: their names, and their handles. A file that is written to stays open until its last sync, because the
//! kernel tells of a failed write-back once, and to the handles that were open then.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use super::directory::{Access, Directory};
use super::renewal;
use crate::storage::{FileId, StorageError, SyncJob};

/// How many files that are only read are kept open.
const READING_MAX: usize = 8;

const NAME_PREFIX: &str = "buffer-data-";
const NAME_SUFFIX: &str = ".dat";

/// The name of a data file.
pub(super) fn name(file: FileId) -> String {
    format!("{NAME_PREFIX}{file}{NAME_SUFFIX}")
}

/// The data file that has this name. Each has one name only: `buffer-data-07.dat` is nobody's.
pub(super) fn parse(found: &OsStr) -> Option<FileId> {
    let digits = found.to_str()?.strip_prefix(NAME_PREFIX)?.strip_suffix(NAME_SUFFIX)?;
    let file = FileId::new(digits.parse().ok()?)?;
    (name(file).as_str() == found).then_some(file)
}

/// All data files with their lengths in bytes, by rising id.
pub(super) fn list(directory: &Directory) -> Result<Vec<(FileId, u64)>, StorageError> {
    let mut files = directory.regular_files(parse)?;
    files.sort_unstable();
    Ok(files)
}

/// A file that this process has written to.
#[derive(Debug)]
struct Written {
    handle: Arc<File>,
    /// Its length was set, which a sync of data alone need not cover.
    is_cut: bool,
}

/// The data files of a buffer whose directory is locked.
#[derive(Debug)]
pub(super) struct DataFiles {
    directory: Arc<Directory>,
    written: HashMap<FileId, Written>,
    /// The least recently used first.
    reading: VecDeque<(FileId, Arc<File>)>,
}

impl DataFiles {
    /// Those in this directory. None is opened yet.
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, written: HashMap::new(), reading: VecDeque::new() }
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
        let handle = self.open(file, "make", Access::CreateNew)?;
        self.forget(file);
        self.written.insert(file, Written { handle, is_cut: false });
        Ok(())
    }

    pub(super) fn remove(&mut self, file: FileId) -> Result<(), StorageError> {
        let removed = self.directory.remove_file(&name(file));
        removed.map_err(|error| self.failed("remove", file, error))?;
        self.forget(file);
        Ok(())
    }

    pub(super) fn truncate(&mut self, file: FileId, length: u64) -> Result<(), StorageError> {
        let written = self.written(file)?;
        // A failed call may have cut it all the same.
        written.is_cut = true;
        let cut = written.handle.set_len(length);
        cut.map_err(|error| self.failed("cut", file, error))
    }

    pub(super) fn append(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let appended = self.written(file)?.handle.write_all_at(bytes, at);
        appended.map_err(|error| self.failed("append to", file, error))
    }

    pub(super) fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, StorageError> {
        let handle = self.readable(file)?;
        read_full(&handle, offset, into).map_err(|error| self.failed("read", file, error))
    }

    pub(super) fn prepare_sync(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        // What others did to a file before us, such as cutting it, is not known.
        let (handle, only_data) = match self.written.get(&file) {
            Some(written) => (Arc::clone(&written.handle), !written.is_cut),
            None => (self.readable(file)?, false),
        };
        let what = self.directory.name(&name(file));
        Ok(Box::new(move || {
            let synced = if only_data { handle.sync_data() } else { handle.sync_all() };
            synced.map_err(|error| StorageError::from_io("sync", what, error))
        }))
    }

    pub(super) fn prepare_renewal(&mut self, file: FileId) -> Result<SyncJob, StorageError> {
        let source = self.readable(file)?;
        renewal::prepare(&self.directory, file, source)
            .map_err(|error| self.failed("write anew", file, error))
    }

    pub(super) fn renew(&mut self, file: FileId) -> Result<(), StorageError> {
        let renewed = self.directory.rename(&renewal::name(file), &name(file));
        renewed.map_err(|error| self.failed("replace", file, error))?;
        self.forget(file);
        Ok(())
    }

    pub(super) fn forget_renewal(&mut self, file: FileId) {
        renewal::remove(&self.directory, file);
    }

    pub(super) fn release(&mut self, file: FileId) {
        self.written.remove(&file);
    }

    fn written(&mut self, file: FileId) -> Result<&mut Written, StorageError> {
        if !self.written.contains_key(&file) {
            let handle = self.open(file, "open", Access::ReadWrite)?;
            self.forget(file);
            self.written.insert(file, Written { handle, is_cut: false });
        }
        self.written
            .get_mut(&file)
            .ok_or_else(|| StorageError::NotFound { what: self.directory.name(&name(file)) })
    }

    fn readable(&mut self, file: FileId) -> Result<Arc<File>, StorageError> {
        if let Some(written) = self.written.get(&file) {
            return Ok(Arc::clone(&written.handle));
        }
        let cached =
            self.reading.iter().position(|(id, _)| *id == file).and_then(|at| self.reading.remove(at));
        let handle = match cached {
            Some((_, handle)) => handle,
            None => self.open(file, "open", Access::Read)?,
        };
        if self.reading.len() >= READING_MAX {
            self.reading.pop_front();
        }
        self.reading.push_back((file, Arc::clone(&handle)));
        Ok(handle)
    }

    fn open(&self, file: FileId, operation: &'static str, access: Access) -> Result<Arc<File>, StorageError> {
        let opened = self.directory.open_file(&name(file), access);
        opened.map(Arc::new).map_err(|error| self.failed(operation, file, error))
    }

    /// The name leads to another file now, or to none.
    fn forget(&mut self, file: FileId) {
        self.written.remove(&file);
        self.reading.retain(|(id, _)| *id != file);
    }

    fn failed(&self, operation: &'static str, file: FileId, error: io::Error) -> StorageError {
        StorageError::from_io(operation, self.directory.name(&name(file)), error)
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

        /// Whatever else is in the directory is nobody's, or spelled exactly as we would.
        #[test]
        fn a_name_that_is_understood_is_the_one_that_is_formed(text in "(buffer-data-)?[0-9+ -]{0,6}(\\.dat)?|.*") {
            if let Some(file) = parse(OsStr::new(&text)) {
                prop_assert_eq!(name(file), text);
            }
        }
    }
}
