//! A guest that calls whatever it likes, with arguments that could be right: after any number of such calls well-behaved
//! logic finds every record that was promised.

use std::collections::{BTreeMap, BTreeSet};

use forebay::{
    NewRecord, RecordId,
    guard::BatchId,
    storage::{FileId, memory::Disk},
};

use super::{
    bed::{Bed, torn_file},
    tickets::Tickets,
};
use crate::support::{
    dice::Dice,
    storage::{file, ledger},
};

pub(super) const MAX_BYTES: u64 = 32 * 1024;

/// Storage calls between two openings by well-behaved logic.
const CALLS_EACH: u64 = 400;

/// Storage calls in a plain run of all tests. `FOREBAY_HOSTILE_CALLS` asks for another number.
const CALLS: u64 = 40_000;

/// A whole record on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) end: u64,
    pub(super) next: u64,
}

/// What is on offer to the guest.
pub(super) struct Offered {
    pub(super) batch: BatchId,
    pub(super) records: Vec<(String, NewRecord)>,
    pub(super) placed: usize,
}

/// What the guard lets the instance do that runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Opening,
    /// In place of one that works.
    Replacing,
    Open,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) disk: Disk,
    pub(super) calls: u64,
    pub(super) refused: u64,
    synced: u64,
    pub(super) dropped: u64,
    last_number: u64,
    /// The operator lets the oldest segments go.
    pub(super) drops: bool,
    pub(super) phase: Phase,
    /// All records that were ever placed, by their ids; an id that was given again has the later one's.
    pub(super) payloads: BTreeMap<u64, String>,
    /// The id after each of those.
    pub(super) next: BTreeMap<u64, u64>,
    /// Where each of those is that are still there.
    pub(super) placed: BTreeMap<(u64, FileId), Placed>,
    /// What has to be there after a power loss, but for what is acknowledged.
    pub(super) promised: BTreeSet<u64>,
    /// Up to here all was acknowledged in this life of the buffer, as far as its ledger knows.
    pub(super) acknowledged: u64,
    /// Up to here all was acknowledged or dropped once: it need not be delivered again.
    pub(super) ever: u64,
    pub(super) expected: u64,
    pub(super) offered: Option<Offered>,
    pub(super) tickets: Tickets,
    pub(super) most_bytes: u64,
    pub(super) most_files: usize,
}

/// Promises that hold only for well-behaved logic are no promises: no sequence of storage calls may break one.
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
        "{} storage calls, {} of them refused; {} records answered as synced, 0 of them lost; {} events dropped, each where \
         the operator allowed it; no whole unacknowledged frame removed or truncated; never more than {MAX_BYTES} bytes on \
         disk",
        world.calls, world.refused, world.synced, world.dropped
    );
    assert!(world.synced > calls / 100, "too few calls had an effect: {}", world.synced);
    assert!(world.dropped > calls / 1000, "too few calls had an effect: {}", world.dropped);
}

