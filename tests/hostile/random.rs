//! A guest that calls whatever it likes, with arguments that could be right: after any number of such calls logic in order
//! finds every record that was promised.

use std::collections::{BTreeMap, BTreeSet};

use super::bed::{Bed, torn_file};
use crate::support::{dice::Dice, storage::file};
use forebay::{
    NewRecord, RecordId,
    guard::BatchId,
    logic::Run,
    storage::{FileId, SyncTarget, memory::Disk},
};

pub(super) const MAX_BYTES: u64 = 32 * 1024;

/// Storage calls between two openings by logic in order.
const CALLS_EACH: u64 = 400;

/// Storage calls in a plain run of all tests. `FOREBAY_HOSTILE_CALLS` asks for another number.
const CALLS: u64 = 40_000;

/// A whole record on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) file: FileId,
    pub(super) end: u64,
    pub(super) next: u64,
}

/// What is on offer to the guest.
pub(super) struct Offered {
    pub(super) batch: BatchId,
    pub(super) records: Vec<(String, NewRecord)>,
    pub(super) placed: usize,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) disk: Disk,
    pub(super) calls: u64,
    pub(super) refused: u64,
    synced: u64,
    last_number: u64,
    /// All records that were ever placed, by their ids; an id that was given again has the later one's.
    pub(super) payloads: BTreeMap<u64, String>,
    /// Where each of those is that are still there.
    pub(super) placed: BTreeMap<(u64, FileId), Placed>,
    /// What has to be there after a power loss, but for what is acknowledged.
    pub(super) promised: BTreeSet<u64>,
    /// Up to here all was acknowledged in this life of the buffer, as far as its ledger knows.
    pub(super) acknowledged: u64,
    /// Up to here all was acknowledged once: nobody is promised to get it again.
    pub(super) ever: u64,
    pub(super) expected: u64,
    pub(super) offered: Option<Offered>,
    pub(super) most: u64,
    pub(super) runs: Vec<Run>,
    /// Offsets that a scan gave.
    pub(super) offsets: Vec<(FileId, u64)>,
}

/// Promises that hold only for logic in order are no promises: no sequence of storage calls may break one.
#[test]
fn whatever_a_guest_calls_nothing_promised_is_lost() {
    let calls = std::env::var("FOREBAY_HOSTILE_CALLS").map_or(CALLS, |calls| calls.parse().unwrap());
    let mut world = World::new();
    while world.calls < calls {
        let mut bed = world.open();
        let until = world.calls + CALLS_EACH;
        while world.calls < until {
            world.step(&mut bed);
        }
        world.end(bed);
    }
    println!(
        "{} storage calls, {} of them refused; {} records answered as synced, 0 of them lost; no whole unacknowledged \
         frame removed or cut; never more than {MAX_BYTES} bytes on disk",
        world.calls, world.refused, world.synced
    );
    assert!(world.synced > calls / 100, "it has to come to something: {}", world.synced);
}

impl World {
    fn new() -> Self {
        Self {
            dice: Dice::new(),
            disk: Disk::new(),
            calls: 0,
            refused: 0,
            synced: 0,
            last_number: 0,
            payloads: BTreeMap::new(),
            placed: BTreeMap::new(),
            promised: BTreeSet::new(),
            acknowledged: 0,
            ever: 0,
            expected: 0,
            offered: None,
            most: MAX_BYTES,
            runs: Vec::new(),
            offsets: Vec::new(),
        }
    }

    pub(super) fn chance(&mut self, one_in: u64) -> bool {
        self.dice.below(one_in) == 0
    }

    /// A process begins, with whatever the last one has left, and the guest opens the buffer in its own way.
    fn open(&mut self) -> Bed {
        if self.chance(20) {
            // What was acknowledged may be delivered once more, or a copy of the ledger still says so.
            self.disk.put_ledger(None);
        }
        if self.chance(3)
            && let Some((newest, _)) = self.disk.data_files().last().copied()
            && self.is_undamaged(newest)
        {
            // A write was under way, and there are none behind damage.
            let torn = 1 + self.dice.below(300) as usize;
            let bytes = [self.disk.data_file(newest).unwrap(), torn_file([], torn)].concat();
            self.disk.put_data_file(newest, bytes);
        }
        let mut bed = Bed::opening(&self.disk, MAX_BYTES);
        // What another program has left counts too, and nothing is added to it.
        self.most = MAX_BYTES.max(bed.guard.bytes());
        if self.chance(2) {
            for (file, _) in self.disk.data_files() {
                self.scan(&mut bed, file, 0);
            }
        }
        for _ in 0..self.dice.below(12) {
            self.call(&mut bed);
        }
        // Logic that has stored no ledger has not opened the buffer.
        while bed.guard.ledger().is_none() {
            self.call(&mut bed);
        }
        bed.guard.opened();
        self.acknowledged = bed.guard.ledger().map_or(0, |ledger| ledger.reader_last_record.0);
        // Where nothing is left that has an id, they begin anew.
        if bed.guard.bytes() == 0 {
            self.ever = self.ever.min(bed.guard.next_id().0 - 1);
        }
        self.expected = bed.guard.ledger().map_or(1, |ledger| ledger.reader_last_record.0 + 1);
        bed
    }

