//! Callers that wait until their records are synced. One of them runs the next sync itself: it would only wait meanwhile, and no
//! thread has to be woken for it.
//!
//! A sync is left here while the core is held, and taken after that. Each caller looks here before it sleeps and when it goes, so
//! that no sync is left lying. `tests/interleaving` runs this file through the interleavings of a few threads.

use std::{collections::BTreeMap, task::Waker};

use super::sync::{Mutex, MutexGuard, PoisonError};

/// The callers of one buffer. `J` is a sync that waits to be run.
pub(super) struct SyncCallers<J> {
    state: Mutex<State<J>>,
}

struct State<J> {
    callers: usize,
    last: u64,
    /// Callers that may sleep, and how each is woken.
    asleep: BTreeMap<u64, Waker>,
    /// The sync that the next caller takes.
    left: Option<J>,
    /// A caller runs a sync.
    is_running: bool,
}

impl<J> State<J> {
    /// The caller that is to be woken for the sync that was left, unless one will look for it without that.
    fn next(&mut self) -> Option<Waker> {
        self.left.as_ref()?;
        // Callers that are awake look before they sleep. They may be serving others meanwhile.
        self.asleep.pop_first().map(|(_, waker)| waker)
    }
}

/// One caller. It is to [`leave`](SyncCallers::leave).
#[derive(Debug)]
pub(super) struct Caller(u64);

impl<J> SyncCallers<J> {
    pub(super) fn new() -> Self {
        let state = State { callers: 0, last: 0, asleep: BTreeMap::new(), left: None, is_running: false };
        Self { state: Mutex::new(state) }
    }

    /// A caller comes, before it leaves records that are to be synced.
    pub(super) fn enter(&self) -> Caller {
        let mut state = self.lock();
        state.callers += 1;
        state.last += 1;
        Caller(state.last)
    }

    /// Leaves a sync to the callers. It comes back where none would run it at once. [`wake_one`](Self::wake_one) is to follow.
    pub(super) fn offer(&self, sync: J) -> Result<(), J> {
        let mut state = self.lock();
        if state.callers == 0 || state.is_running || state.left.is_some() {
            return Err(sync);
        }
        state.left = Some(sync);
        Ok(())
    }

    /// Sees to it that a caller takes what was left, where this thread does not.
    pub(super) fn wake_one(&self) {
        let next = self.lock().next();
        if let Some(waker) = next {
            waker.wake();
        }
    }

    /// Takes what was left. Where nothing was, the caller may sleep until it is woken. [`ended`](Self::ended) is to follow a sync.
    pub(super) fn take_or_sleep(&self, caller: &Caller, waker: &Waker) -> Option<J> {
        let mut state = self.lock();
        let sync = state.left.take();
        if sync.is_some() {
            state.is_running = true;
            state.asleep.remove(&caller.0);
        } else {
            state.asleep.insert(caller.0, waker.clone());
        }
        sync
    }

    /// The sync has ended that a caller took.
    pub(super) fn ended(&self) {
        self.lock().is_running = false;
    }

    /// A caller goes. A sync that no other caller will take comes back.
    #[must_use]
    pub(super) fn leave(&self, caller: &Caller) -> Option<J> {
        let (sync, next) = {
            let mut state = self.lock();
            state.callers -= 1;
            state.asleep.remove(&caller.0);
            if state.callers == 0 { (state.left.take(), None) } else { (None, state.next()) }
        };
        if let Some(waker) = next {
            waker.wake();
        }
        sync
    }

    /// Takes a lock. That another thread panicked while it held it is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
