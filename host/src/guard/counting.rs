//! Counting what a ledger has passed: what was sent, what was dropped, and the rest, which is lost.

use std::time::SystemTime;

use super::{Guard, steps::distance};
use crate::storage::{Amount, FileId, Ledger, Usage};

impl Guard {
    /// Records are delivered only to be looked at: none will be acknowledged.
    pub fn peek(&mut self) {
        self.tally.is_peeking = true;
    }

    /// Records of so many events and bytes were handed back to their writer because there was no room.
    pub fn rejected(&mut self, amount: Amount) {
        self.tally.rejected(amount);
        self.remember();
    }

    /// What has gone through the buffer, since it was opened and for good.
    pub fn usage(&self) -> (Usage, Usage) {
        (self.tally.since_opening(), self.tally.usage())
    }

    /// What waits in the data files.
    pub fn waiting(&self) -> Amount {
        self.tally.usage().waiting()
    }

    /// When the file that delivery begins at was last written to, by the wall clock. `None` if nothing waits, or the storage
    /// does not know.
    pub fn oldest_modified(&mut self) -> Option<SystemTime> {
        let ledger = self.account.ledger().filter(|_| self.waiting().events > 0)?;
        self.backend.modified(ledger.reader_data_file)
    }

    /// Counts what a ledger that was just stored has passed, of which so much was dropped. The account still has the one
    /// before it.
    pub(super) fn count_passed(&mut self, ledger: Ledger, dropped: Amount) {
        // While the buffer is being opened nothing is counted: see `settle_usage`.
        let Some(stored) = self.account.ledger().filter(|_| self.before.is_none()) else { return };
        let (from, to) = (stored.reader_last_record, ledger.reader_last_record);
        if from >= to {
            return;
        }
        let passed = self.tally.take_passed(from, to, self.acknowledged);
        let behind = passed.to.map(|mark| (mark.file, mark.offset));
        let front = (ledger.reader_data_file, 0);
        let start = stored.reader_data_file;
        let steps = |place: (FileId, u64)| (distance(start, place.0), place.1);
        let place = behind.into_iter().chain((front.0 != start).then_some(front)).max_by_key(|at| steps(*at));
        let bytes = self.tally.place.zip(place).and_then(|(from, to)| self.bytes_between(from, to));
        let known = passed.sent.plus(dropped).bytes;
        let bytes = bytes.map(|bytes| if bytes > known { bytes.min(self.bytes_gone(place)) } else { bytes });
        self.tally.count_passed(to.0.saturating_sub(from.0), bytes, passed.sent, dropped);
        self.tally.reader = passed.to.or(self.tally.reader);
        self.tally.place = place.or(self.tally.place);
        if to.after(1) >= ledger.writer_next_record {
            self.tally.settle_empty();
        }
    }

    /// How many bytes were received and are not passed yet, but for those that wait from a place on. What lies before it may
    /// be more: files that repeat ids, or that hold nothing whole, were not received.
    fn bytes_gone(&self, place: Option<(FileId, u64)>) -> u64 {
        let usage = self.tally.usage();
        let end = self.end_of_files(self.account.next_id());
        let waiting = place.zip(end).and_then(|(place, end)| self.bytes_between(place, end)).unwrap_or(0);
        usage.received.bytes.saturating_sub(usage.gone().bytes).saturating_sub(waiting)
    }
}
