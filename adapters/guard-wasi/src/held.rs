//! The one directory that this instance holds.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use forebay_core::{
    Guard,
    guard::SyncRunner,
    storage::{StorageError, SyncJob, SyncTarget},
};

use crate::{
    backend::{OpenError, Wasi},
    clock::WasiClock,
};
use forebay_adapter_bindings::guard::exports::forebay::staging::staging::{Error, Settings};

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Syncs that wait until the loop has them run.
type Waiting = Arc<Mutex<VecDeque<(SyncTarget, SyncJob)>>>;

/// A directory that is held.
struct Held {
    guard: Guard,
    waiting: Waiting,
}

/// Takes a directory.
pub(crate) fn hold(directory: &str, settings: Settings) -> Result<(), Failure> {
    if HELD.with_borrow(Option::is_some) {
        return Err(Failure::State);
    }
    let backend = Wasi::open(directory)?;
    let waiting = Waiting::default();
    let runner: SyncRunner = {
        let waiting = Arc::clone(&waiting);
        Box::new(move |target, job| {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((target, job));
        })
    };
    let mut guard = Guard::new(Box::new(backend), Arc::new(WasiClock), settings.max_bytes, runner)?;
    if settings.drops_oldest {
        guard.drop_oldest();
    }
    if settings.max_events > 0 {
        guard.allow_events(settings.max_events);
    }
    guard.allow_file_bytes(settings.file_bytes);
    guard.keep_damaged();
    guard.allow_files(usize::try_from(settings.more_files).unwrap_or(usize::MAX));
    HELD.set(Some(Held { guard, waiting }));
    Ok(())
}

/// Lets the directory go, in whatever state it is.
pub(crate) fn let_go() {
    HELD.take();
}

/// Works with the guard; `None` where no directory is held.
pub(crate) fn with<T>(work: impl FnOnce(&mut Guard) -> T) -> Option<T> {
    HELD.with_borrow_mut(|held| held.as_mut().map(|held| work(&mut held.guard)))
}

/// As [`with`], for the loop.
pub(crate) fn staged<T>(work: impl FnOnce(&mut Guard) -> Result<T, Failure>) -> Result<T, Error> {
    with(work).unwrap_or(Err(Failure::State)).map_err(Failure::told)
}

/// Runs the syncs that wait, and those that follow from how they end.
pub(crate) fn run_syncs() {
    HELD.with_borrow_mut(|held| {
        let Some(held) = held else { return };
        loop {
            let next = held.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((target, job)) = next else { return };
            let result = job();
            held.guard.sync_ended(target, &result);
        }
    });
}

/// Why a call of the loop was not carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A directory is held, or none is.
    State,
    /// The logic has opened the buffer, and did not what that takes.
    Breach,
    Open(OpenError),
    Storage(StorageError),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Failure {
    /// What the loop is told.
    pub(crate) fn told(self) -> Error {
        match self {
            Self::State => Error::State,
            Self::Breach => Error::Breach,
            Self::Open(OpenError::NoDirectory) => Error::NoDirectory,
            Self::Open(OpenError::BadPath) => Error::BadPath,
            Self::Open(OpenError::NewerVersion) => Error::NewerVersion,
            Self::Open(OpenError::Storage(error)) | Self::Storage(error) => Error::Storage(error.errno()),
        }
    }
}
