//! What has gone through the buffer. Everything is counted when the ledger is stored that says it, so that the two agree
//! whenever the process dies.

use forebay_types::RecordId;

use super::{Run, delivered::DeliveredRuns};
use crate::{
    record::ReadRecord,
    storage::{Amount, Checkpoint, FileId, Ledger, Usage},
};

/// How much may be written and acknowledged, in bytes, before it is noted, so that the next opening need not find it out.
const NOTED_AFTER_BYTES: u64 = 1 << 20;

/// What the records were that a ledger has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedRecords {
    pub(crate) sent: Amount,
    /// The end of the last of them that was delivered.
    pub(crate) to: Option<Checkpoint>,
}

/// The counters, and what is needed to count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    usage: Usage,
    /// What they were when the buffer was opened.
    at_opening: Usage,
    delivered: DeliveredRuns,
    /// Where the first unacknowledged record begins or may begin.
    pub(crate) place: Option<(FileId, u64)>,
    /// The end of the last frame that was acknowledged.
    pub(crate) reader: Option<Checkpoint>,
    /// What was noted last.
    noted: Option<(Ledger, Usage)>,
    /// Records are only looked at: nothing is acknowledged.
    pub(crate) is_peeking: bool,
}

impl Counters {
    /// The buffer is open, and this is what had gone through it until then.
    pub(crate) fn open(&mut self, usage: Usage) {
        (self.usage, self.at_opening) = (usage, usage);
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn since_opening(&self) -> Usage {
        self.usage.since(&self.at_opening)
    }

    /// How many events were dropped since the buffer was opened. Asked after each call of the logic.
    pub(crate) fn dropped_since_opening(&self) -> u64 {
        self.usage.dropped.events.saturating_sub(self.at_opening.dropped.events)
    }

    pub(crate) fn received(&mut self, amount: Amount) {
        self.usage.received = self.usage.received.plus(amount);
    }

    pub(crate) fn rejected(&mut self, amount: Amount) {
        self.usage.rejected = self.usage.rejected.plus(amount);
    }

    /// The consumer has this run, which holds these records and lies behind all that it had before.
    pub(crate) fn delivered(&mut self, run: Run, records: &[ReadRecord]) {
        if !self.is_peeking {
            self.delivered.add(run, records);
        }
    }

    /// What was delivered from this id on is to be delivered again.
    pub(crate) fn taken_back_from(&mut self, first: RecordId) {
        self.delivered.forget_from(first);
    }

    /// Takes out the records that a ledger passes, which goes from one event to another. Those that are not acknowledged
    /// were dropped, and are counted as such.
    pub(crate) fn take_passed(
        &mut self,
        from: RecordId,
        to: RecordId,
        acknowledged: RecordId,
    ) -> PassedRecords {
        let (next, done) = (to.after(1), acknowledged.after(1));
        let (mut sent, mut counted, mut last) = (Amount::default(), from.after(1), None);
        while let Some(run) = self.delivered.take_before(next.min(done)) {
            // Vector's records may claim ids that the next one has.
            let events = run.next_id.0.saturating_sub(run.first_id.max(counted).0);
            counted = counted.max(run.next_id);
            sent = sent.plus(Amount::new(events, run.bytes));
            last = Some(run);
        }
        while let Some(run) = self.delivered.take_before(next) {
            last = Some(run);
        }
        let end = |run: Run| Checkpoint {
            file: run.file,
            offset: run.offset.saturating_add(run.bytes),
            next_id: run.next_id,
        };
        PassedRecords { sent, to: last.map(end) }
    }

    /// The ledger has passed so many events, of which these were sent and dropped, and so many bytes.
    pub(crate) fn count_passed(&mut self, events: u64, bytes: Option<u64>, sent: Amount, dropped: Amount) {
        let sent = Amount { events: sent.events.min(events), ..sent };
        let dropped = Amount { events: dropped.events.min(events.saturating_sub(sent.events)), ..dropped };
        let known = sent.plus(dropped);
        let lost = Amount::new(
            events.saturating_sub(known.events),
            bytes.map_or(0, |bytes| bytes.saturating_sub(known.bytes)),
        );
        self.usage.sent = self.usage.sent.plus(sent);
        self.usage.dropped = self.usage.dropped.plus(dropped);
        self.usage.lost = self.usage.lost.plus(lost);
    }

    /// Nothing waits any more: what bytes are left were damage, or in files that are gone.
    pub(crate) fn settle_empty(&mut self) {
        let left = self.usage.received.bytes.saturating_sub(self.usage.gone().bytes);
        self.usage.lost.bytes = self.usage.lost.bytes.saturating_add(left);
    }

    /// Whether what has changed since it was last noted could not be found out from ledger and frames, or only by reading
    /// much.
    pub(crate) fn is_due(&self, ledger: Ledger) -> bool {
        let Some((noted_ledger, noted)) = self.noted else { return true };
        let bytes = |usage: &Usage| usage.received.bytes.saturating_add(usage.sent.bytes);
        noted_ledger.reader_data_file != ledger.reader_data_file
            || (noted.dropped, noted.lost, noted.rejected)
                != (self.usage.dropped, self.usage.lost, self.usage.rejected)
            || bytes(&self.usage).saturating_sub(bytes(&noted)) > NOTED_AFTER_BYTES
    }

    /// What was counted since has not come to be, though it was noted.
    pub(crate) fn take_back(&mut self, before: Self) {
        *self = Self { noted: self.noted, ..before };
    }

    pub(crate) fn noted(&mut self, ledger: Ledger) {
        self.noted = Some((ledger, self.usage));
    }
}
