//! What logic in order finds when the guest is gone.

use std::collections::{BTreeMap, BTreeSet};

use forebay::{Options, RecordId};
use forebay_frame::{Step, Surroundings, Walker};

use super::{
    bed::Bed,
    random::{MAX_BYTES, Placed, World},
};
use crate::support::Runs;

fn options() -> Options {
    let mut options = crate::support::storage::options();
    options.max_bytes = MAX_BYTES;
    options
}

impl World {
    /// The process dies, with the machine or without, and logic in order opens what is left.
    pub(super) fn end(&mut self, bed: Bed) {
        let required: BTreeSet<u64> = if self.chance(2) {
            self.disk.power_loss();
            self.promised.clone()
        } else {
            self.disk.kill();
            self.placed.keys().copied().collect()
        };
        drop(bed);
        let buffer = Runs::Natively.open(self.disk.open().unwrap(), options());
        let reader = buffer.reader();
        let mut delivered = BTreeSet::new();
        loop {
            let records = reader.try_next_batch(1000).unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                let id = record.id().0;
                assert!(delivered.last().is_none_or(|last| *last < id), "{id} comes out of order");
                assert_eq!(record.payload()[..], *self.payloads[&id].as_bytes());
                delivered.insert(id);
            }
        }
        let lost: Vec<_> =
            required.into_iter().filter(|id| *id > self.ever && !delivered.contains(id)).collect();
        assert!(lost.is_empty(), "records {lost:?} are lost; up to {} is acknowledged", self.ever);
        if self.chance(3)
            && let Some(last) = delivered.last()
        {
            reader.ack_through(RecordId(*last));
        }
        buffer.close().unwrap();
        self.acknowledged = self.disk.ledger().unwrap().reader_last_record.0;
        self.ever = self.ever.max(self.acknowledged);
        self.promised = delivered.split_off(&(self.acknowledged + 1));
        self.placed = self.frames();
    }

    /// The whole records in all files.
    fn frames(&self) -> BTreeMap<u64, Placed> {
        let mut frames = BTreeMap::new();
        for (file, _) in self.disk.data_files() {
            let around = Surroundings { floor: RecordId(1), exact: false, ceiling: RecordId(u64::MAX) };
            let bytes = self.disk.data_file(file).unwrap();
            let mut walker = Walker::new(&bytes[..], 0, around);
            while let Some(step) = walker.next().unwrap() {
                if let Step::Whole { offset, bytes, id, events, .. } = step {
                    let next = id.0 + u64::from(events.get());
                    frames.insert(id.0, Placed { file, end: offset + bytes, next });
                }
            }
        }
        frames
    }
}
