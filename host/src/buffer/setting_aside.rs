//! Consumers who wait until records are durable dead letters.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use forebay_types::RecordId;
use thiserror::Error;
use tokio::sync::oneshot;

use super::record::Record;
use crate::storage::StorageError;

/// Some records could not be added to the dead-letter file.
#[derive(Debug, Error)]
#[error(
    "{} of the records could not be added to the dead-letter file and stay with their consumer: {reason}",
    remaining.len()
)]
#[non_exhaustive]
pub struct SetAsideError {
    /// These records. Their deliveries stand: they can be acknowledged, given back or set aside as if this call had not been made.
    pub remaining: Vec<Record>,
    /// Why, and what to do.
    pub reason: String,
}

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
    /// How it has ended for these records. Those that are done with give nothing back any more when they are dropped.
    pub(super) fn result<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<(), SetAsideError> {
        let Outcome { done, error } =
            std::mem::take(&mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner));
        let (done, remaining): (Vec<_>, Vec<_>) = records.partition(|record| done.contains(&record.id()));
        done.into_iter().for_each(Record::settle);
        if remaining.is_empty() {
            return Ok(());
        }
        let reason = error.unwrap_or_else(|| "the buffer is closed or has stopped; open it again".to_owned());
        Err(SetAsideError { remaining: remaining.into_iter().cloned().collect(), reason })
    }
}
