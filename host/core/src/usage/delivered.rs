//! The records that the consumer has, until the ledger passes them. They are kept as the runs that they were delivered in:
//! a run that is passed as a whole costs what one record does. Of each record only its size is kept beside it, for a ledger
//! that goes to the middle of a run.

use std::{collections::VecDeque, num::NonZeroU32};

use forebay_types::RecordId;

use super::Run;
use crate::record::ReadRecord;

/// What one record takes up.
#[derive(Clone, Copy, Debug)]
struct Size {
    events: NonZeroU32,
    /// The length of its frame. No frame has one that does not fit.
    bytes: u32,
}

/// Runs that were delivered, in the order in which they were, and their records' sizes.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveredRuns {
    /// Of the first, what is left of it.
    runs: VecDeque<Run>,
    sizes: VecDeque<Size>,
}

impl DeliveredRuns {
    /// The consumer has this run, which holds these records.
    pub(crate) fn add(&mut self, run: Run, records: &[ReadRecord]) {
        debug_assert_eq!(usize::try_from(run.records), Ok(records.len()), "each record is counted once");
        self.runs.push_back(run);
        self.sizes.extend(records.iter().map(|record| Size {
            events: record.events,
            bytes: u32::try_from(record.frame_bytes).unwrap_or(u32::MAX),
        }));
    }

    /// The consumer has nothing any more of what begins at this id or behind it.
    pub(crate) fn forget_from(&mut self, first: RecordId) {
        while let Some(run) = self.runs.back_mut().filter(|run| run.next_id > first) {
            // Vector's records may claim ids that the next one has: their events say more than the run does.
            let Some(size) = self.sizes.pop_back().filter(|_| run.records > 1) else {
                self.runs.pop_back();
                continue;
            };
            run.next_id = RecordId(run.next_id.0.saturating_sub(size.events.get().into()));
            run.bytes = run.bytes.saturating_sub(size.bytes.into());
            run.records -= 1;
        }
    }

    /// Takes out the first run, or as many of its records as end at this id or before it. `None` if not one does.
    pub(crate) fn take_before(&mut self, next: RecordId) -> Option<Run> {
        if let Some(whole) = self.runs.pop_front_if(|run| run.next_id <= next) {
            let records = usize::try_from(whole.records).unwrap_or(usize::MAX);
            self.sizes.drain(..records.min(self.sizes.len()));
            return Some(whole);
        }
        let left = self.runs.front_mut()?;
        let mut taken = Run { next_id: left.first_id, bytes: 0, records: 0, ..*left };
        let fits = |from: RecordId, size: &Size| from.after(size.events.get().into()) <= next;
        while let Some(size) = self.sizes.pop_front_if(|size| fits(taken.next_id, size)) {
            taken.next_id = taken.next_id.after(size.events.get().into());
            taken.bytes = taken.bytes.saturating_add(size.bytes.into());
            taken.records += 1;
        }
        left.first_id = taken.next_id;
        left.offset = left.offset.saturating_add(taken.bytes);
        left.bytes = left.bytes.saturating_sub(taken.bytes);
        left.records = left.records.saturating_sub(taken.records);
        (taken.records > 0).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;

    use super::*;
    use crate::record::MemoryBlock;
    use crate::storage::FileId;

    /// Records of so many events, the first of them with an id, each frame ten bytes longer than its events are many.
    fn add(delivered: &mut DeliveredRuns, offset: u64, first: u64, events: &[u32]) {
        let mut next_id = RecordId(first);
        let mut records = Vec::new();
        for events in events {
            let events = NonZeroU32::new(*events).unwrap();
            let (metadata, payload, frame_bytes) = (0, Bytes::new(), u64::from(events.get()) + 10);
            records.push(ReadRecord {
                id: next_id,
                incarnation: 1,
                events,
                metadata,
                payload,
                frame_bytes,
                block: MemoryBlock::default(),
            });
            next_id = next_id.after(events.get().into());
        }
        let bytes = records.iter().map(|record| record.frame_bytes).sum();
        let number = u32::try_from(records.len()).unwrap();
        let file = FileId::new(0).unwrap();
        let run = Run { file, offset, bytes, first_id: RecordId(first), next_id, records: number };
        delivered.add(run, &records);
    }

    /// What was taken: where it starts, how long it is, its first id and the one behind it, how many records.
    fn take(delivered: &mut DeliveredRuns, next: u64) -> Option<(u64, u64, u64, u64, u32)> {
        let run = delivered.take_before(RecordId(next))?;
        Some((run.offset, run.bytes, run.first_id.0, run.next_id.0, run.records))
    }

    /// Consumers acknowledge what they are done with, and that is seldom where a run ends: what is left of it must say where
    /// it goes on, and how much it is.
    #[test]
    fn a_run_is_passed_record_by_record_where_the_ledger_goes_into_it() {
        let mut delivered = DeliveredRuns::default();
        add(&mut delivered, 100, 1, &[1, 3, 2, 1]);
        assert_eq!(take(&mut delivered, 1), None);
        assert_eq!(take(&mut delivered, 4), Some((100, 11, 1, 2, 1)), "the second has ids up to 4");
        assert_eq!(take(&mut delivered, 4), None);
        assert_eq!(take(&mut delivered, 7), Some((111, 25, 2, 7, 2)));
        assert_eq!(take(&mut delivered, 8), Some((136, 11, 7, 8, 1)));
        assert_eq!(take(&mut delivered, 100), None, "nothing is left");
    }

    /// The sizes of one run must not be taken for those of the next.
    #[test]
    fn runs_that_are_passed_as_a_whole_take_their_sizes_with_them() {
        let mut delivered = DeliveredRuns::default();
        add(&mut delivered, 0, 1, &[5, 1]);
        add(&mut delivered, 500, 10, &[1, 2]);
        assert_eq!(take(&mut delivered, 11), Some((0, 26, 1, 7, 2)));
        assert_eq!(take(&mut delivered, 11), Some((500, 11, 10, 11, 1)));
        assert_eq!(take(&mut delivered, 13), Some((511, 12, 11, 13, 1)));
    }
}
