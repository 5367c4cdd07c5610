//! Storing a ledger: what it passes, and what follows from that.

use std::ops::Range;

use forebay_types::{FileId, Ledger, RecordId};

use super::{Guard, GuardError, handover::Phase};
use crate::{
    rules::{Bounds, Verdict, may_store},
    storage::{Amount, StorageError, unless_missing},
};

/// What a ledger passes that is not acknowledged.
#[derive(Debug, Default)]
struct Passed {
    /// What is dropped to make room.
    dropped: Amount,
    /// Ids that are in no file, and that delivery has not met.
    gaps: Vec<Range<RecordId>>,
}

impl Guard {
    /// `store-ledger`.
    pub fn store_ledger(&mut self, ledger: Ledger) -> Result<(), GuardError> {
        self.walk_before(ledger.reader_data_file)?;
        let bounds = Bounds {
            stored: self.ledgers.stored,
            first_file: self.ledgers.first_file(),
            passable: self.passable(ledger.reader_last_record)?,
            first_left: self.first_left(ledger)?,
        };
        let (passed, drop) = match may_store(ledger, &self.segments, &bounds) {
            Ok(Verdict::Fine) => (self.gaps_up_to(ledger.reader_last_record), None),
            Ok(Verdict::Drops(segments)) => {
                let reason = self.may_drop(segments, ledger)?;
                (self.dropped_by(segments, ledger.reader_last_record)?, Some((reason, segments)))
            }
            Err(refusal) => return Err(self.refuse(refusal)),
        };
        self.remember_bounds(ledger.reader_data_file)?;
        self.store_and_count(ledger, passed.dropped)?;
        self.ledgers.store(ledger);
        if let Some((reason, segments)) = drop {
            self.note_drop(reason, segments, passed.dropped.events);
        }
        self.reader.pass(&self.segments, ledger.reader_last_record, passed.gaps);
        if self.counters.is_due(ledger) {
            self.remember();
        }
        Ok(())
    }

    /// The consumer has acknowledged all events up to this one. Gives the event up to which the logic is to be told: behind
    /// what is acknowledged, ids that no file holds are passed where no whole record follows.
    pub fn acknowledge(&mut self, through: RecordId) -> Result<RecordId, StorageError> {
        let delivered = self.reader.expected().unwrap_or_default().before();
        self.acknowledged = self.acknowledged.max(through.min(delivered));
        let highest = self.segments.next_id().before();
        Ok(if self.passable(highest)? == highest { highest } else { self.acknowledged })
    }

    /// The last event up to `wanted` that the ledger may pass without dropping any.
    fn passable(&mut self, wanted: RecordId) -> Result<RecordId, StorageError> {
        let acknowledged = self.acknowledged.max(self.passed());
        let Some(expected) = self.reader.expected().filter(|_| wanted > acknowledged) else {
            return Ok(acknowledged);
        };
        if expected > acknowledged.after(1) {
            return Ok(acknowledged);
        }
        // Everything that was delivered is acknowledged. What lies behind it is lost, up to the next whole record.
        let (mut files, reader) = self.files();
        Ok(match reader.next_undelivered(&mut files)? {
            // Lost ids in front of a record are passed with that record.
            Some(_) => acknowledged,
            None => self.segments.next_id().before(),
        })
    }

    /// The id of the first record that is left behind the segments that a ledger drops; `None` if it may drop none.
    fn first_left(&mut self, ledger: Ledger) -> Result<Option<RecordId>, StorageError> {
        let leads_elsewhere = |stored: Ledger| stored.reader_data_file != ledger.reader_data_file;
        if !self.room.lets_go()
            || self.phase != Phase::Open
            || !self.ledgers.stored.is_some_and(leads_elsewhere)
        {
            return Ok(None);
        }
        let (mut files, reader) = self.files();
        let first = reader.first_record_from(&mut files, ledger.reader_data_file)?;
        Ok(Some(first.unwrap_or(self.segments.next_id())))
    }

    /// A ledger may pass a segment only if every id in it is known.
    fn walk_before(&mut self, file: FileId) -> Result<(), StorageError> {
        let Some(position) = self.segments.position(file) else { return Ok(()) };
        for file in self.segments.unwalked_before(position) {
            let (mut files, reader) = self.files();
            unless_missing(reader.walk_through(&mut files, file, |_| {}))?;
        }
        Ok(())
    }

    /// Nothing is left up to this id but what delivery has met, and what is lost.
    fn gaps_up_to(&self, last: RecordId) -> Passed {
        if !self.reader.is_started() || last <= self.acknowledged {
            return Passed::default();
        }
        let met = self.reader.losses.come_to();
        let gaps = (met <= last).then(|| met..last.after(1)).into_iter().collect();
        Passed { dropped: Amount::default(), gaps }
    }

    /// What goes with so many segments from the front.
    fn dropped_by(&mut self, segments: usize, last: RecordId) -> Result<Passed, StorageError> {
        let files: Vec<FileId> =
            self.segments.order().iter().take(segments).map(|segment| segment.file).collect();
        let mut passed = Passed::default();
        let mut next = self.acknowledged.max(self.passed()).after(1);
        let mut met = self.reader.losses.come_to();
        for file in files {
            let (mut files, reader) = self.files();
            let walked = reader.for_each_record(&mut files, file, |record| {
                // Ids that come again are no records of the buffer. Of one in whose midst the ledger stood the rest is dropped.
                let (id, end) = (record.frame.id, record.next_id());
                if end > next && id <= last {
                    let events = end.since(next.max(id));
                    passed.dropped = passed.dropped.plus(Amount::new(events, record.frame.bytes));
                    next = end;
                    if id > met {
                        passed.gaps.push(met..id);
                    }
                    met = met.max(next);
                }
            });
            unless_missing(walked)?;
        }
        if met <= last {
            passed.gaps.push(met..last.after(1));
        }
        Ok(passed)
    }

    /// What is dropped is noted before the ledger says that it has gone: between the two the process may die, and then
    /// nothing else tells what was dropped from what was sent.
    fn store_and_count(&mut self, ledger: Ledger, dropped: Amount) -> Result<(), StorageError> {
        if dropped.events == 0 {
            self.backend.store_ledger(ledger)?;
            self.count_passed(ledger, dropped);
            return Ok(());
        }
        let before = self.counters.clone();
        self.count_passed(ledger, dropped);
        self.remember_at(Some(ledger));
        let stored = self.backend.store_ledger(ledger);
        if stored.is_err() {
            self.counters.take_back(before);
            self.remember();
        }
        stored
    }

    fn count_passed(&mut self, ledger: Ledger, dropped: Amount) {
        // While the buffer is being opened nothing is counted: what has gone through it is settled afterwards.
        let Some(stored) = self.ledgers.stored.filter(|_| self.before.is_none()) else { return };
        self.counters.count(&self.segments, (stored, ledger), self.acknowledged, dropped);
    }
}
