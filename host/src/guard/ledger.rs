//! What a ledger may say. It is checked before it touches the storage: whoever opens the buffer next believes it.

use std::ops::Range;

use forebay_frame::RecordId;

use super::{Guard, GuardError, Refusal, reopening::Phase, steps::distance};
use crate::storage::{Amount, FileId, Ledger, StorageError};

impl Guard {
    /// `store-ledger`.
    pub fn store_ledger(&mut self, ledger: Ledger) -> Result<(), GuardError> {
        let passed = match self.check_ledger(ledger)? {
            Ok(passed) => passed,
            Err(refusal) => return Err(self.refuse(refusal)),
        };
        if passed.dropped.events > 0 {
            self.store_dropping(ledger, passed.dropped)?;
        } else {
            self.backend.store_ledger(ledger)?;
            self.count_passed(ledger, passed.dropped);
        }
        self.account.ledger_stored(ledger);
        self.dropped = self.dropped.saturating_add(passed.dropped.events);
        if let Some(mut cursor) = self.cursor {
            self.losses.pass(ledger.reader_last_record.after(1), passed.gaps, &mut self.passed_over);
            let front = ledger.reader_data_file;
            let is_passed = !self.is_in_use(cursor.file());
            cursor.pass(front, ledger.reader_last_record, is_passed);
            self.cursor = Some(cursor);
        }
        if self.tally.is_due(ledger) {
            self.remember();
        }
        Ok(())
    }

    /// What goes unread is noted before the ledger says that it has gone: between the two the process may die, and then
    /// nothing else tells what was dropped from what was sent.
    fn store_dropping(&mut self, ledger: Ledger, dropped: Amount) -> Result<(), StorageError> {
        let before = self.tally.clone();
        self.count_passed(ledger, dropped);
        self.remember_at(Some(ledger));
        let stored = self.backend.store_ledger(ledger);
        if stored.is_err() {
            self.tally.take_back(before);
            self.remember();
        }
        stored
    }

    /// The last event that the ledger has passed: acknowledged, dropped or lost. 0 if there is none.
    pub fn passed(&self) -> RecordId {
        self.account.passed()
    }

    /// The consumer is done with all events up to this one: the ledger may pass them.
    pub fn acknowledged(&mut self, through: RecordId) {
        let delivered = self.cursor.map_or(RecordId(0), |cursor| cursor.expected);
        self.acknowledged = self.acknowledged.max(through.min(RecordId(delivered.0.saturating_sub(1))));
    }

    /// Whether a file lies between the reader's and the end of the files, as the ledger was last stored.
    fn is_in_use(&self, file: FileId) -> bool {
        let Some(ledger) = self.account.ledger() else { return true };
        let newest = self.account.newest().unwrap_or(ledger.writer_data_file);
        let front = ledger.reader_data_file;
        self.account.file(file).is_some()
            && distance(front, file) <= distance(front, newest).max(distance(front, ledger.writer_data_file))
    }

    /// How many events it drops that are not acknowledged, if it may be stored.
    fn check_ledger(&mut self, ledger: Ledger) -> Result<Result<Passed, Refusal>, StorageError> {
        let next = self.account.next_id();
        let highest = if self.phase == Phase::Opening { self.highest_next() } else { next };
        if ledger.writer_next_record < next || ledger.writer_next_record > highest {
            return Ok(Err(Refusal::LedgerNext));
        }
        let known = |file| self.account.file(file).is_some();
        if !known(ledger.writer_data_file) || !known(ledger.reader_data_file) {
            return Ok(Err(Refusal::UnknownFile));
        }
        if ledger.reader_last_record >= ledger.writer_next_record {
            return Ok(Err(Refusal::LedgerLast));
        }
        if !self.may_name_files(ledger)? {
            return Ok(Err(Refusal::LedgerFiles));
        }
        let Some(stored) = self.account.ledger() else { return self.check_first_ledger(ledger) };
        if ledger.reader_last_record < stored.reader_last_record {
            return Ok(Err(Refusal::LedgerLast));
        }
        if self.phase != Phase::Open {
            return self.check_first_ledger(ledger);
        }
        self.check_passing(stored, ledger)
    }

