//! The buffer as an application sees it.

mod builder;
mod combining;
mod core;
mod dead_letters;
mod delivery_state;
mod drain;
mod elsewhere;
mod error;
mod held_memory;
mod in_flight;
mod inbox;
mod lives;
mod options;
mod reader;
mod receipt;
mod record;
mod redelivery;
mod runtime;
mod schedule;
mod setting_aside;
mod shared;
#[cfg(feature = "testing")]
mod simulation;
mod source;
mod spinning;
mod status;
#[cfg(feature = "tokio")]
mod stream;
mod sync;
mod sync_callers;
mod sync_latency;
mod sync_line;
mod syncing;
#[cfg(feature = "testing")]
mod testing;
#[cfg(feature = "tokio")]
mod tokio_runtime;
mod unable;
mod why_full;
mod writer;

use std::{path::Path, pin::pin, sync::Arc};

use tracing::warn;

#[cfg(feature = "testing")]
pub use self::simulation::Simulation;
pub use self::{
    builder::{Builder, Locked},
    core::DrainReport,
    error::{CloseError, OpenError, ReadError, ReplaceError, WriteError, WriteErrorKind},
    options::{Durability, Options, OptionsError},
    reader::{Reader, SetAsideError},
    receipt::{Pending, Receipt},
    record::Record,
    runtime::{Job, Runtime},
    status::Status,
    sync_latency::SyncLatency,
    why_full::WhyFull,
    writer::Writer,
};
use self::{core::Core, shared::Shared, source::Source, unable::Stop};
#[cfg(feature = "tokio")]
pub use self::{stream::Records, tokio_runtime::TokioRuntime};
pub use crate::logic::WhenFull;
use crate::{
    brake::Brake,
    engine::{Component, Limits},
    guard::{Loss, OpenReport},
};

/// How often closing tries to make up for a failed sync: a disk that has recovered needs one.
const MENDINGS: usize = 2;

/// A durable, bounded, crash-safe queue of records in one directory, which it holds exclusively while it is open.
///
/// A buffer that is dropped is closed. Where all calls so far were blocking ones, the drop waits for that. After the first
/// `async` call to the buffer, or to a writer or reader of it, the drop does not block: a thread of the buffer's
/// [runtime](Builder::runtime) closes it, and the directory is free a little later. If the process ends before that, the next
/// opening finds what a crash leaves: every record that was confirmed as written or synced, and no record that was only
/// [accepted](Durability::Accepted). To wait for the end, or to hear of errors, call [`close`](Self::close) or
/// [`close_async`](Self::close_async).
///
/// ```
/// use forebay::{Buffer, NewRecord};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let buffer = Buffer::builder(directory.path()).open()?;
/// buffer.writer().write("hello")?;
///
/// let record = buffer.reader().next()?.expect("one record was written");
/// assert_eq!(&record.payload()[..], b"hello");
/// record.ack();
/// buffer.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Buffer {
    shared: Arc<Shared>,
    options: Options,
    limits: Limits,
    report: OpenReport,
    open: bool,
}

impl Buffer {
    /// Chooses how the buffer in a directory is opened. The directory is made if it is not there.
    pub fn builder(directory: impl AsRef<Path>) -> Builder {
        Builder::new(directory.as_ref())
    }

    /// Chooses how the buffer in a directory is opened, beginning with these options. What is chosen after that changes one of
    /// them.
    pub fn builder_with(directory: impl AsRef<Path>, options: Options) -> Builder {
        Builder::with_options(directory.as_ref(), options)
    }

    fn new(shared: Arc<Shared>, options: Options, limits: Limits, report: OpenReport) -> Self {
        Self { shared, options, limits, report, open: true }
    }

    /// What was found on opening.
    pub fn open_report(&self) -> &OpenReport {
        &self.report
    }