    /// One call of the guest by its host, or something that happens meanwhile.
    fn step(&mut self, bed: &mut Bed) {
        match self.dice.below(9) {
            0..=3 => self.write(bed),
            4 | 5 => self.read(bed),
            6 => self.call(bed),
            7 => self.do_as_told(bed),
            _ => {
                for _ in 0..self.dice.below(6) {
                    if self.chance(12) {
                        bed.fail_sync()
                    } else {
                        bed.run_sync()
                    };
                }
            }
        }
        let durable = bed.guard.durable_next().0;
        assert!(durable <= bed.guard.next_id().0);
        let before = self.promised.len();
        self.promised.extend(self.placed.range(..(durable, file(0))).map(|((id, _), _)| *id));
        self.synced += (self.promised.len() - before) as u64;
    }

    fn write(&mut self, bed: &mut Bed) {
        let records: Vec<_> = (0..=self.dice.below(4)).map(|_| self.record()).collect();
        let (batch, _) = bed.guard.offer(records.iter().map(|(_, record)| record.clone()).collect());
        self.offered = Some(Offered { batch, records, placed: 0 });
        for _ in 0..=self.dice.below(5) {
            self.call(bed);
        }
        let placement = bed.guard.take_offer();
        assert_eq!(placement.placed, self.offered.take().unwrap().placed);
    }

    /// What logic in order would do: only then is anything ever answered as synced, or room made.
    fn do_as_told(&mut self, bed: &mut Bed) {
        if bed.guard.ledger().is_none() {
            return;
        }
        let order: Vec<FileId> = self.placed.values().map(|placed| placed.file).collect();
        let last = self.acknowledged;
        let unread = self.placed.values().find(|placed| placed.next > last + 1).map(|placed| placed.file);
        let writer = order.last().copied();
        let _ = bed.store(|ledger| {
            ledger.writer_data_file = writer.unwrap_or(ledger.writer_data_file);
            ledger.reader_data_file = unread.or(writer).unwrap_or(ledger.reader_data_file);
            ledger.reader_last_record = RecordId(last.max(ledger.reader_last_record.0));
        });
        for (file, _) in self.disk.data_files() {
            let _ = bed.guard.request_sync(SyncTarget::Data(file));
            if Some(file) != writer && bed.guard.remove_file(file).is_ok() {
                self.gone(|placed| placed.file == file);
            }
        }
        let _ = bed.guard.request_sync(SyncTarget::Directory);
        let _ = bed.guard.request_sync(SyncTarget::Ledger);
    }

    fn record(&mut self) -> (String, NewRecord) {
        self.last_number += 1;
        let payload = format!("{} {}", self.last_number, "x".repeat(self.dice.below(200) as usize));
        let events = u32::try_from(1 + self.dice.below(3)).unwrap().try_into().unwrap();
        (payload.clone(), NewRecord::new(payload).with_events(events))
    }

    fn read(&mut self, bed: &mut Bed) {
        bed.guard.start_reading();
        self.runs.clear();
        for _ in 0..=self.dice.below(3) {
            self.call(bed);
        }
        if self.chance(2) {
            for (file, _) in self.disk.data_files() {
                self.scan(bed, file, 0);
            }
        }
        let mut runs = self.runs.clone();
        if self.chance(4) && !runs.is_empty() {
            let at = self.dice.below(runs.len() as u64) as usize;
            runs[at].first_id = RecordId(self.dice.below(50));
        }
        for record in bed.guard.collect(&runs).unwrap_or_default() {
            let next = self.placed.iter().find(|(_, placed)| placed.next > self.expected);
            let (next, behind) = next.map(|((id, _), placed)| (*id, placed.next)).unzip();
            assert_eq!(next, Some(record.id.0), "the next one, and none left out");
            assert_eq!(record.payload, self.payloads[&record.id.0].as_bytes());
            self.expected = behind.unwrap();
        }
        if self.chance(2) {
            let through = self.dice.below(self.expected + 2);
            bed.guard.acknowledged(RecordId(through));
            self.acknowledged = self.acknowledged.max(through.min(self.expected - 1));
            self.ever = self.ever.max(self.acknowledged);
        }
    }
}
