//! One executor per buffer, and no thread of its own: the thread that takes the core's lock runs the logic and serves
//! all who wait. A single producer pays no hop between threads; many producers share each other's calls.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::Span;

use super::{
    combining::{Combining, Driven},
    core::Core,
    inbox::{Ack, PendingWrite, Work},
    redelivery::Delivery,
    runtime::Runtime,
    schedule::Schedule,
    spinning::Spinning,
    sync_line::SyncLine,
    unable::{Stop, Unable},
};
use crate::brake::Brake;

/// A time that does not come.
const NEVER_NS: u64 = u64::MAX;

/// How many acknowledgements of single records wait at the most at the door until an executor is asked to take them. With those that
/// wait in the core they are 256.
const ACKS_AT_DOOR: usize = 192;

/// How long one waits for that.
const ACK_DELAY: Duration = Duration::from_millis(100);

/// What all handles to a buffer share.
pub(super) struct Shared {
    combining: Combining<Core>,
    runtime: Arc<dyn Runtime>,
    schedule: Arc<Schedule>,
    pub(super) line: Arc<SyncLine>,
    pub(super) spinning: Spinning,
    /// An executor was asked to drive the core, and has not begun.
    is_driver_asked: AtomicBool,
    /// A timer goes off that has acknowledgements taken.
    is_ack_timer_set: AtomicBool,
    /// An `async` call was made: the callers have threads that must not block.
    has_async_callers: AtomicBool,
    /// Which buffer it is, for the log: a process may have many.
    span: Span,
    brake: Brake,
}

