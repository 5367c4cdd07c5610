//! Delivery that goes back, for a consumer that begins again.

use forebay_types::RecordId;

use super::Guard;

impl Guard {
    /// The records that were delivered and not acknowledged are delivered again. Gives the id below which all stays as it is.
    ///
    /// For a host that keeps no copies of what it has delivered. Losses that were met are not met again.
    pub fn rewind(&mut self) -> RecordId {
        let first = self.acknowledged.max(self.passed()).after(1);
        if self.reader.expected().is_some_and(|expected| expected > first) {
            self.reader.rewind(&self.segments, first);
            self.counters.taken_back_from(first);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use forebay_types::Ledger;

    use super::*;
    use crate::{
        clock::StoppedClock,
        record::NewRecord,
        storage::{FileId, memory::Disk},
    };

    /// A guard with so many records of one event in each of so many files, and its ledger behind all of them.
    fn guard(files: u16, records: u32) -> Guard {
        guard_on(&Disk::new(), files, records)
    }

    fn guard_on(disk: &Disk, files: u16, records: u32) -> Guard {
        let clock = Arc::new(StoppedClock::default());
        let mut guard =
            Guard::new(Box::new(disk.open().unwrap()), clock, 1 << 20, Box::new(|_, _| {})).unwrap();
        for file in 0..files {
            if file == 1 {
                guard.opened().unwrap();
            }
            guard.roll().unwrap();
            let (batch, _) =
                guard.offer((0..records).map(|n| NewRecord::from(vec![7; n.try_into().unwrap()])).collect());
            guard.append(batch, records).unwrap();
            guard.take_offer();
            pass(&mut guard, file, 0);
        }
        guard
    }

    /// Stores a ledger that has passed all events up to `last`, with the first file as the reader's.
    fn pass(guard: &mut Guard, writer_file: u16, last: u64) {
        let (file, next) = (|number| FileId::new(number).unwrap(), guard.next_id());
        let ledger = Ledger {
            writer_next_record: next,
            writer_data_file: file(writer_file),
            reader_data_file: file(0),
            reader_last_record: RecordId(last),
        };
        guard.store_ledger(ledger).unwrap();
    }

    fn ids(guard: &mut Guard, max: u32) -> Vec<u64> {
        guard.deliver(max, u64::MAX).unwrap().iter().map(|record| record.id.0).collect()
    }

    /// A consumer that has crashed must get what it had not acknowledged, and nothing that it had.
    #[test]
    fn what_was_delivered_and_not_acknowledged_is_delivered_again_once() {
        let mut guard = guard(3, 4);
        assert_eq!(ids(&mut guard, 10), (1..=10).collect::<Vec<_>>());
        guard.acknowledge(RecordId(6)).unwrap();
        pass(&mut guard, 2, 2);
        let (usage, _) = guard.usage();
        assert_eq!(usage.sent.events, 2);

        assert_eq!(guard.rewind(), RecordId(7));
        assert_eq!(ids(&mut guard, 2), [7, 8]);
        assert_eq!(guard.rewind(), RecordId(7));
        assert_eq!(guard.rewind(), RecordId(7), "there is nothing to go back over");
        assert_eq!(ids(&mut guard, 20), (7..=12).collect::<Vec<_>>());

        guard.acknowledge(RecordId(12)).unwrap();
        pass(&mut guard, 2, 12);
        guard.rewind();
        assert!(ids(&mut guard, 20).is_empty());
        let (usage, _) = guard.usage();
        assert_eq!(
            (usage.sent.events, usage.sent.bytes),
            (12, 3 * 184),
            "each record is counted once, however often it was delivered"
        );
        assert_eq!(guard.loss_count().losses, 0);
    }

    /// A loss that is counted once more with each rewind makes a small damage look like a big one.
    #[test]
    fn a_loss_that_was_met_is_not_met_again() {
        let disk = Disk::new();
        drop(guard_on(&disk, 3, 4));
        let file = FileId::new(1).unwrap();
        let mut bytes = disk.data_file(file).unwrap();
        bytes.get_mut(50..58).unwrap().fill(0xff);
        disk.put_data_file(file, bytes);
        let clock = Arc::new(StoppedClock::default());
        let mut guard =
            Guard::new(Box::new(disk.open().unwrap()), clock, 1 << 20, Box::new(|_, _| {})).unwrap();
        guard.opened().unwrap();
        let first = ids(&mut guard, 20);
        assert!(first.len() < 12, "{first:?}");
        guard.reached_end().unwrap();
        let lost = guard.loss_count();
        assert!(lost.bytes > 0);
        guard.rewind();
        assert_eq!(ids(&mut guard, 20), first);
        guard.reached_end().unwrap();
        assert_eq!(guard.loss_count(), lost);
    }
}