    /// How the buffer was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A writer, answering at the buffer's level of durability.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.shared), self.options)
    }

    /// A reader.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared), &self.options)
    }

    /// Figures of the buffer as it is now; `None` if it is closed.
    pub fn status(&self) -> Option<Status> {
        self.shared.with_core(Core::status).ok()
    }

    /// The losses that were found since this was called last: each once, when delivery has come to what follows it, or when
    /// nothing does. Found again after reopening is only what was not acknowledged. Of more than 8,192 the newest are
    /// kept; [`status`](Self::status) counts them all.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let buffer = forebay::Buffer::builder(directory.path()).open()?;
    /// for loss in buffer.take_losses() {
    ///     eprintln!("{} events are lost: {:?}", loss.events(), loss.places);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_losses(&self) -> Vec<Loss> {
        self.shared.with_core(Core::take_losses).unwrap_or_default()
    }

    /// No more records will be written by anybody: readers come to an end when they have read everything.
    pub fn end_writing(&self) {
        // A buffer that is closed has ended already.
        let _ = self.shared.with_core(Core::end_writing);
    }

    /// Has other logic take over while the buffer is open: the former closes, and the new one opens the same directory
    /// and goes on where delivery stands. Writers and readers wait meanwhile, for milliseconds.
    ///
    /// Where the new logic does not open the buffer, or fails in one of its first calls, a fresh instance of the former
    /// goes on; in the second case [`Status::fell_back`] says so. A former that was not past its own first calls goes on with
    /// those: should it fail as well, the last that was takes over.
    pub fn replace_logic(&self, component: Component) -> Result<(), ReplaceError> {
        self.replace_source(Source::Component(component))
    }

    fn replace_source(&self, source: Source) -> Result<(), ReplaceError> {
        let replaced = self.shared.with_core(|core| core.replace_logic(source));
        replaced.unwrap_or_else(|unable| Err(unable.into()))
    }

    /// What ends the logic's work from another thread: for a process that was told to end, and whose logic may take any time.
    pub fn brake(&self) -> Brake {
        self.shared.brake().clone()
    }

    /// Makes everything durable, and lets the directory go. Callers that still write or read hear that it is closed;
    /// records that are still held cannot be acknowledged any more.
    pub fn close(self) -> Result<(), CloseError> {
        self.close_and_count().map(drop)
    }

    /// Closes the buffer as [`close`](Self::close) does. Answers with the last
    /// [`Status::events_taken_away`]: the sync of closing may be the one that notices a data file that is not there.
    pub fn close_and_count(mut self) -> Result<u64, CloseError> {
        let mut events = 0;
        self.shut(|core| events = core.events_taken_away()).map(|_| events)
    }

    /// Closes the buffer as [`close`](Self::close) does, and keeps the directory: no other process can take it
    /// before the next owner opens it, who may choose other options. Handles to this buffer, and records from it, are of no
    /// effect on the next.
    ///
    /// After an error the directory is let go: what a failed sync has left in doubt is for an opening that looks at all of
    /// it.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// let buffer = forebay::Buffer::builder(directory.path()).open()?;
    /// buffer.writer().write("hello")?;
    ///
    /// let locked = buffer.hand_over()?;
    /// // No other process can take the directory here.
    /// let buffer = locked.open()?;
    /// assert_eq!(&buffer.reader().next()?.expect("it was written").payload()[..], b"hello");
    /// # buffer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hand_over(mut self) -> Result<Locked, CloseError> {
        self.shut(|_| ())?.ok_or_else(|| Stop::Closed.into())
    }

    fn shut(&mut self, look: impl FnOnce(&mut Core)) -> Result<Option<Locked>, CloseError> {
        if !std::mem::replace(&mut self.open, false) {
            return Ok(None);
        }
        let Some(mut core) = shut(&self.shared) else { return Ok(None) };
        look(&mut core);
        let (backend, source) = core.close()?;
        let (runtime, options) = (Arc::clone(self.shared.runtime()), self.options);
        let span = self.shared.span().clone();
        Ok(Some(Locked::new(runtime, backend, options, self.limits, Some(source), span)))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let close = move || {
            let closed = shut(&shared).map_or(Ok(()), |core| core.close().map(drop));
            if let Err(error) = closed.map_err(CloseError::from) {
                let _entered = shared.span().clone().entered();
                warn!(%error, "the buffer was not closed well");
            }
        };
        if self.shared.has_async_callers() {
            self.shared.runtime().run_blocking(Box::new(close));
        } else {
            close();
        }
    }
}

/// Makes everything durable, and takes the core from all who share it. `None` if it was taken before.
fn shut(shared: &Arc<Shared>) -> Option<Core> {
    let _entered = shared.span().clone().entered();
    // A buffer that is closed is in order already.
    let _ = shared.with_core(Core::finish);
    wait_for_syncs(shared);
    for _ in 0..MENDINGS {
        if !matches!(shared.with_core(Core::mend), Ok(true)) {
            break;
        }
        wait_for_syncs(shared);
    }
    shared.close()
}

fn wait_for_syncs(shared: &Arc<Shared>) {
    while let Ok(Some(idle)) = shared.with_core(Core::wait_for_syncs) {
        // A sender that is gone means that the core is: the next round ends.
        shared.block_on(pin!(async { drop(idle.await) }));
    }
}
