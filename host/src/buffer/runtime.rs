//! What a buffer needs of the world besides its storage: threads to run work on, a clock, and a way to wait.

use std::{
    fmt,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use forebay_core::Clock;

use crate::{parking, storage::SyncTarget, threads};

/// Work that is to be run once.
pub type Job = Box<dyn FnOnce() + Send>;

/// What runs a buffer's work. Applications have the threads that all buffers of a process share; tests have a
/// `Simulation` (feature `testing`), in which nothing happens before they say so.
///
/// No call but [`block_on`](Self::block_on) waits for the work that it is given. None runs it before it returns, except
/// where no thread can be had.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// Runs a sync of this target. It blocks on the disk.
    fn run_sync(&self, target: SyncTarget, job: Job);

    /// How many syncs of one buffer may be given to [`run_sync`](Self::run_sync) and not have ended. The others wait in the
    /// buffer. A runtime whose buffers share threads lets none of them have all.
    fn syncs_of_a_buffer(&self) -> NonZeroUsize {
        NonZeroUsize::MAX
    }

    /// Whether a caller that blocks until its records are synced may run a sync itself, in [`block_on`](Self::block_on).
    /// [`run_sync`](Self::run_sync) gets the others.
    fn may_callers_sync(&self) -> bool {
        false
    }

    /// Runs a job for a caller that must not block.
    fn execute(&self, job: Job);

    /// Runs a job that may block for long, and that may wait for jobs of the other kinds: opening and closing are of this kind.
    /// It is for callers that must not block.
    fn run_blocking(&self, job: Job);

    /// Runs a short job at a time, or soon after it.
    fn run_at(&self, time_ns: u64, job: Job);

    /// The time now, in nanoseconds from any fixed start.
    fn now_ns(&self) -> u64;

    /// Blocks this thread until something has happened that work of the buffer brings about, here or on other threads.
    fn block_on(&self, event: Pin<&mut (dyn Future<Output = ()> + Send)>);
}

/// The clock of a runtime, for the core.
#[derive(Clone, Debug)]
pub(super) struct RuntimeClock(pub(super) Arc<dyn Runtime>);

impl Clock for RuntimeClock {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }

    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
    }
}

/// The threads and the clock of the process.
#[derive(Debug)]
pub(super) struct Threads;

/// The start of the time that buffers see.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Runtime for Threads {
    fn run_sync(&self, _: SyncTarget, job: Job) {
        threads::run_sync(job);
    }

    fn syncs_of_a_buffer(&self) -> NonZeroUsize {
        threads::SYNCS_OF_A_BUFFER
    }

    fn may_callers_sync(&self) -> bool {
        true
    }

    fn execute(&self, job: Job) {
        threads::execute(job);
    }

    fn run_blocking(&self, job: Job) {
        threads::run_blocking(job);
    }

    fn run_at(&self, time_ns: u64, job: Job) {
        // A time that the clock cannot name never comes.
        if let Some(time) = START.checked_add(Duration::from_nanos(time_ns)) {
            threads::at(time, job);
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn block_on(&self, event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        parking::block_on(event);
    }
}