    /// The highest id that can be the next one, by all that was read: records that no file holds are not made up.
    fn highest_next(&self) -> RecordId {
        let unread = self.account.ledger().map_or(RecordId(0), |ledger| ledger.reader_last_record.after(1));
        let in_files = self.account.files().map(|(_, account)| account.seen_next).max();
        self.account.next_id().max(unread).max(in_files.unwrap_or_default())
    }

    /// On opening nothing whole may be passed that the consumer has not acknowledged.
    fn check_first_ledger(&mut self, ledger: Ledger) -> Result<Result<Passed, Refusal>, StorageError> {
        let stored = self.account.ledger();
        let last = stored.map_or(RecordId(0), |stored| stored.reader_last_record).max(self.acknowledged);
        if ledger.reader_last_record <= last {
            return Ok(Ok(Passed::default()));
        }
        let lowest = self.lowest_unread(last.after(1))?;
        let passes = lowest.is_some_and(|id| id <= ledger.reader_last_record);
        Ok(if passes { Err(Refusal::LedgerLast) } else { Ok(self.gap_through(ledger.reader_last_record)) })
    }

    /// The lowest id from this one on that any file has a whole record of.
    fn lowest_unread(&mut self, from: RecordId) -> Result<Option<RecordId>, StorageError> {
        let mut lowest: Option<RecordId> = None;
        for file in self.account.file_ids() {
            let id = self.first_in_file(file, from)?;
            lowest = lowest.into_iter().chain(id).min();
        }
        Ok(lowest)
    }

    /// The events up to the ledger's last must be acknowledged or lost, or lie in files that may be dropped.
    fn check_passing(
        &mut self,
        stored: Ledger,
        ledger: Ledger,
    ) -> Result<Result<Passed, Refusal>, StorageError> {
        let last = ledger.reader_last_record;
        if last <= self.acknowledged || last == stored.reader_last_record {
            return Ok(Ok(Passed::default()));
        }
        let all_done = self.cursor.is_some_and(|cursor| cursor.expected <= self.acknowledged.after(1));
        if all_done && self.next_undelivered()?.is_none_or(|next| next > last) {
            return Ok(Ok(self.gap_through(last)));
        }
        if !self.drops_oldest {
            return Ok(Err(Refusal::LedgerLast));
        }
        // Whole files from the oldest on: what is left begins behind what is passed. What repeats ids that went with them is
        // no record of this buffer.
        let (passed, next) = self.dropped_by(stored.reader_data_file, ledger)?;
        let left = self.first_whole(ledger.reader_data_file, next.max(stored.reader_last_record.after(1)))?;
        Ok(if left.is_some_and(|id| id <= last) { Err(Refusal::LedgerLast) } else { Ok(passed) })
    }

    /// Nothing is left up to this id but what delivery has come to, and what is lost.
    fn gap_through(&self, last: RecordId) -> Passed {
        let come_to = self.losses.come_to();
        let gaps = (come_to <= last).then(|| come_to..last.after(1)).into_iter().collect();
        Passed { dropped: Amount::default(), gaps }
    }

    /// What goes with the files from the front to the ledger's reader file, and the id behind it.
    fn dropped_by(&mut self, front: FileId, ledger: Ledger) -> Result<(Passed, RecordId), StorageError> {
        let last = ledger.reader_last_record;
        let steps = distance(front, ledger.reader_data_file);
        let mut files = self.files_from(front);
        files.retain(|file| distance(front, *file) < steps);

        let mut passed = Passed::default();
        let mut next = self.acknowledged.max(self.account.passed()).after(1);
        let mut come_to = self.losses.come_to();
        for file in files {
            self.for_each_record_in(file, |id, amount| {
                // Ids that come again are no records of the buffer. Of one in whose midst the ledger stood the rest is dropped.
                let end = id.after(amount.events);
                if end > next && id <= last {
                    let events = end.0.saturating_sub(next.max(id).0);
                    passed.dropped = passed.dropped.plus(Amount { events, ..amount });
                    next = end;
                    if id > come_to {
                        passed.gaps.push(come_to..id);
                    }
                    come_to = come_to.max(next);
                }
            })?;
        }
        if come_to <= last {
            passed.gaps.push(come_to..last.after(1));
        }
        Ok((passed, next))
    }
}

/// What a ledger passes that is not acknowledged.
#[derive(Debug, Default)]
struct Passed {
    /// What is dropped to make room.
    dropped: Amount,
    /// Ids that are in no file, and that delivery has not come to.
    gaps: Vec<Range<RecordId>>,
}
