//! A file that several threads append to: what the hand-written log and the bare file share.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire},
    },
};

use anyhow::Result;

use super::{Level, lock};

/// As much as Forebay reads at once.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// A file, and how far it is written.
pub(super) struct Appended {
    writing: Mutex<Writing>,
    end: AtomicU64,
}

pub(super) struct Writing {
    pub(super) file: File,
    /// Where one call's bytes are put together.
    pub(super) bytes: Vec<u8>,
}

impl Appended {
    /// Makes the file, and the directory for it. Gives a handle to read it with as well.
    pub(super) fn create(directory: &Path, name: &str) -> Result<(Self, File)> {
        fs::create_dir_all(directory)?;
        let path = directory.join(name);
        let file = File::options().append(true).create_new(true).open(&path)?;
        let writing = Mutex::new(Writing { file, bytes: Vec::new() });
        Ok((Self { writing, end: AtomicU64::new(0) }, File::open(path)?))
    }

    /// For one call. Its bytes are put together while the file is held, as a simple log does it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Writing> {
        lock(&self.writing)
    }

    /// Appends bytes to the file, which this thread holds.
    pub(super) fn append(&self, file: &mut File, bytes: &[u8], level: Level) -> Result<()> {
        file.write_all(bytes)?;
        if level == Level::Synced {
            file.sync_data()?;
        }
        self.end.fetch_add(u64::try_from(bytes.len())?, AcqRel);
        Ok(())
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Acquire)
    }

    pub(super) fn close(self) -> Result<()> {
        let writing = self.writing.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(writing.file.sync_data()?)
    }
}
