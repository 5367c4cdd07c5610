//! Ending a call of the native logic in its midst, as a trap ends one of the component.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// Burns down with each storage call of the logic. Where it burns out the call of the logic ends, before the storage
/// call is carried out. Copies are the same fuse.
#[derive(Clone)]
pub struct Fuse {
    /// How many storage calls are left.
    left: Arc<AtomicU64>,
    burnt: Arc<AtomicU64>,
}

/// What is thrown.
struct Trap;

impl Default for Fuse {
    /// One that never burns out.
    fn default() -> Self {
        Self { left: Arc::new(AtomicU64::new(u64::MAX)), burnt: Arc::default() }
    }
}

impl Fuse {
    /// So many storage calls are carried out from now on; the next one ends the call of the logic. Once.
    pub fn light(&self, calls: u64) {
        self.left.store(calls, SeqCst);
    }

    /// How many storage calls there were, those that ended a call of the logic included.
    pub fn burnt(&self) -> u64 {
        self.burnt.load(SeqCst)
    }

    pub fn burn(&self) {
        self.burnt.fetch_add(1, SeqCst);
        if self.left.fetch_sub(1, SeqCst) == 0 {
            self.left.store(u64::MAX, SeqCst);
            // Not a panic: only `catch` is to hear of it.
            panic::resume_unwind(Box::new(Trap));
        }
    }

    /// Runs something that burns fuses. `None`: one has burnt out.
    pub fn catch<T>(run: impl FnOnce() -> T) -> Option<T> {
        match panic::catch_unwind(AssertUnwindSafe(run)) {
            Ok(value) => Some(value),
            Err(thrown) if thrown.is::<Trap>() => None,
            Err(thrown) => panic::resume_unwind(thrown),
        }
    }
}
