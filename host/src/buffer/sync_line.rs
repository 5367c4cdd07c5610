//! The syncs of one buffer that wait for their turn.
//!
//! A buffer may ask for thousands of syncs at once, one for each data file. No more than a few of them are with the runtime at
//! a time, so that those of another buffer never stand behind all of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::runtime::{Job, Runtime};
use crate::{storage::SyncTarget, threads::lock};

/// The line of one buffer.
#[derive(Debug)]
pub(super) struct SyncLine {
    runtime: Arc<dyn Runtime>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// How many are with the runtime.
    running: usize,
    waiting: VecDeque<(SyncTarget, Job)>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("running", &self.running).field("waiting", &self.waiting.len()).finish()
    }
}

impl SyncLine {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Arc<Self> {
        Arc::new(Self { runtime, queue: Mutex::default() })
    }

    /// Has the runtime run a sync when its turn has come.
    pub(super) fn run(self: &Arc<Self>, target: SyncTarget, job: Job) {
        {
            let mut queue = lock(&self.queue);
            if queue.running >= self.runtime.syncs_of_a_buffer().get() {
                queue.waiting.push_back((target, job));
                return;
            }
            queue.running += 1;
        }
        self.hand_over(target, job);
    }

    fn hand_over(self: &Arc<Self>, target: SyncTarget, job: Job) {
        let turn = SyncTurn(Arc::clone(self));
        let job = move || {
            job();
            drop(turn);
        };
        self.runtime.run_sync(target, Box::new(job));
    }
}

/// The turn of a sync: it ends with the job, however that ends, also where it is dropped.
struct SyncTurn(Arc<SyncLine>);

impl Drop for SyncTurn {
    fn drop(&mut self) {
        let next = {
            let mut queue = lock(&self.0.queue);
            let next = queue.waiting.pop_front();
            if next.is_none() {
                queue.running -= 1;
            }
            next
        };
        if let Some((target, job)) = next {
            self.0.hand_over(target, job);
        }
    }
}
