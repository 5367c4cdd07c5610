//! Opening a buffer, in two steps: the directory is taken first, and the logic runs after.

use std::{
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use tracing::{Span, info, warn_span};

use super::{
    Buffer,
    core::Core,
    error::OpenError,
    lives::Lives,
    options::{Durability, Options, OptionsError},
    runtime::{Runtime, RuntimeClock, Threads},
    shared::Shared,
    source::Source,
};
use crate::{
    engine::{Component, Limits},
    guard::Guard,
    logic::WhenFull,
    storage::{
        Backend,
        native::{Create, Native, ReadOnly},
    },
};

/// Chooses how a buffer is opened. See [`Options`] for what each choice means and its default.
#[must_use]
pub struct Builder {
    directory: PathBuf,
    create: Create,
    options: Options,
    /// The sizes that were chosen.
    file_bytes: Option<u64>,
    max_bytes: Option<u64>,
    limits: Limits,
    component: Option<Component>,
    runtime: Arc<dyn Runtime>,
}

impl Builder {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            create: Create::Yes,
            options: Options::default(),
            file_bytes: None,
            max_bytes: None,
            limits: Limits::default(),
            component: None,
            runtime: Arc::new(Threads),
        }
    }

    /// All options at once, the sizes among them.
    pub(super) fn with_options(directory: &Path, options: Options) -> Self {
        let sizes = (Some(options.file_bytes), Some(options.max_bytes));
        Self { options, file_bytes: sizes.0, max_bytes: sizes.1, ..Self::new(directory) }
    }

    /// Fails if the directory is not there, or holds other things and no buffer, instead of making one.
    pub fn must_exist(mut self) -> Self {
        self.create = Create::No;
        self
    }

    /// The length at which a data file is left for the next one, in bytes. Where [`max_bytes`](Self::max_bytes) is not chosen,
    /// it goes with this: see [`Options::set_sizes`].
    pub fn file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = Some(bytes);
        self
    }

    /// The most that all data files together may hold, in bytes. Where [`file_bytes`](Self::file_bytes) is not chosen, it
    /// goes with this: see [`Options::set_sizes`].
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The most events that may wait unacknowledged; 0 for no limit.
    pub fn max_events(mut self, events: u64) -> Self {
        self.options.max_events = events;
        self
    }

    /// What happens to records that do not fit.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// Lets a component of your own drop data files, although there is room, once so many newer events wait.
    pub fn retain_newest(mut self, events: u64) -> Self {
        self.options.retain_newest = Some(events);
        self
    }

    /// What a record must have survived before its writer is answered.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// No unacknowledged record stays unsynced for longer than two of these.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.options.sync_interval = interval;
        self
    }

    /// How long a consumer may have a record without a word, before it is delivered again.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = Some(lease);
        self
    }

    /// Delivers a record again when its last handle is dropped and nothing was said of it.
    pub fn requeue_on_drop(mut self) -> Self {
        self.options.requeue_on_drop = true;
        self
    }

    /// How often a record may be delivered and given back before it is set aside in the dead-letter file.
    pub fn max_deliveries(mut self, deliveries: NonZeroU32) -> Self {
        self.options.max_deliveries = Some(deliveries);
        self
    }

    /// The most that the dead-letter file may hold, in bytes.
    pub fn max_dead_letter_bytes(mut self, bytes: u64) -> Self {
        self.options.max_dead_letter_bytes = bytes;
        self
    }

    /// Runs other logic than the one that is shipped.
    pub fn component(mut self, component: Component) -> Self {
        self.component = Some(component);
        self
    }

    /// What one instance of the logic may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has this runtime do the buffer's work. Default: threads that all buffers of the process share.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = runtime;
        self
    }

    /// Makes the directory if need be, takes its lock, and writes a ledger if it has none. Nothing else is read, and no
    /// component is compiled yet. With [`Options::peek`] nothing is made or written.
    pub fn lock(mut self) -> Result<Locked, OpenError> {
        self.options.set_sizes(self.file_bytes, self.max_bytes);
        self.options.check()?;
        let backend: Box<dyn Backend> = if self.options.peek {
            Box::new(ReadOnly::open(&self.directory)?)
        } else {
            Box::new(Native::open(&self.directory, self.create)?)
        };
        info!(directory = %self.directory.display(), "took the buffer's directory");
        let span = warn_span!("buffer", directory = ?self.directory);
        let Self { options, limits, component, runtime, .. } = self;
        let source = component.map(Source::Component);
        Ok(Locked::new(runtime, backend, options, limits, source, span))
    }

    pub(super) fn shared_runtime(&self) -> Arc<dyn Runtime> {
        Arc::clone(&self.runtime)
    }

    /// Takes the directory and opens the buffer.
    pub fn open(self) -> Result<Buffer, OpenError> {
        self.lock()?.open()
    }
}

