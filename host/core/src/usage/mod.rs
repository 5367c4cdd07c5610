//! What has gone through the buffer: events and bytes received, sent, dropped, lost and rejected.

mod counters;
mod delivered;
mod reconcile;

use forebay_types::{FileId, Ledger, RecordId};

pub(crate) use self::{
    counters::Counters,
    reconcile::{Present, reconcile},
};
use crate::{segments::Segments, storage::Amount};

/// Whole records that follow each other in one data file, their ids without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The file that holds them.
    pub(crate) file: FileId,
    /// Where the first one's frame starts, in bytes.
    pub(crate) offset: u64,
    /// The length of all their frames, in bytes.
    pub(crate) bytes: u64,
    /// The first one's id.
    pub(crate) first_id: RecordId,
    /// The id after the last one's last event.
    pub(crate) next_id: RecordId,
    /// How many records they are.
    pub(crate) records: u32,
}

/// A place in a data file.
pub(crate) type Spot = (FileId, u64);

impl Counters {
    /// Counts what a ledger that is about to be stored passes, of which so much is dropped.
    pub(crate) fn count(
        &mut self,
        segments: &Segments,
        (stored, new): (Ledger, Ledger),
        acknowledged: RecordId,
        dropped: Amount,
    ) {
        let (from, to) = (stored.reader_last_record, new.reader_last_record);
        if from >= to {
            return;
        }
        let passed = self.take_passed(from, to, acknowledged);
        let behind = passed.to.map(|end| (end.file, end.offset));
        let front = (new.reader_data_file != stored.reader_data_file).then_some((new.reader_data_file, 0));
        let start = stored.reader_data_file;
        let place = behind.into_iter().chain(front).max_by_key(|at| (start.steps_to(at.0), at.1));
        let bytes = self.place.zip(place).and_then(|(from, to)| segments.bytes_between(from, to));
        let known = passed.sent.plus(dropped).bytes;
        let bytes = bytes
            .map(|bytes| if bytes > known { bytes.min(self.bytes_gone(segments, place)) } else { bytes });
        self.count_passed(to.since(from), bytes, passed.sent, dropped);
        self.reader = passed.to.or(self.reader);
        self.place = place.or(self.place);
        if to.after(1) >= new.writer_next_record {
            self.settle_empty();
        }
    }

    /// How many bytes were received and are not passed yet, but for those that wait from a place on. What lies before the
    /// place may be more: files that repeat ids, or that hold nothing whole, were not received.
    fn bytes_gone(&self, segments: &Segments, place: Option<Spot>) -> u64 {
        let usage = self.usage();
        let waiting = place.and_then(|place| segments.bytes_from(place)).unwrap_or(0);
        usage.received.bytes.saturating_sub(usage.gone().bytes).saturating_sub(waiting)
    }
}
