//! What logic in order finds when the guest is gone.

use std::collections::{BTreeMap, BTreeSet};

use forebay::{
    Options, RecordId,
    storage::{FileId, memory::Luck},
};
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
            // The disk keeps what was synced, and may keep more.
            let seed = self.dice.below(1 << 40) * self.dice.below(2);
            self.disk.power_loss_with(Luck::of(seed));
            self.promised.clone()
        } else {
            self.disk.kill();
            self.placed.keys().map(|(id, _)| *id).collect()
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
        // What was passed over comes too late, if it is there in another file.
        let (from, promised) = (self.acknowledged, &self.promised);
        self.placed.retain(|(id, _), _| *id <= from || promised.contains(id));
    }

    /// The whole records in all files.
    fn frames(&self) -> BTreeMap<(u64, FileId), Placed> {
        let files = self.disk.data_files();
        files.into_iter().flat_map(|(file, _)| self.frames_of(file)).collect()
    }

    /// The whole records in a file.
    pub(super) fn frames_of(&self, file: FileId) -> BTreeMap<(u64, FileId), Placed> {
        let frames = self.steps_of(file).into_iter().filter_map(|step| match step {
            Step::Whole { offset, bytes, id, events, .. } => {
                let next = id.0 + u64::from(events.get());
                Some(((id.0, file), Placed { file, end: offset + bytes, next }))
            }
            _ => None,
        });
        frames.collect()
    }

    /// Whether a file holds nothing but whole frames.
    pub(super) fn is_undamaged(&self, file: FileId) -> bool {
        self.steps_of(file).iter().all(|step| matches!(step, Step::Whole { length_damaged: false, .. }))
    }

    fn steps_of(&self, file: FileId) -> Vec<Step> {
        let around = Surroundings { floor: RecordId(1), exact: false, ceiling: RecordId(u64::MAX) };
        let bytes = self.disk.data_file(file).unwrap_or_default();
        let mut walker = Walker::new(&bytes[..], 0, around);
        std::iter::from_fn(|| walker.next().unwrap()).collect()
    }
}
