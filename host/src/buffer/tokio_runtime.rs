//! A tokio runtime that does a buffer's work.

use std::{num::NonZeroUsize, pin::Pin, time::Duration};

use tokio::runtime::Handle;

use super::runtime::{Job, Runtime, Threads};
use crate::storage::SyncTarget;

/// Has a tokio runtime do the work of buffers: its blocking threads write, read and sync, and its timer moves their clocks. No
/// thread of Forebay's own is started then, but the one that stops components which run for too long.
///
/// Work that the runtime drops because it is shut down is done by Forebay's own threads: a buffer that outlives its runtime can
/// still be closed.
///
/// The calls that block may be used on blocking threads, and wait there for others: leave some free.
///
/// ```
/// use std::sync::Arc;
///
/// use forebay::{Buffer, TokioRuntime};
///
/// # let directory = tempfile::tempdir()?;
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # tokio.block_on(async {
/// let runtime = Arc::new(TokioRuntime::current());
/// let buffer = Buffer::builder(directory.path()).runtime(runtime).open_async().await?;
/// buffer.writer().write_async("hello").await?;
/// buffer.close_async().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// The runtime with this handle. Its timer must be enabled.
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// The runtime that runs the calling task.
    ///
    /// # Panics
    ///
    /// If the caller is not run by a tokio runtime.
    pub fn current() -> Self {
        Self::new(Handle::current())
    }

    fn spawn_blocking(&self, job: Job, otherwise: impl FnOnce(Job) + Send + 'static) {
        let handed = Handed::new(job, otherwise);
        // How it ends is seen by those who wait for the job.
        drop(self.handle.spawn_blocking(move || handed.run()));
    }
}

impl Runtime for TokioRuntime {
    fn run_sync(&self, target: SyncTarget, job: Job) {
        self.spawn_blocking(job, move |job| Threads.run_sync(target, job));
    }

    fn syncs_of_a_buffer(&self) -> NonZeroUsize {
        Threads.syncs_of_a_buffer()
    }

    fn may_callers_sync(&self) -> bool {
        Threads.may_callers_sync()
    }

    fn execute(&self, job: Job) {
        self.spawn_blocking(job, |job| Threads.execute(job));
    }

    fn run_blocking(&self, job: Job) {
        self.spawn_blocking(job, |job| Threads.run_blocking(job));
    }

    fn run_at(&self, time_ns: u64, job: Job) {
        let handed = Handed::new(job, move |job| Threads.run_at(time_ns, job));
        let wait = Duration::from_nanos(time_ns.saturating_sub(self.now_ns()));
        drop(self.handle.spawn(async move {
            tokio::time::sleep(wait).await;
            handed.run();
        }));
    }

    fn now_ns(&self) -> u64 {
        Threads.now_ns()
    }

    fn block_on(&self, event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        Threads.block_on(event);
    }
}

/// A job that was handed to tokio. Where tokio drops it, something else is done with it.
struct Handed<F: FnOnce(Job)>(Option<(Job, F)>);

impl<F: FnOnce(Job)> Handed<F> {
    fn new(job: Job, otherwise: F) -> Self {
        Self(Some((job, otherwise)))
    }

    fn run(mut self) {
        if let Some((job, _)) = self.0.take() {
            job();
        }
    }
}

impl<F: FnOnce(Job)> Drop for Handed<F> {
    fn drop(&mut self) {
        if let Some((job, otherwise)) = self.0.take() {
            otherwise(job);
        }
    }
}