/// A directory that is held, and not yet opened as a buffer. Dropping it lets it go.
#[must_use]
pub struct Locked {
    runtime: Arc<dyn Runtime>,
    backend: Box<dyn Backend>,
    options: Options,
    limits: Limits,
    /// `None`: the logic that is shipped, which need not be compiled before it is wanted.
    source: Option<Source>,
    span: Span,
}

impl Locked {
    pub(super) fn new(
        runtime: Arc<dyn Runtime>,
        backend: Box<dyn Backend>,
        options: Options,
        limits: Limits,
        source: Option<Source>,
        span: Span,
    ) -> Self {
        Self { runtime, backend, options, limits, source, span }
    }

    pub(super) fn shared_runtime(&self) -> Arc<dyn Runtime> {
        Arc::clone(&self.runtime)
    }

    /// How the buffer will behave.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Chooses how the buffer will behave. Nothing changes if the sizes do not go together. [`Options::peek`] stays as it was
    /// when the directory was locked.
    pub fn set_options(&mut self, options: Options) -> Result<(), OptionsError> {
        options.check()?;
        self.options = Options { peek: self.options.peek, ..options };
        Ok(())
    }

    /// Chooses what one instance of the logic may use.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Chooses the logic.
    pub fn set_component(&mut self, component: Component) {
        self.source = Some(Source::Component(component));
    }

    /// Opens the buffer: compiles the logic, recovers what a crash left, and starts.
    pub fn open(self) -> Result<Buffer, OpenError> {
        let source = match self.source {
            Some(source) => source,
            None => Source::Component(Component::embedded()?),
        };
        open_on(self.runtime, self.backend, self.options, source, self.limits, self.span)
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked")
            .field("options", &self.options)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Opens a buffer over any storage, any logic and any runtime.
pub(super) fn open_on(
    runtime: Arc<dyn Runtime>,
    backend: Box<dyn Backend>,
    options: Options,
    source: Source,
    limits: Limits,
    span: Span,
) -> Result<Buffer, OpenError> {
    options.check()?;
    let _entered = span.clone().entered();
    let shared = Shared::new(runtime, span);
    let weak: Weak<Shared> = Arc::downgrade(&shared);
    let sync_runner = Box::new(move |target, job| {
        if let Some(shared) = weak.upgrade() {
            shared.run_sync(target, job);
        }
    });
    let mut guard = Guard::new(
        backend,
        Arc::new(RuntimeClock(Arc::clone(shared.runtime()))),
        options.max_bytes,
        sync_runner,
    )?;
    if options.when_full == WhenFull::DropOldest {
        guard.drop_oldest();
    }
    if let Some(events) = options.retain_newest {
        guard.retain_newest(events);
    }
    if options.max_events > 0 {
        guard.allow_events(options.max_events);
    }
    guard.allow_file_bytes(options.file_bytes);
    if options.keep_damaged_files {
        guard.keep_damaged();
    }
    if options.peek {
        guard.peek();
    }
    guard.allow_files(options.files_max());
    let (lives, report) = {
        let (runtime, brake) = (Arc::clone(shared.runtime()), shared.brake().clone());
        Lives::begin(guard, source, limits, options, runtime, brake)?
    };
    info!(
        events = report.events,
        bytes = report.bytes,
        lost_events = report.lost_events,
        cut_bytes = report.cut_bytes,
        "the buffer is open"
    );
    shared.open(Core::new(lives, options, Arc::clone(shared.schedule())));
    Ok(Buffer::new(shared, options, limits, report))
}