impl World {
    fn new() -> Self {
        let mut dice = Dice::new();
        let disk = Disk::new();
        // Not far from the ring's end.
        let first = (65_520 + dice.below(20)) % 65_535;
        disk.put_ledger(Some(ledger(1, first as u16, first as u16, 0)));
        Self {
            dice,
            disk,
            calls: 0,
            refused: 0,
            synced: 0,
            dropped: 0,
            last_number: 0,
            drops: false,
            phase: Phase::Opening,
            payloads: BTreeMap::new(),
            next: BTreeMap::new(),
            placed: BTreeMap::new(),
            promised: BTreeSet::new(),
            acknowledged: 0,
            ever: 0,
            expected: 0,
            offered: None,
            tickets: Tickets::default(),
            most_bytes: MAX_BYTES,
            most_files: usize::MAX,
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
        let newest = self.placed.keys().next_back().map(|(_, file)| *file);
        if self.chance(3)
            && let Some(newest) = newest
            && self.is_undamaged(newest)
        {
            // A write was under way, and there are none behind damage.
            let torn = 1 + self.dice.below(300) as usize;
            let bytes = [self.disk.data_file(newest).unwrap(), torn_file([], torn)].concat();
            self.disk.put_data_file(newest, bytes);
        }
        let mut bed = Bed::opening(&self.disk, MAX_BYTES);
        // What another program has left counts too, and nothing is added to it.
        self.most_bytes = MAX_BYTES.max(bed.guard.bytes());
        let more = 2 + self.dice.below(12) as usize;
        bed.guard.allow_files(more);
        self.most_files = bed.guard.file_count() + more;
        self.drops = self.chance(2);
        if self.drops {
            bed.guard.drop_oldest();
            // Otherwise it could do so only now and then.
            bed.guard.retain_newest(self.dice.below(8));
        }
        // Ids beyond those that are known are given again.
        self.ever = self.ever.min(bed.guard.next_id().0 - 1);
        self.tickets = Tickets::default();
        self.acknowledged = 0;
        self.expected = 0;
        self.phase = Phase::Opening;
        for _ in 0..self.dice.below(12) {
            self.call(&mut bed);
        }
        // Logic that has stored no ledger where there is none has not opened the buffer.
        while bed.guard.ledger().is_none() {
            self.call(&mut bed);
        }
        let report = bed.guard.opened().unwrap();
        self.phase = Phase::Open;
        self.acknowledged = bed.guard.passed().0;
        self.expected = self.acknowledged + 1;
        self.assert_passes_nothing(self.acknowledged);
        let end = self.placed.values().map(|placed| placed.next).max().unwrap_or(1);
        assert!(report.next_id.0 >= end, "{report:?}, and ids up to {end} are there");
        self.check_facts(&mut bed);
        bed
    }

    /// One call of the guest by its host, or something that happens meanwhile.
    fn step(&mut self, bed: &mut Bed) {
        match self.dice.below(30) {
            0..=12 => self.write(bed),
            13..=18 => self.read(bed),
            19..=21 => self.call(bed),
            22..=24 => self.do_as_told(bed),
            25 => self.trap(bed),
            26 => {
                let room = bed.guard.bytes() + self.dice.below(4096);
                let capacity = self.chance(3).then_some(room);
                self.disk.set_capacity_bytes(capacity);
            }
            _ => self.run_syncs(bed),
        }
        let durable = bed.guard.durable_next();
        assert!(durable <= bed.guard.next_id());
        assert_eq!(
            bed.guard.vanished(&(RecordId(0)..durable)),
            None,
            "this disk loses nothing that it has shown"
        );
        let before = self.promised.len();
        let below = self.placed.iter().filter(|(_, placed)| placed.next <= durable.0).map(|((id, _), _)| *id);
        self.promised.extend(below);
        self.synced += (self.promised.len() - before) as u64;
        if self.chance(10) {
            self.check_facts(bed);
        }
    }

    fn run_syncs(&mut self, bed: &mut Bed) {
        if self.chance(4) {
            bed.guard.retry_syncs();
        }
        for _ in 0..self.dice.below(6) {
            if self.chance(12) {
                bed.fail_sync()
            } else {
                bed.run_sync()
            };
        }
        for ticket in bed.tickets() {
            self.tickets.ended(ticket);
        }
    }

    /// The instance is gone, wherever it was, and another one opens the buffer: after a failure, or in place of one that works.
    fn trap(&mut self, bed: &mut Bed) {
        let replaces = self.chance(2);
        if replaces {
            bed.guard.replace();
            self.phase = Phase::Replacing;
        } else {
            bed.guard.reopen();
            self.phase = Phase::Opening;
        }
        self.tickets.forget();
        let before = self.disk.data_files();
        for _ in 0..self.dice.below(6) {
            self.call(bed);
        }
        assert!(!replaces || self.disk.data_files() == before, "the former may come back to its files");
        let report = bed.guard.opened().unwrap();
        self.phase = Phase::Open;
        assert_eq!(report.first_unread.0, bed.guard.passed().0 + 1);
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

    fn record(&mut self) -> (String, NewRecord) {
        self.last_number += 1;
        let most = if self.chance(50) { 6000 } else { 200 };
        let payload = format!("{} {}", self.last_number, "x".repeat(self.dice.below(most) as usize));
        let events = u32::try_from(1 + self.dice.below(3)).unwrap().try_into().unwrap();
        (payload.clone(), NewRecord::new(payload).with_events(events))
    }

    /// The next record that has to come.
    pub(super) fn next_placed(&self) -> Option<(u64, u64)> {
        let next = self.placed.iter().find(|(_, placed)| placed.next > self.expected);
        next.map(|((id, _), placed)| (*id, placed.next))
    }

    fn read(&mut self, bed: &mut Bed) {
        let count = match self.dice.below(6) {
            0 => 0,
            1 => u32::MAX,
            _ => 1 + self.dice.below(4) as u32,
        };
        let max_bytes = if self.chance(3) { self.dice.below(500) } else { u64::MAX };
        let records = bed.guard.deliver(count, max_bytes).unwrap();
        assert!(records.len() as u64 <= u64::from(count));
        let is_empty = records.is_empty();
        for record in records {
            let (next, behind) = self.next_placed().unzip();
            assert_eq!(next, Some(record.id.0), "the next one, and none left out");
            assert_eq!(record.payload, self.payloads[&record.id.0].as_bytes());
            self.expected = behind.unwrap();
            bed.guard.come_to(record.id);
        }
        if is_empty {
            let next = self.next_placed().map(|(id, _)| id);
            assert!(count == 0 || next.is_none(), "{next:?} waits");
            assert_eq!(
                bed.guard.reached_end().unwrap().map(|id| id.0),
                next,
                "the guest does not say that it is the end"
            );
        }
        for loss in bed.guard.take_losses() {
            let lost = self.placed.keys().find(|(id, _)| loss.ids.contains(&RecordId(*id)));
            assert_eq!(lost, None, "{loss:?}, and it is there");
        }
        if self.chance(2) {
            let through = self.dice.below(self.expected + 2);
            let told = bed.guard.acknowledge(RecordId(through)).unwrap().0;
            self.acknowledged = self.acknowledged.max(through.min(self.expected - 1));
            self.ever = self.ever.max(self.acknowledged);
            if told > self.acknowledged {
                assert_eq!(told + 1, bed.guard.next_id().0);
                self.assert_passes_nothing(told);
            }
        }
    }

    /// No event up to this one waits.
    #[track_caller]
    pub(super) fn assert_passes_nothing(&self, last: u64) {
        let waits = |id: u64, next: u64| id.max(self.ever + 1) <= last.min(next - 1);
        let passed = self.placed.iter().find(|((id, _), placed)| waits(*id, placed.next));
        assert!(passed.is_none(), "{passed:?} waits, and everything up to {last} is passed");
    }

    /// What the guard tells of the files, against what is on the disk.
    fn check_facts(&mut self, bed: &mut Bed) {
        use forebay_types::SegmentPlace::{InOrder, Spare};

        let segments = bed.segments();
        let mut told: Vec<(FileId, u64)> =
            segments.iter().map(|segment| (segment.file, segment.bytes)).collect();
        told.sort_unstable();
        assert_eq!(told, self.disk.data_files());
        assert_eq!(bed.guard.bytes(), told.iter().map(|(_, bytes)| bytes).sum::<u64>());
        let in_order: Vec<_> = segments.iter().filter(|segment| segment.place == InOrder).collect();
        let front = in_order.first().map_or(file(0), |front| front.file);
        assert!(in_order.is_sorted_by(|one, other| front.steps_to(one.file) < front.steps_to(other.file)));
        assert!(segments.iter().filter(|segment| segment.place == Spare).all(|spare| spare.bytes == 0));
        let waits = self.placed.iter().filter(|(_, placed)| placed.next > self.expected.max(self.ever + 1));
        for ((id, file), _) in waits {
            let is_read = in_order.iter().any(|segment| segment.file == *file);
            assert!(
                is_read || self.placed.keys().any(|other| other.0 == *id && other.1 != *file),
                "{id} in {file}"
            );
        }
    }
}
