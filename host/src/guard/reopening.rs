//! From one instance of the logic to the next: the account stays, and with it all that was promised.

use std::error::Error;

use forebay_frame::{RecordId, Surroundings};
use tracing::warn;

use super::{Guard, delivery::Cursor};
use crate::{logic::OpenReport, storage::FileId};

/// Whether the logic is opening the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For the first time: the frames may say more than the ledger, and the ledger's next id jumps ahead.
    Opening,
    /// After an instance that has failed: the guard knows all that there is.
    Reopening,
    /// In place of an instance that was in order: there is nothing to be mended.
    Replacing,
    Open,
}

impl Guard {
    /// The logic has opened the buffer.
    pub fn opened(&mut self) {
        let before = self.before.take();
        if let Some(before) = &before {
            self.settle_usage(before);
        }
        if let Some(ledger) = self.account.ledger() {
            self.acknowledged = self.acknowledged.max(ledger.reader_last_record);
            if self.cursor.is_none() {
                self.start_delivery(ledger);
            }
        }
        if let Some(memo) = self.memo().filter(|_| before.is_some()) {
            self.tally.noted(memo.ledger);
            self.incarnations = self.backend.opened(&memo);
        }
        self.phase = Phase::Open;
    }

    /// What the logic reports of opening, with the host's own figures where it has them.
    pub fn checked(&self, report: OpenReport) -> OpenReport {
        let first_unread = self.ledger().map_or(report.first_unread, |l| l.reader_last_record.after(1));
        let next_id = self.next_id();
        OpenReport {
            first_unread,
            next_id,
            events: next_id.0.saturating_sub(first_unread.0),
            bytes: self.bytes(),
            cut_bytes: self.cut_bytes,
            ..report
        }
    }

    /// The instance that worked on this guard is gone, wherever it was, and another opens the buffer anew.
    ///
    /// What was appended counts as written, and what was delivered or acknowledged as such. Syncs that are under way count
    /// when they end; nobody is told of them. Nothing that stands in the ledger may be lowered.
    pub fn reopen(&mut self) {
        self.begin_anew(Phase::Reopening);
    }

    /// As [`reopen`](Self::reopen), for logic that takes the place of other logic: until it has opened the buffer it makes,
    /// cuts and removes no file, so that the former can come back to what it has left.
    pub fn replace(&mut self) {
        self.begin_anew(Phase::Replacing);
    }

    fn begin_anew(&mut self, phase: Phase) {
        if self.phase != Phase::Opening {
            self.phase = phase;
        }
        self.offer = None;
        self.scanner.take_read();
        self.syncs.forget_tickets();
        self.remove_leftovers();
        self.mark_what_is_known();
    }

    /// What was read or written under this guard need not be read again: the next instance finds the ends of the files, and
    /// where delivery stands, without looking for them.
    fn mark_what_is_known(&mut self) {
        self.scanner.forget_marks();
        if let Some((mark, around)) = self.cursor.map(|cursor| cursor.mark()) {
            self.scanner.mark(mark, around);
        }
        for end in self.account.ends() {
            let around = Surroundings { floor: end.next_id, exact: false, ceiling: self.account.ceiling() };
            self.scanner.mark(end, around);
        }
    }

    /// The last event that was handed out, or lies before one that was; `None` before the buffer was first opened.
    pub fn delivered_through(&self) -> Option<RecordId> {
        self.cursor.map(|cursor| RecordId(cursor.expected.0.saturating_sub(1)))
    }

    /// Files that were made and came to nothing must not become more with every instance.
    fn remove_leftovers(&mut self) {
        let unused: Vec<FileId> = self.account.unused_files().collect();
        for file in unused {
            if let Err(error) = self.backend.remove_file(file) {
                let error: &dyn Error = &error;
                warn!(%file, error, "could not remove a file that is of no use");
                continue;
            }
            self.account.removed(file);
            self.syncs.removed(file);
            self.scanner.forget(file);
            if let (Some(cursor), Some(ledger)) = (self.cursor, self.account.ledger())
                && cursor.file() == file
            {
                self.cursor = Some(Cursor::start_of(ledger.reader_data_file, cursor.expected));
            }
        }
    }
}
