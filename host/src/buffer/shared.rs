//! One executor per buffer, and no thread of its own: whoever takes the core's lock runs the logic and serves all who
//! wait. A single producer pays no hop between threads; many producers share each other's calls.

use std::{
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::Span;

use super::{
    combining::{Combining, Driven},
    core::Core,
    error::{Stop, Unable},
    inbox::Work,
    runtime::Runtime,
};

/// A time that does not come.
const NEVER_NS: u64 = u64::MAX;

/// What all handles to a buffer share.
#[derive(Debug)]
pub(super) struct Shared {
    combining: Combining<Core>,
    runtime: Arc<dyn Runtime>,
    /// When the earliest timer goes off that wakes all who wait for a change.
    look_again_ns: AtomicU64,
    /// Which buffer it is, for the log: a process may have many.
    span: Span,
}

impl Shared {
    pub(super) fn new(runtime: Arc<dyn Runtime>, span: Span) -> Self {
        Self { combining: Combining::new(), runtime, look_again_ns: AtomicU64::new(NEVER_NS), span }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// The time that is so much later than now.
    pub(super) fn deadline_ns(&self, timeout: Duration) -> u64 {
        let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(NEVER_NS);
        self.runtime.now_ns().saturating_add(timeout_ns)
    }

    /// Blocks this thread until something has happened that the buffer's work brings about.
    pub(super) fn block_on(&self, event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        self.runtime.block_on(event);
    }

    /// The buffer is open from now on.
    pub(super) fn open(self: &Arc<Self>, core: Core) {
        self.combining.open(core);
        self.drive();
    }

    /// Leaves work, and has it done: by this thread, unless another is at it already.
    pub(super) fn submit(self: &Arc<Self>, change: impl FnOnce(&mut Work)) {
        self.combining.leave(change);
        self.drive();
    }

    /// Leaves work, and has it done by an executor: for threads that must not block.
    pub(super) fn submit_elsewhere(self: &Arc<Self>, change: impl FnOnce(&mut Work)) {
        self.combining.leave(change);
        self.drive_elsewhere();
    }

    /// Does something with the core, after all that was asked for before. Waits for the core, never for the disk.
    pub(super) fn with_core<T>(self: &Arc<Self>, action: impl FnOnce(&mut Core) -> T) -> Result<T, Unable> {
        let result = self.span.in_scope(|| self.combining.with(self, |core| core.contained(action)));
        self.drive();
        Ok(result.unwrap_or(Err(Stop::Closed))?)
    }

    /// Ends it: drops the logic, the storage and the lock on the directory. Whoever waits hears of it.
    pub(super) fn close(&self) -> Option<Core> {
        self.combining.close()
    }

    /// Has the logic's clock move on at a time.
    pub(super) fn tick_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.tick = true);
    }

    /// Wakes all who wait for a change at this time, although none has come, or earlier. One timer serves them all: who still
    /// waits then asks again.
    pub(super) fn look_again_at(self: &Arc<Self>, time_ns: u64) {
        if self.look_again_ns.fetch_min(time_ns, Ordering::SeqCst) <= time_ns {
            return;
        }
        let shared: Weak<Self> = Arc::downgrade(self);
        let look_again = move || {
            if let Some(shared) = shared.upgrade() {
                shared.look_again_ns.store(NEVER_NS, Ordering::SeqCst);
                shared.submit_elsewhere(|work| work.look_again = true);
            }
        };
        self.runtime.run_at(time_ns, Box::new(look_again));
    }

    /// Has records delivered again whose time comes then.
    pub(super) fn redeliver_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.redelivery_due = true);
    }

    fn submit_at(self: &Arc<Self>, time_ns: u64, change: fn(&mut Work)) {
        let shared: Weak<Self> = Arc::downgrade(self);
        self.runtime.run_at(
            time_ns,
            Box::new(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.submit_elsewhere(change);
                }
            }),
        );
    }

    fn drive(self: &Arc<Self>) {
        if self.span.in_scope(|| self.combining.drive(self)) == Driven::GoOn {
            self.drive_elsewhere();
        }
    }

    fn drive_elsewhere(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        self.runtime.execute(Box::new(move || shared.drive()));
    }
}
