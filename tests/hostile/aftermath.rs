//! What well-behaved logic finds when the guest is gone.

use std::collections::{BTreeMap, BTreeSet};

use forebay::{
    Buffer, Durability, Options, RecordId, Simulation, WhenFull, WriteErrorKind,
    storage::{
        FileId,
        memory::{Disk, Luck},
    },
};

use super::{
    bed::Bed,
    random::{MAX_BYTES, Placed, World},
};
use crate::support::{Runs, storage::file};

fn options() -> Options {
    let mut options = crate::support::storage::options();
    (options.max_bytes, options.when_full) = (2 * MAX_BYTES, WhenFull::Reject);
    options
}

impl World {
    /// The process dies, with the machine or without, and well-behaved logic opens what is left.
    pub(super) fn end(&mut self, bed: Bed) {
        self.disk.set_capacity_bytes(None);
        let required: BTreeSet<u64> = if self.chance(2) {
            // The disk keeps what was synced, and may keep more.
            let seed = self.dice.below(1 << 40) * self.dice.below(2);
            self.disk.power_loss_with(Luck::of(seed));
            self.tickets.assert_kept(&self.disk);
            self.promised.clone()
        } else {
            self.disk.kill();
            self.placed.keys().map(|(id, _)| *id).collect()
        };
        drop(bed);
        let simulation = Simulation::new();
        let open =
            |disk: &Disk| Runs::Natively.open_in(&simulation, disk.open().unwrap(), options()).unwrap();
        let mut buffer = open(&self.disk);
        let mut delivered = self.deliver_all(&buffer);
        if self.chance(4) {
            self.disk.kill();
            drop(buffer);
            buffer = open(&self.disk);
            assert_eq!(self.deliver_all(&buffer), delivered, "a second look finds the same");
        }
        let lost: Vec<_> =
            required.into_iter().filter(|id| *id > self.ever && !delivered.contains(id)).collect();
        assert!(lost.is_empty(), "records {lost:?} are lost; up to {} is acknowledged", self.ever);
        for loss in buffer.take_losses() {
            let told = delivered.iter().find(|id| loss.ids.contains(&RecordId(**id)));
            assert_eq!(told, None, "{loss:?}, and it was delivered");
        }
        if self.chance(3) {
            delivered.insert(self.write_one(&buffer, &simulation));
        }
        if self.chance(3)
            && let Some(last) = delivered.last()
        {
            buffer.reader().ack_through(RecordId(*last));
        }
        buffer.close().unwrap();
        self.acknowledged = self.disk.ledger().unwrap().reader_last_record.0;
        self.ever = self.ever.max(self.acknowledged);
        self.placed = self.frames();
        // A frame whose length is damaged is as good as any other, where it was delivered. What is acknowledged waits once more
        // where the ledger is lost.
        for id in &delivered {
            let is_placed = self.placed.range((*id, file(0))..(*id + 1, file(0))).any(|_| true);
            if let Some(at) = self.place_of(*id).filter(|_| !is_placed) {
                self.placed.insert((*id, at), Placed { end: 0, next: self.next[id] });
            }
        }
        self.promised = delivered.split_off(&(self.acknowledged + 1));
        // What was passed over comes too late, if it is there in another file.
        let (from, promised) = (self.acknowledged, &self.promised);
        self.placed.retain(|(id, _), _| *id <= from || promised.contains(id));
    }

    /// Takes everything, which must come in order and as it was written.
    fn deliver_all(&mut self, buffer: &Buffer) -> BTreeSet<u64> {
        let reader = buffer.reader();
        let mut delivered = BTreeSet::new();
        loop {
            let records = reader.try_next_batch(1000).unwrap();
            if records.is_empty() {
                return delivered;
            }
            for record in records {
                let id = record.id().0;
                assert!(delivered.last().is_none_or(|last| *last < id), "{id} comes out of order");
                assert_eq!(record.payload()[..], *self.payloads[&id].as_bytes());
                // Of a damaged frame the count of its events may be lost.
                self.next.insert(id, id + u64::from(record.events().get()));
                delivered.insert(id);
            }
        }
    }

    /// Whatever the guest has done to the directory, it takes records: at once, or when a failed sync is made good.
    fn write_one(&mut self, buffer: &Buffer, simulation: &Simulation) -> u64 {
        let payload = "written by well-behaved logic";
        let next = buffer.status().unwrap().next_id;
        let writer = buffer.writer().with_durability(Durability::Synced);
        let receipt = writer.write(payload).or_else(|error| {
            assert!(
                matches!(error.kind, WriteErrorKind::Full) && buffer.status().unwrap().sync_failed,
                "{error}"
            );
            for _ in 0..4 {
                simulation.advance(options().sync_interval);
                while simulation.run_sync(0) {}
            }
            writer.write(payload)
        });
        assert_eq!(receipt.unwrap().first_id, Some(next));
        self.payloads.insert(next.0, payload.to_owned());
        self.next.insert(next.0, next.0 + 1);
        let read = buffer.reader().try_next_batch(10).unwrap();
        assert_eq!(read.iter().map(forebay::Record::id).collect::<Vec<_>>(), [next]);
        next.0
    }

    /// The whole records in all files.
    fn frames(&self) -> BTreeMap<(u64, FileId), Placed> {
        self.disk.data_files().into_iter().flat_map(|(file, _)| self.frames_of(file)).collect()
    }

    /// The file that still holds a payload: each begins with a number of its own.
    fn place_of(&self, id: u64) -> Option<FileId> {
        let payload = self.payloads[&id].as_bytes();
        let holds_it = |file: &FileId| {
            let bytes = self.disk.data_file(*file).unwrap();
            (8..bytes.len()).step_by(8).any(|at| bytes[at..].starts_with(payload))
        };
        self.disk.data_files().into_iter().map(|(file, _)| file).find(holds_it)
    }

    /// The whole records in a file. No payload here looks like a frame.
    fn frames_of(&self, file: FileId) -> BTreeMap<(u64, FileId), Placed> {
        let bytes = self.disk.data_file(file).unwrap_or_default();
        let (mut at, mut frames) = (0, BTreeMap::new());
        while at < bytes.len() {
            match forebay_frame::decode(&bytes[at..]) {
                Ok(frame) => {
                    at += frame.bytes as usize;
                    frames.insert((frame.id.0, file), Placed { end: at as u64, next: frame.next_id().0 });
                }
                Err(_) => at += 8,
            }
        }
        frames
    }

    /// Whether a file holds nothing but whole frames.
    pub(super) fn is_undamaged(&self, file: FileId) -> bool {
        let bytes = self.disk.data_file(file).unwrap_or_default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Ok(frame) = forebay_frame::decode(rest) else { return false };
            rest = &rest[frame.bytes as usize..];
        }
        true
    }
}