impl Shared {
    pub(super) fn new(runtime: Arc<dyn Runtime>, span: Span) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| {
            let weak = Weak::clone(weak);
            let submit = move |change: fn(&mut Work)| {
                if let Some(shared) = weak.upgrade() {
                    shared.submit_elsewhere(change);
                }
            };
            Self {
                combining: Combining::new(),
                schedule: Arc::new(Schedule::new(Arc::clone(&runtime), submit)),
                line: SyncLine::new(Arc::clone(&runtime)),
                spinning: Spinning::default(),
                runtime,
                is_driver_asked: AtomicBool::new(false),
                is_ack_timer_set: AtomicBool::new(false),
                has_async_callers: AtomicBool::new(false),
                span,
                brake: Brake::default(),
            }
        })
    }

    /// Ends what the logic is doing.
    pub(super) fn brake(&self) -> &Brake {
        &self.brake
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    pub(super) fn schedule(&self) -> &Arc<Schedule> {
        &self.schedule
    }

    /// Whether any call so far was an `async` one.
    pub(super) fn has_async_callers(&self) -> bool {
        self.has_async_callers.load(Ordering::Relaxed)
    }

    /// An `async` call is made.
    pub(super) fn note_async_caller(&self) {
        self.has_async_callers.store(true, Ordering::Relaxed);
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

    /// Leaves records to be written, as [`submit`](Self::submit).
    pub(super) fn write(self: &Arc<Self>, write: PendingWrite) {
        self.submit(|work| work.writes.push(write));
    }

    /// Leaves records to be written, as [`submit_elsewhere`](Self::submit_elsewhere).
    pub(super) fn write_elsewhere(self: &Arc<Self>, write: PendingWrite) {
        self.submit_elsewhere(|work| work.writes.push(write));
    }

    /// Leaves work. [`drive`](Self::drive) is to follow.
    pub(super) fn leave(&self, change: impl FnOnce(&mut Work)) {
        self.combining.leave(change);
    }

    /// Leaves work, and has it done by an executor: for threads that must not block.
    pub(super) fn submit_elsewhere(self: &Arc<Self>, change: impl FnOnce(&mut Work)) {
        self.combining.leave(change);
        self.drive_elsewhere();
    }

    /// Leaves the acknowledgement of one record. It is taken with the next thing that is asked of the buffer; by an executor once
    /// [`ACKS_AT_DOOR`] wait, once a caller waits for what it may bring, and after [`ACK_DELAY`]. The caller does no work of others.
    pub(super) fn acknowledge(self: &Arc<Self>, delivery: Delivery) {
        let waiting = self.combining.leave(|work| {
            work.acks.push(Ack::One(delivery));
            work.acks.len()
        });
        // A thread that makes it urgent looks at the door after that.
        if waiting.is_multiple_of(ACKS_AT_DOOR) || self.schedule.are_acks_urgent() {
            self.submit_elsewhere(|work| work.look_again = true);
        } else if waiting == 1 && !self.is_ack_timer_set.swap(true, Ordering::SeqCst) {
            let shared: Weak<Self> = Arc::downgrade(self);
            let take = move || {
                if let Some(shared) = shared.upgrade() {
                    shared.is_ack_timer_set.swap(false, Ordering::SeqCst);
                    shared.submit_elsewhere(|work| work.look_again = true);
                }
            };
            self.runtime.run_at(self.deadline_ns(ACK_DELAY), Box::new(take));
        }
    }

    /// As [`with_core`](Self::with_core), for callers that must not block: an executor does it. It is done also where the caller
    /// does not wait for the answer.
    pub(super) async fn with_core_elsewhere<T: Send + 'static>(
        self: &Arc<Self>,
        action: impl FnOnce(&mut Core) -> T + Send + 'static,
    ) -> Result<T, Unable> {
        self.note_async_caller();
        let (reply, answer) = oneshot::channel();
        let action = move |core: &mut Core| {
            core.take_held_acks();
            action(core)
        };
        // The caller may have gone.
        self.leave_elsewhere(move |core| drop(reply.send(core.contained(action))));
        Ok(answer.await.unwrap_or(Err(Stop::Closed))?)
    }

    /// Has an executor do something with the core. It contains its own panics.
    pub(super) fn leave_elsewhere(self: &Arc<Self>, task: impl FnOnce(&mut Core) + Send + 'static) {
        let task = move |core: &mut Core| {
            task(core);
            core.note_urgency();
        };
        self.combining.leave_task(Box::new(task));
        self.drive_elsewhere();
    }

    /// Does something with the core, after all that was asked for before. Waits for the core.
    pub(super) fn with_core<T>(self: &Arc<Self>, action: impl FnOnce(&mut Core) -> T) -> Result<T, Unable> {
        self.with_core_to_read(|core| {
            core.take_held_acks();
            action(core)
        })
    }

    /// As [`with_core`](Self::with_core), but for acknowledgements of single records, some of which may go on waiting.
    pub(super) fn with_core_to_read<T>(
        self: &Arc<Self>,
        action: impl FnOnce(&mut Core) -> T,
    ) -> Result<T, Unable> {
        let act = |core: &mut Core| {
            let result = core.contained(action);
            core.note_urgency();
            result
        };
        let result = self.span.in_scope(|| self.combining.with(act));
        self.drive();
        Ok(result.unwrap_or(Err(Stop::Closed))?)
    }

    /// Ends it: drops the logic, the storage and the lock on the directory. All who wait hear of it.
    pub(super) fn close(&self) -> Option<Core> {
        self.combining.close()
    }

    pub(super) fn drive(self: &Arc<Self>) {
        if self.span.in_scope(|| self.combining.drive()) == Driven::GoOn {
            self.drive_elsewhere();
        }
        self.schedule.sync_callers.wake_one();
    }

    fn drive_elsewhere(self: &Arc<Self>) {
        // The job that was handed over before has not begun: it will find what was left now.
        if self.is_driver_asked.swap(true, Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(self);
        let drive = move || {
            shared.is_driver_asked.store(false, Ordering::SeqCst);
            shared.drive();
        };
        self.runtime.execute(Box::new(drive));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("runtime", &self.runtime)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
