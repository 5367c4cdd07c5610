//! Failed syncs that no retry makes good: the buffer has to stop, or its writers wait for ever.

use std::collections::HashMap;

use forebay_types::FileId;

use super::Guard;
use crate::storage::{StorageError, SyncTarget};

/// How long a data file that is to be rewritten may resist all attempts to read it.
const UNREADABLE_NS_MAX: u64 = 10_000_000_000;

/// What is known of hopeless syncs.
#[derive(Debug, Default)]
pub(super) struct Hopeless {
    /// Why the buffer has to stop.
    reason: Option<String>,
    /// Since when a file cannot be read, of those that are to be rewritten.
    unreadable: HashMap<FileId, u64>,
}

impl Guard {
    /// A sync has failed. The records of a file that cannot be read are there, and a person can make them readable: to go
    /// on without them is not for the host to decide.
    pub(super) fn note_hopeless(&mut self, target: SyncTarget, error: &StorageError) {
        let is_denied = matches!(target, SyncTarget::Data(_)) && error.is_denied();
        if is_denied || error.is_directory_gone() || self.is_unreadable_for_long(target, error) {
            self.hopeless.reason.get_or_insert_with(|| error.to_string());
        }
    }

    fn is_unreadable_for_long(&mut self, target: SyncTarget, error: &StorageError) -> bool {
        let SyncTarget::Data(file) = target else { return false };
        if !error.is_of_reading() || error.is_for_want_of_descriptors() {
            return false;
        }
        let now_ns = self.clock.now_ns();
        let since_ns = *self.hopeless.unreadable.entry(file).or_insert(now_ns);
        now_ns.saturating_sub(since_ns) >= UNREADABLE_NS_MAX
    }

    /// A sync has ended well.
    pub(super) fn note_hope(&mut self, target: SyncTarget) {
        if let SyncTarget::Data(file) = target {
            self.hopeless.unreadable.remove(&file);
        }
    }

    /// Why the buffer has to stop, if a sync has failed for good: operation, file and cause.
    pub fn hopeless(&self) -> Option<&str> {
        self.hopeless.reason.as_deref()
    }
}
