//! Data files outside the reading order. They take up room until the ledger has passed what they hold.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use forebay_types::{FileId, RecordId, Refusal, Segment, StorageError};

use crate::storage::Storage;

/// So many files are discarded in one call at most. The next tick goes on.
const DISCARDS_PER_CALL: usize = 64;

/// A file that can go once the synced ledger has passed what lies before `wait_for`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    wait_for: RecordId,
    file: FileId,
    bytes: u64,
}

/// The data files outside the reading order, the one that can go first in front.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    files: BinaryHeap<Reverse<Waiting>>,
    bytes: u64,
}

impl Outside {
    /// These files.
    #[must_use]
    pub fn new<'a>(found: impl Iterator<Item = &'a Segment>) -> Self {
        let mut outside = Self::default();
        for segment in found {
            outside.add(Waiting { wait_for: segment.next_id, file: segment.file, bytes: segment.bytes });
        }
        outside
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes = self.bytes.saturating_add(waiting.bytes);
        self.files.push(Reverse(waiting));
    }

    fn take_passed(&mut self, first_unread: RecordId) -> Option<Waiting> {
        let Reverse(waiting) = if self.has_passed(first_unread) { self.files.pop() } else { None }?;
        self.bytes = self.bytes.saturating_sub(waiting.bytes);
        Some(waiting)
    }

    /// The files' length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a file can go, now that a ledger with this first unacknowledged event is durable.
    #[must_use]
    pub fn has_passed(&self, first_unread: RecordId) -> bool {
        self.files.peek().is_some_and(|Reverse(waiting)| waiting.wait_for <= first_unread)
    }

    /// Discards files that a durable ledger with this first unacknowledged event has passed. Answers whether any went.
    ///
    /// A file that storage holds back for what is in it is tried again when the ledger has moved on, any other at the next
    /// call.
    pub fn discard_passed(
        &mut self,
        storage: &mut impl Storage,
        first_unread: RecordId,
    ) -> Result<bool, StorageError> {
        let mut kept = Vec::new();
        let mut any_went = false;
        let mut result = Ok(());
        for _ in 0..DISCARDS_PER_CALL {
            let Some(mut waiting) = self.take_passed(first_unread) else { break };
            match storage.discard(waiting.file) {
                Ok(_) | Err(StorageError::NotFound) => {
                    any_went = true;
                    continue;
                }
                Err(error) if error.is_refused(Refusal::Retention) => {
                    waiting.wait_for = first_unread.after(1);
                }
                Err(StorageError::NoSpace | StorageError::Io(_)) => {}
                Err(error) => result = Err(error),
            }
            kept.push(waiting);
            if result.is_err() {
                break;
            }
        }
        for waiting in kept {
            self.add(waiting);
        }
        result.map(|()| any_went)
    }
}
