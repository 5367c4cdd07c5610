//! Where the syncs of a buffer are run: by a caller that waits for one, or by the runtime.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    receipt::{Pending, WriteResult},
    runtime::Runtime,
    shared::Shared,
    sync_callers::Caller,
    sync_latency::EndedSync,
};
use crate::{
    storage::{SyncJob, SyncTarget},
    threads,
};

impl Shared {
    /// Has a sync run: by a caller that waits for one, if there is any, or else by the runtime. The core is told how it ended.
    pub(super) fn run_sync(self: &Arc<Self>, target: SyncTarget, job: SyncJob) {
        let job = match target {
            SyncTarget::Data(_) => match self.schedule().sync_callers.offer((target, job)) {
                Ok(()) => return,
                Err((_, job)) => job,
            },
            // These are seldom needed, and may be run beside one of the others.
            _ => job,
        };
        self.hand_over_sync(target, job);
    }

    /// Has the runtime run a sync.
    fn hand_over_sync(self: &Arc<Self>, target: SyncTarget, job: SyncJob) {
        let (shared, runtime) = (Arc::downgrade(self), Arc::clone(self.runtime()));
        let job = move || {
            let ended = run(&*runtime, target, job);
            // A sync that ends when the buffer is gone is of no interest to it.
            if let Some(shared) = shared.upgrade() {
                shared.submit_elsewhere(|work| work.syncs.push(ended));
            }
        };
        self.line.run(target, Box::new(job));
    }

    /// Runs a sync on this thread, and has the core go on.
    fn run_sync_here(self: &Arc<Self>, target: SyncTarget, job: SyncJob) {
        threads::run_to_an_end(Box::new(|| {
            let ended = run(&**self.runtime(), target, job);
            self.leave(|work| work.syncs.push(ended));
        }));
        self.schedule().sync_callers.ended();
        self.drive();
    }
}

/// Runs a sync.
fn run(runtime: &dyn Runtime, target: SyncTarget, job: SyncJob) -> EndedSync {
    let begun_ns = runtime.now_ns();
    let result = job();
    let took = Duration::from_nanos(runtime.now_ns().saturating_sub(begun_ns));
    EndedSync { target, result, took }
}

/// A caller that is about to wait until its records are synced, and may run a sync meanwhile.
pub(super) struct SyncingCaller {
    shared: Arc<Shared>,
    caller: Caller,
}

impl SyncingCaller {
    /// To be made before the records are handed over. `None`: the runtime is to run all syncs.
    pub(super) fn new(shared: &Arc<Shared>) -> Option<Self> {
        let may_sync = shared.runtime().may_callers_sync();
        may_sync.then(|| Self { shared: Arc::clone(shared), caller: shared.schedule().sync_callers.enter() })
    }

    /// Waits for the answer, blocking this thread.
    pub(super) fn wait(self, pending: Pending) -> WriteResult {
        let mut pending = pin!(pending);
        let mut answer = None;
        let wait = std::future::poll_fn(|context: &mut Context<'_>| {
            loop {
                if let Poll::Ready(ready) = pending.as_mut().poll(context) {
                    answer = Some(ready);
                    return Poll::Ready(());
                }
                if !self.run_next(context.waker()) {
                    return Poll::Pending;
                }
            }
        });
        self.shared.block_on(pin!(wait));
        answer.unwrap_or_else(|| Err(super::receipt::gone()))
    }

    /// Runs the sync that waits for a caller, if there is one. Otherwise the caller is woken for the next.
    fn run_next(&self, waker: &Waker) -> bool {
        let next = self.shared.schedule().sync_callers.take_or_sleep(&self.caller, waker);
        let is_there = next.is_some();
        if let Some((target, job)) = next {
            self.shared.run_sync_here(target, job);
        }
        is_there
    }
}

impl Drop for SyncingCaller {
    fn drop(&mut self) {
        if let Some((target, job)) = self.shared.schedule().sync_callers.leave(&self.caller) {
            self.shared.hand_over_sync(target, job);
        }
    }
}
