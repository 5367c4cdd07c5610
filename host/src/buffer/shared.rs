//! One executor per buffer, and no thread of its own: whoever takes the core's lock runs the logic and serves all who
//! wait. A single producer pays no hop between threads; many producers share each other's calls.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, TryLockError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    core::Core,
    error::{Stop, Unable},
    inbox::{Inbox, Work},
    runtime::Runtime,
};
use crate::threads::lock;

/// How many rounds a caller serves others before it hands over to an executor.
const ROUNDS_MAX: usize = 64;

/// What all handles to a buffer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    /// `None` while the buffer is being opened, and once it is closed.
    core: Mutex<Option<Core>>,
    closed: AtomicBool,
    runtime: Arc<dyn Runtime>,
}

impl Shared {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        let (inbox, core) = (Inbox::default(), Mutex::default());
        Self { inbox, core, closed: AtomicBool::new(false), runtime }
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// Blocks this thread until something has happened that the buffer's work brings about.
    pub(super) fn block_on(&self, event: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        self.runtime.block_on(event);
    }

    /// The buffer is open from now on.
    pub(super) fn open(self: &Arc<Self>, core: Core) {
        *lock(&self.core) = Some(core);
        self.drive();
    }

    /// Leaves work, and has it done: by this thread, unless another is at it already.
    pub(super) fn submit(self: &Arc<Self>, change: impl FnOnce(&mut Work)) {
        self.inbox.put(change);
        self.drive();
    }

    /// Leaves work, and has it done by an executor: for threads that must not block.
    pub(super) fn submit_elsewhere(self: &Arc<Self>, change: impl FnOnce(&mut Work)) {
        self.inbox.put(change);
        let shared = Arc::clone(self);
        self.runtime.execute(Box::new(move || shared.drive()));
    }

    /// Serves all that waits, unless another thread is doing so: that one looks again after it has let go of the core,
    /// and finds what was left before this thread found the core taken.
    pub(super) fn drive(self: &Arc<Self>) {
        for _ in 0..ROUNDS_MAX {
            let mut core = match self.core.try_lock() {
                Ok(core) => core,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            match &mut *core {
                Some(core) => core.serve(self),
                None => self.turn_away(),
            }
            drop(core);
            if self.inbox.is_empty() {
                return;
            }
        }
        let shared = Arc::clone(self);
        self.runtime.execute(Box::new(move || shared.drive()));
    }

    /// Does something with the core, after all that was asked for before. Waits for the core, never for the disk.
    pub(super) fn with_core<T>(self: &Arc<Self>, action: impl FnOnce(&mut Core) -> T) -> Result<T, Unable> {
        let mut core = lock(&self.core);
        let result = match &mut *core {
            Some(core) => {
                core.serve(self);
                let result = action(core);
                core.serve(self);
                Ok(result)
            }
            None => Err(Stop::Closed.into()),
        };
        drop(core);
        if !self.inbox.is_empty() {
            self.drive();
        }
        result
    }

    /// Ends it: drops the logic, the storage and the lock on the directory. Whoever waits hears of it.
    pub(super) fn close(&self) -> Option<Core> {
        self.closed.store(true, Ordering::SeqCst);
        let core = lock(&self.core).take();
        self.turn_away();
        core
    }

    /// Has the logic's clock move on at a time.
    pub(super) fn tick_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.tick = true);
    }

    /// Wakes whoever waits for a change at a time, although none has come.
    pub(super) fn look_again_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.look_again = true);
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

    /// Nobody will serve what waits here any more. While the buffer is being opened it stays.
    fn turn_away(&self) {
        if self.closed.load(Ordering::SeqCst) {
            for write in self.inbox.take().writes {
                write.fail(&Stop::Closed.into());
            }
        }
    }
}
