//! From one instance of the logic to the next: the facts stay, and with them all that was promised.

use forebay_types::RecordId;

use super::Guard;
use crate::storage::{Opening, StorageError};

/// Whether the logic is opening the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For the first time.
    Opening,
    /// After an instance that has failed.
    Reopening,
    /// In place of an instance that works: until it has opened the buffer, it changes no file.
    Replacing,
    Open,
}

/// What was found at opening, by the host's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// The first event that is not acknowledged.
    pub first_unread: RecordId,
    /// The id that the next event gets.
    pub next_id: RecordId,
    /// Events between the two, lost ones among them.
    pub events: u64,
    /// Bytes in all data files.
    pub bytes: u64,
    /// Events that are known to be lost: the ledger counted them, and no file holds them. Others are found when delivery
    /// reaches them.
    pub lost_events: u64,
    /// Bytes truncated from the end of the last file: an unfinished frame.
    pub cut_bytes: u64,
}

impl Guard {
    /// The logic has opened the buffer. The first time, delivery starts where the ledger says.
    pub fn opened(&mut self) -> Result<OpenReport, StorageError> {
        self.write_chosen_ledger()?;
        let first_unread = self.passed().after(1);
        let next_id = self.segments.next_id();
        let mut lost_events = 0;
        if let Some(before) = self.before.take() {
            lost_events = next_id.since(before.frames_end.max(first_unread));
            self.acknowledged = self.acknowledged.max(self.passed());
            self.start(&before);
            if let Some(memo) = self.memo() {
                self.counters.noted(memo.ledger);
                let opening =
                    Opening { unix_seconds: self.clock.unix_seconds(), hides_ids: before.hides_ids };
                self.incarnations = self.backend.opened(&memo, opening);
            }
        }
        self.phase = Phase::Open;
        Ok(OpenReport {
            first_unread,
            next_id,
            events: next_id.since(first_unread),
            bytes: self.segments.bytes(),
            lost_events,
            cut_bytes: self.truncated_bytes,
        })
    }

    /// The instance that worked on this guard is gone, wherever it was, and another opens the buffer.
    ///
    /// What was appended counts as written, and what was delivered or acknowledged as such. Flights still complete; their
    /// tickets are dropped.
    pub fn reopen(&mut self) {
        self.begin_again(Phase::Reopening);
    }

    /// As [`reopen`](Self::reopen), for logic that takes the place of other logic: until it has opened the buffer it changes
    /// no file, so that the former can come back to what it has left.
    pub fn replace(&mut self) {
        self.begin_again(Phase::Replacing);
    }

    fn begin_again(&mut self, phase: Phase) {
        if self.phase != Phase::Opening {
            self.phase = phase;
        }
        self.offer = None;
        self.syncs.forget_tickets();
    }
}
