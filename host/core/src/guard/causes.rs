//! What the logic is told of an error, and the error that stands behind it.
//!
//! The contract carries a code. The guard keeps the storage error of each code, with operation and file, until the next call
//! of the logic. Logic that passes a code on to its caller thus passes on the whole error.

use std::sync::Arc;

use forebay_types::{BufferError, StorageError as Code};

use super::{Guard, GuardError};
use crate::storage::StorageError;

/// The last storage error of each code that the logic was told in its present call.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// The newest last. There is one for each code, and so no more than there are error numbers.
    told: Vec<(Code, Arc<StorageError>)>,
}

impl Causes {
    fn note(&mut self, code: Code, error: StorageError) {
        self.told.retain(|(told, _)| *told != code);
        self.told.push((code, Arc::new(error)));
    }
}

impl Guard {
    /// A call of the logic begins. What it was told in the one before explains nothing any more.
    pub fn begin_call(&mut self) {
        self.causes.told.clear();
    }

    /// What the logic is told of an error. Every answer to the logic comes from here.
    pub fn tell(&mut self, error: GuardError) -> Code {
        let error = match error {
            GuardError::Refused(refusal) => return Code::Refused(refusal.number()),
            GuardError::Storage(error) => error,
        };
        let code = match &error {
            StorageError::NotFound { .. } | StorageError::TakenAway { .. } => Code::NotFound,
            StorageError::NoSpace { .. } => Code::NoSpace,
            StorageError::AlreadyExists { .. } | StorageError::Io { .. } => Code::Io(error.errno()),
        };
        self.causes.note(code, error);
        code
    }

    /// The storage error that the logic passes on. `None` if it was told none with this code in its present call.
    pub fn cause_of(&self, error: BufferError) -> Option<Arc<StorageError>> {
        let passed_on = |(code, _): &&(Code, _)| BufferError::from(*code) == error;
        self.causes.told.iter().rev().find(passed_on).map(|(_, cause)| Arc::clone(cause))
    }

    /// The last storage error that the logic was told in its present call, whether or not it passes it on.
    pub fn last_cause(&self) -> Option<Arc<StorageError>> {
        self.causes.told.last().map(|(_, cause)| Arc::clone(cause))
    }
}
