//! Consumers who wait until records are durable dead letters.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use forebay_types::RecordId;
use tokio::sync::oneshot;

use crate::storage::StorageError;

/// What has become of the records so far.
#[derive(Debug, Default)]
struct Outcome {
    done: HashSet<RecordId>,
    error: Option<String>,
}

/// Each record on its way holds a copy. The consumer is woken when the last is gone, whatever has become of the records.
#[derive(Clone, Debug)]
pub(super) struct Asker(Arc<Waiter>);

#[derive(Debug)]
struct Waiter {
    outcome: Arc<Mutex<Outcome>>,
    _wake: oneshot::Sender<()>,
}

/// A consumer who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    outcome: Arc<Mutex<Outcome>>,
    pub(super) ended: oneshot::Receiver<()>,
}

impl Asker {
    pub(super) fn new() -> (Self, Waiting) {
        let (wake, ended) = oneshot::channel();
        let outcome = Arc::<Mutex<Outcome>>::default();
        let waiter = Waiter { outcome: Arc::clone(&outcome), _wake: wake };
        (Self(Arc::new(waiter)), Waiting { outcome, ended })
    }

    /// A record needs no more: it is durable in the file, or its delivery was over.
    pub(super) fn done(&self, id: RecordId) {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner).done.insert(id);
    }

    /// A record could not be written.
    pub(super) fn failed(&self, error: &StorageError) {
        self.0
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .error
            .get_or_insert_with(|| error.to_string());
    }
}

impl Waiting {
    /// Which records need no more, and why others do, where that is known.
    pub(super) fn outcome(&self) -> (HashSet<RecordId>, Option<String>) {
        let Outcome { done, error } =
            std::mem::take(&mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner));
        (done, error)
    }
}
