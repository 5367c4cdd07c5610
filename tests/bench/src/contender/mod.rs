//! What is compared: ways to keep records on disk, all behind one trait.

mod appended;
#[cfg(feature = "others")]
mod fjall;
mod forebay;
mod log;
#[cfg(feature = "others")]
mod queue_file;
mod raw;
#[cfg(feature = "others")]
mod redb;
#[cfg(feature = "others")]
mod sqlite;
#[cfg(feature = "others")]
mod yaque;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;

#[cfg(feature = "others")]
use self::{fjall::Fjall, queue_file::OneFile, redb::Redb, sqlite::Sqlite, yaque::Yaque};
pub(crate) use self::{
    forebay::{AsComponent, Native, options},
    log::Log,
    raw::Raw,
};

/// What a record has survived when its append returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nothing: it is in memory.
    Accepted,
    /// The death of the process.
    Written,
    /// Power loss.
    Synced,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Written => "written",
            Self::Synced => "synced",
        }
    }
}

/// How a consumer acknowledges the records of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acks {
    /// All of them at once.
    Through,
    /// Each by itself.
    Each,
}

/// A way to keep records, by name.
pub(crate) trait Kind: Sync {
    /// As it stands in tables and pictures.
    fn name(&self) -> &'static str;

    /// The levels that it offers.
    fn levels(&self) -> &'static [Level] {
        &[Level::Written, Level::Synced]
    }

    /// Whether several threads may use one queue.
    fn is_shared(&self) -> bool {
        true
    }

    /// Makes a queue in a directory that is not there yet. All its records have this length.
    fn open(&self, directory: &Path, level: Level, record_bytes: usize) -> Result<Box<dyn Contender>>;
}

/// A handle to a queue, for one thread.
pub(crate) trait Contender {
    /// Appends records in one call, at the level that the queue was opened for.
    fn append(&mut self, records: &[Bytes]) -> Result<()>;

    /// Appends records. Then these and all before them are durable.
    fn append_durably(&mut self, records: &[Bytes]) -> Result<()>;

    /// Shows the next records, at most so many, and acknowledges them. Returns how many they are: none if there are none now.
    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize>;

    /// A handle for another thread, if there can be one.
    fn share(&self) -> Option<Box<dyn Contender + Send>>;

    /// Closes the queue. No other handle may be left.
    fn close(self: Box<Self>) -> Result<()>;
}

/// A thread that panicked ends the run: what it left is not looked at.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What handles share, from the last one.
fn from_last<T>(shared: Arc<T>) -> Result<T> {
    Arc::into_inner(shared).context("another handle is left")
}

/// All contenders, Forebay first.
pub(crate) fn all() -> Vec<&'static dyn Kind> {
    let ours: [&'static dyn Kind; 4] = [&AsComponent, &Native, &Log, &Raw];
    ours.into_iter().chain(others()).collect()
}

/// The contenders of other projects.
#[cfg(feature = "others")]
fn others() -> Vec<&'static dyn Kind> {
    vec![&Yaque, &OneFile, &Fjall, &Redb, &Sqlite]
}

/// None was built.
#[cfg(not(feature = "others"))]
fn others() -> Vec<&'static dyn Kind> {
    Vec::new()
}
