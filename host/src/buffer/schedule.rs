//! When the core's work is done, and by whom: timers that leave work for it, whether acknowledgements may wait, and callers that
//! run a sync. The core and all handles to a buffer share it. The core knows no handle.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{inbox::Work, runtime::Runtime, sync_callers::SyncCallers};
use crate::storage::{SyncJob, SyncTarget};

/// A time that does not come.
const NEVER_NS: u64 = u64::MAX;

/// Leaves work, and has an executor do it.
type Submit = Box<dyn Fn(fn(&mut Work)) + Send + Sync>;

/// When the core of one buffer is asked next.
pub(super) struct Schedule {
    runtime: Arc<dyn Runtime>,
    submit: Submit,
    pub(super) sync_callers: SyncCallers<(SyncTarget, SyncJob)>,
    /// When the earliest timer goes off that wakes all who wait for a change.
    look_again_ns: AtomicU64,
    /// A caller waits for what acknowledgements bring: none is to wait for others.
    are_acks_urgent: AtomicBool,
}

impl Schedule {
    pub(super) fn new(
        runtime: Arc<dyn Runtime>,
        submit: impl Fn(fn(&mut Work)) + Send + Sync + 'static,
    ) -> Self {
        Self {
            runtime,
            submit: Box::new(submit),
            sync_callers: SyncCallers::new(),
            look_again_ns: AtomicU64::new(NEVER_NS),
            are_acks_urgent: AtomicBool::new(false),
        }
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
        let schedule = Arc::downgrade(self);
        let look_again = move || {
            if let Some(schedule) = schedule.upgrade() {
                schedule.look_again_ns.store(NEVER_NS, Ordering::SeqCst);
                (schedule.submit)(|work| work.look_again = true);
            }
        };
        self.runtime.run_at(time_ns, Box::new(look_again));
    }

    /// Has the core go on with what it has left undone, after others have had their turn.
    pub(super) fn go_on_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.look_again = true);
    }

    /// Has records delivered again whose time comes then.
    pub(super) fn redeliver_at(self: &Arc<Self>, time_ns: u64) {
        self.submit_at(time_ns, |work| work.redelivery_due = true);
    }

    fn submit_at(self: &Arc<Self>, time_ns: u64, change: fn(&mut Work)) {
        let schedule = Arc::downgrade(self);
        let submit = move || {
            if let Some(schedule) = schedule.upgrade() {
                (schedule.submit)(change);
            }
        };
        self.runtime.run_at(time_ns, Box::new(submit));
    }

    /// The core says whether acknowledgements are urgent from now on.
    pub(super) fn note_urgency(&self, are_acks_urgent: bool) {
        self.are_acks_urgent.store(are_acks_urgent, Ordering::SeqCst);
    }

    pub(super) fn are_acks_urgent(&self) -> bool {
        self.are_acks_urgent.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}
