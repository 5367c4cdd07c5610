//! One pool of descriptors for the data files of all buffers of a process.
//!
//! A file that nothing is being done to and that has no unsynced bytes may be closed at any time, the least recently used
//! first, and is opened again when it is needed. A file with unsynced bytes keeps its descriptor: the kernel tells of a
//! failed write-back once, and to the descriptors that were open then. Where only such files are open, the pool syncs one
//! before it closes it, and that file's next sync answers with what this one was told.

use std::{
    collections::BTreeMap,
    io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{data_handle::DataHandle, directory::Directory};
use crate::{descriptors::is_exhausted, threads::lock};

/// How many data files a process keeps open unless it is told otherwise.
const DATA_FILES_OPEN: usize = 64;

/// As many threads may sync files at a time, and a reader and a writer need one each.
const DATA_FILES_OPEN_MIN: usize = 8;

/// Among so many files that were not used for long the pool looks for one that can be closed without a sync.
const LOOK_MAX: usize = 64;

/// Sets how many data files all buffers of this process together keep open: 64 unless this is called, and at least 8. A
/// lower number counts at once.
///
/// Each thread that syncs may have one file open beyond that. Besides, a buffer holds its directory and its lock, and now and
/// then its ledger, its sidecar and its dead letters. Give at least twice the number of buffers that are written to at the same
/// time: with less, the pool syncs files only to close them.
pub fn keep_data_files_open(limit: NonZeroUsize) {
    Pool::of_process().set_limit(limit);
}

/// The open data files.
#[derive(Debug)]
pub(super) struct Pool {
    files: Mutex<OpenFiles>,
    /// The stamp that was given last.
    newest: AtomicU64,
}

#[derive(Debug)]
struct OpenFiles {
    limit: usize,
    /// By the stamp of their last use.
    open: BTreeMap<u64, Weak<DataHandle>>,
}

impl Pool {
    /// The pool that all buffers of this process share.
    pub(super) fn of_process() -> &'static Arc<Self> {
        static POOL: OnceLock<Arc<Pool>> = OnceLock::new();
        POOL.get_or_init(|| Arc::new(Self::new(DATA_FILES_OPEN)))
    }

    pub(super) fn new(limit: usize) -> Self {
        let files = OpenFiles { limit, open: BTreeMap::new() };
        Self { files: Mutex::new(files), newest: AtomicU64::new(0) }
    }

    pub(super) fn set_limit(&self, limit: NonZeroUsize) {
        lock(&self.files).limit = limit.get().max(DATA_FILES_OPEN_MIN);
        self.make_room();
    }

    /// Closes files until one more may be opened. To be called without the lock of a handle.
    pub(super) fn make_room(&self) {
        loop {
            {
                let files = lock(&self.files);
                if files.open.len() < files.limit {
                    return;
                }
            }
            // All may be in use for this moment: then there is one more.
            if !self.close_one() {
                return;
            }
        }
    }

    /// Opens a file, and where the process or the system has no descriptor left, closes others for it.
    pub(super) fn open<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            match open() {
                Err(error) if is_exhausted(&error) && self.close_one() => {}
                opened => return opened,
            }
        }
    }

    /// Closes the least recently used file of those that need no sync, or else syncs and closes one that does. Answers whether
    /// there was any.
    fn close_one(&self) -> bool {
        // No handle is locked while the pool is: the thread that holds one asks the pool.
        let oldest: Vec<_> =
            lock(&self.files).open.values().take(LOOK_MAX).filter_map(Weak::upgrade).collect();
        oldest.iter().any(|handle| handle.close_if_clean())
            || oldest.iter().any(|handle| handle.sync_and_close())
    }

    /// Closes all files in a directory that need no sync.
    pub(super) fn rest(&self, directory: &Arc<Directory>) {
        let open: Vec<_> = lock(&self.files).open.values().filter_map(Weak::upgrade).collect();
        for handle in open.iter().filter(|handle| Arc::ptr_eq(handle.directory(), directory)) {
            handle.close_if_clean();
        }
    }

    /// A file was opened. Gives its stamp.
    pub(super) fn opened(&self, handle: Weak<DataHandle>) -> u64 {
        let mut files = lock(&self.files);
        let stamp = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        files.open.insert(stamp, handle);
        stamp
    }

    /// A file is used. Gives its new stamp.
    pub(super) fn used(&self, stamp: u64) -> u64 {
        if stamp == self.newest.load(Ordering::Relaxed) {
            return stamp;
        }
        let handle = lock(&self.files).open.remove(&stamp);
        handle.map_or(stamp, |handle| self.opened(handle))
    }

    /// A file was closed.
    pub(super) fn closed(&self, stamp: u64) {
        lock(&self.files).open.remove(&stamp);
    }

    /// How many files are open.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.files).open.len()
    }
}
