//! A guest that calls whatever it likes, with arguments that could be right: after any number of such calls logic in order
//! finds every record that was promised.

use std::collections::{BTreeMap, BTreeSet};

use super::bed::{Bed, torn_file};
use crate::support::{dice::Dice, storage::file};
use forebay::{
    NewRecord, RecordId,
    guard::{BatchId, ScanLimits, SpanState},
    logic::Run,
    storage::{FileId, Ledger, SyncTarget, memory::Disk},
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
struct Offered {
    batch: BatchId,
    records: Vec<(String, NewRecord)>,
    placed: usize,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) disk: Disk,
    calls: u64,
    refused: u64,
    synced: u64,
    last_number: u64,
    /// All records that were ever placed, by their ids; an id that was given again has the later one's.
    pub(super) payloads: BTreeMap<u64, String>,
    pub(super) placed: BTreeMap<u64, Placed>,
    /// What has to be there after a power loss, but for what is acknowledged.
    pub(super) promised: BTreeSet<u64>,
    /// Up to here all was acknowledged in this life of the buffer, as far as its ledger knows.
    pub(super) acknowledged: u64,
    /// Up to here all was acknowledged once: nobody is promised to get it again.
    pub(super) ever: u64,
    pub(super) expected: u64,
    offered: Option<Offered>,
    most: u64,
    runs: Vec<Run>,
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
        {
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
                    bed.run_sync();
                }
            }
        }
        let durable = bed.guard.durable_next().0;
        assert!(durable <= bed.guard.next_id().0);
        let before = self.promised.len();
        self.promised.extend(self.placed.range(..durable).map(|(id, _)| *id));
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
            let next = self.placed.iter().find(|(_, placed)| placed.next > self.expected).map(|(id, _)| *id);
            assert_eq!(next, Some(record.id.0), "the next one, and none left out");
            assert_eq!(record.payload, self.payloads[&record.id.0].as_bytes());
            self.expected = self.placed[&record.id.0].next;
        }
        if self.chance(2) {
            let through = self.dice.below(self.expected + 2);
            bed.guard.acknowledged(RecordId(through));
            self.acknowledged = self.acknowledged.max(through.min(self.expected - 1));
            self.ever = self.ever.max(self.acknowledged);
        }
    }

    /// One storage call.
    fn call(&mut self, bed: &mut Bed) {
        self.calls += 1;
        let before = bed.guard.refused();
        match self.dice.below(16) {
            0..=5 => self.append(bed),
            6..=8 => self.store_ledger(bed),
            9 => {
                let file = self.a_file(bed);
                let _ = bed.guard.create_file(file);
            }
            10 => self.remove(bed),
            11 => self.truncate(bed),
            12 | 13 => {
                let file = self.a_file(bed);
                let offset = self.an_offset(bed, file);
                self.scan(bed, file, offset);
            }
            _ => {
                let target = match self.dice.below(3) {
                    0 => SyncTarget::Data(self.a_file(bed)),
                    1 => SyncTarget::Directory,
                    _ => SyncTarget::Ledger,
                };
                let _ = bed.guard.request_sync(target);
            }
        }
        self.refused += bed.guard.refused() - before;
        let on_disk: u64 = self.disk.data_files().iter().map(|(_, length)| length).sum();
        assert!(on_disk <= self.most, "{on_disk}");
    }

    fn append(&mut self, bed: &mut Bed) {
        let Some(mut offered) = self.offered.take() else { return };
        let newest = bed.guard.list_files().last().map(|entry| entry.id);
        let file = if self.chance(3) { self.a_file(bed) } else { newest.unwrap_or(file(0)) };
        let at = if self.chance(20) { self.an_offset(bed, file) } else { bed.length(file.get()) };
        let id = if self.chance(20) { self.an_id(bed) } else { bed.guard.next_id().0 };
        let first = if self.chance(20) { self.dice.below(6) as usize } else { offered.placed };
        let count = self.dice.below(4) as usize;
        let answer = bed.guard.append(offered.batch, first as u32, count as u32, file, at, RecordId(id));
        if let Ok(placed) = answer {
            let (mut end, mut next) = (at, id);
            for (payload, record) in offered.records.iter().skip(first).take(placed.records as usize) {
                end += record.frame_bytes();
                let id = next;
                next += u64::from(record.events.get());
                self.payloads.insert(id, payload.clone());
                self.placed.insert(id, Placed { file, end, next });
            }
            assert_eq!(placed.length, end);
            offered.placed += placed.records as usize;
        }
        self.offered = Some(offered);
    }

    fn store_ledger(&mut self, bed: &mut Bed) {
        let next = bed.guard.next_id();
        let mut ledger = bed.guard.ledger().unwrap_or(Ledger { writer_next_record: next, ..Ledger::EMPTY });
        ledger.writer_next_record = next;
        if self.chance(3) {
            ledger.writer_data_file = self.a_file(bed);
        }
        if self.chance(3) {
            ledger.reader_data_file = self.a_file(bed);
        }
        if self.chance(10) {
            ledger.writer_next_record = RecordId(self.an_id(bed));
        }
        ledger.reader_last_record = match self.dice.below(4) {
            0 => ledger.reader_last_record,
            1 => RecordId(self.an_id(bed)),
            _ => RecordId(self.acknowledged),
        };
        if bed.guard.store_ledger(ledger).is_ok() {
            let behind = ledger.reader_last_record.0.max(self.ever) + 1;
            let passed = self.placed.range(self.ever + 1..behind);
            assert_eq!(passed.count(), 0, "{ledger:?} passes what {} does not", self.ever);
            self.acknowledged = self.acknowledged.max(ledger.reader_last_record.0);
            self.expected = self.expected.max(ledger.reader_last_record.0 + 1);
        }
    }

    fn remove(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        if bed.guard.remove_file(file).is_ok() {
            self.gone(|placed| placed.file == file);
        }
    }

    fn truncate(&mut self, bed: &mut Bed) {
        let file = self.a_file(bed);
        let length = self.an_offset(bed, file);
        if bed.guard.truncate_file(file, length).is_ok() {
            self.gone(|placed| placed.file == file && placed.end > length);
        }
    }

    fn gone(&mut self, is_gone: impl Fn(&Placed) -> bool) {
        let acknowledged = self.ever;
        self.placed.retain(|id, placed| {
            assert!(!is_gone(placed) || placed.next <= acknowledged + 1, "record {id} was not acknowledged");
            !is_gone(placed)
        });
    }

    fn scan(&mut self, bed: &mut Bed, file: FileId, offset: u64) {
        let limit = if self.chance(2) { u32::MAX } else { 1 + self.dice.below(3) as u32 };
        let limits = ScanLimits { max_spans: limit, max_records: limit, max_bytes: u64::MAX };
        let Ok(scanned) = bed.guard.scan(file, offset, limits) else { return };
        self.offsets.push((file, scanned.next_offset));
        for span in scanned.spans {
            self.offsets.push((file, span.offset));
            if span.state == SpanState::Whole {
                self.runs.push(Run {
                    file,
                    offset: span.offset,
                    bytes: span.bytes,
                    first_id: span.first_id,
                    next_id: span.next_id,
                    records: span.records,
                });
            }
        }
        let excess = self.offsets.len().saturating_sub(64);
        self.offsets.drain(..excess);
    }
}
