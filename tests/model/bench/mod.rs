//! A buffer in a simulation beside the reference: every action is done to both, and compared.

mod lives;
mod reading;
mod writing;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use forebay::{Buffer, NewRecord, Record, Simulation, WhenFull, storage::memory::Disk};

use self::{reading::Waiting, writing::Write};
use super::{
    action::{Action, Sizes},
    log::Log,
    reference::{Reference, State},
};
use crate::support::Runs;

pub struct Bench {
    runs: Runs,
    sizes: Sizes,
    disk: Disk,
    simulation: Simulation,
    /// `None` only while it is being opened.
    buffer: Option<Buffer>,
    reference: Reference,
    /// Those whose records are not all placed, in the order of their turn.
    backlog: VecDeque<Write>,
    /// Those whose records are all placed, or handed back, and who wait for a sync.
    unsynced: Vec<Write>,
    waiting: Option<Waiting>,
    /// What consumers hold, from earlier lives too.
    held: Vec<(u64, Record)>,
    life: u64,
    /// Every record that a power loss may bring back.
    history: HashMap<u64, (u64, u64)>,
    /// The numbers of records that were acknowledged, dropped or lost before a power loss.
    done: HashSet<u64>,
    sizes_of: Vec<(u32, usize)>,
    has_ended: bool,
    /// A sync has failed.
    has_failed: bool,
    /// How often the power was lost: ids may have been given twice, and what had gone through may come again.
    power_losses: u32,
    is_room_limited: bool,
    /// How much of the data files was no record that waited, nor one that was done with, after the last power loss.
    damaged_bytes: u64,
    dropped: u64,
    /// Bytes and events were more than allowed when the buffer was opened, and are no more than this since.
    bytes_max: u64,
    events_max: u64,
    log: Log,
}

impl Bench {
    pub fn new(runs: Runs, sizes: Sizes, log: Log) -> Self {
        let reference = Reference { next_id: 1, ..Reference::default() };
        let mut bench = Self {
            runs,
            sizes,
            disk: Disk::new(),
            simulation: Simulation::new(),
            buffer: None,
            reference,
            backlog: VecDeque::new(),
            unsynced: Vec::new(),
            waiting: None,
            held: Vec::new(),
            life: 0,
            history: HashMap::new(),
            done: HashSet::new(),
            sizes_of: Vec::new(),
            has_ended: false,
            has_failed: false,
            power_losses: 0,
            is_room_limited: false,
            damaged_bytes: 0,
            dropped: 0,
            bytes_max: 0,
            events_max: 0,
            log,
        };
        bench.open();
        bench
    }

    pub fn take(&mut self, action: &Action) {
        match action {
            Action::Write(records, durability) => self.write(records, *durability),
            Action::Read(max) => self.read(*max),
            Action::Ack(place) => {
                if let Some((record, is_current)) = self.handle(*place) {
                    record.ack();
                    if is_current {
                        let (id, deliveries) = (record.id().0, record.deliveries().get());
                        self.reference.settle(id, deliveries, State::Acknowledged);
                    }
                }
            }
            Action::AckThrough(place) => {
                if let Some((record, _)) = self.handle(*place) {
                    self.buffer().reader().ack_through(record.id());
                    self.reference.acknowledge_through(record.id().0);
                }
            }
            Action::Nack(place, delay_ms) => {
                if let Some((record, is_current)) = self.handle(*place) {
                    record.nack_after(Duration::from_millis(*delay_ms));
                    if is_current {
                        let due_ns = self.simulation.now_ns() + delay_ms * 1_000_000;
                        let (id, deliveries) = (record.id().0, record.deliveries().get());
                        self.reference.settle(id, deliveries, State::GivenBack(due_ns));
                    }
                }
            }
            Action::Advance(ms) => self.simulation.advance(Duration::from_millis(*ms)),
            Action::Sync(place) => {
                let syncs = self.simulation.syncs().len();
                if syncs > 0 {
                    self.simulation.run_sync(place % syncs);
                }
            }
            Action::FailSync(place) => {
                let syncs = self.simulation.syncs();
                if let Some(place) = place.checked_rem(syncs.len()) {
                    self.has_failed = true;
                    self.disk.fail_sync(syncs[place], 1);
                    self.simulation.run_sync(place);
                }
            }
            Action::Room(room) => {
                self.is_room_limited = room.is_some();
                let used: u64 = self.disk.data_files().iter().map(|(_, bytes)| bytes).sum();
                self.disk.set_capacity_bytes(room.map(|room| used + room));
            }
            Action::EndWriting => {
                self.buffer().end_writing();
                self.has_ended = true;
            }
            Action::Reopen(end, sizes) => self.reopen(*end, *sizes),
        }
        self.compare();
    }

    fn buffer(&self) -> &Buffer {
        self.buffer.as_ref().unwrap()
    }

    /// A record that a consumer holds, and whether it is of this life.
    fn handle(&self, place: usize) -> Option<(Record, bool)> {
        let (life, record) = self.held.get(place.checked_rem(self.held.len())?)?;
        Some((record.clone(), *life == self.life))
    }

    /// What the buffer says must be what the reference says.
    fn compare(&mut self) {
        self.see_what_was_placed();
        self.see_what_was_dropped();
        self.see_answers();
        self.go_on_reading();

        let status = self.buffer().status().unwrap();
        self.log.note(|| format!("{status:?}"));
        // A reader that finds nothing left passes what is lost.
        self.pass_lost(status.acknowledged.0);
        let reference = &self.reference;
        assert_eq!(status.next_id.0, reference.next_id);
        assert_eq!(status.acknowledged.0, reference.acknowledged, "{:?}", reference.queue);
        assert_eq!(status.unacknowledged_records, reference.unacknowledged());
        let waits: usize = self.backlog.iter().map(|write| write.records.len() - write.placed.len()).sum();
        assert_eq!(status.waiting_records, waits);
        assert_eq!((status.refused_calls, status.restarts, status.stopped.as_deref()), (0, 0, None));

        let options = self.sizes.options();
        let bytes: u64 = self.disk.data_files().iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(status.bytes, bytes);
        assert!(bytes <= self.bytes_max.max(options.max_bytes), "{bytes} bytes are too many");
        self.bytes_max = self.bytes_max.min(bytes);
        let events = reference.next_id - reference.acknowledged - 1;
        assert!(options.max_events == 0 || events <= self.events_max.max(options.max_events));
        self.events_max = self.events_max.min(events);
        let waiting = self.reference.queue.iter().map(|entry| self.frame_bytes(entry.number)).sum();
        assert_eq!(status.occupancy.events, events);
        if self.power_losses == 0 {
            let usage = status.usage_lifetime;
            let counted =
                [usage.received, usage.sent.plus(usage.dropped), usage.lost].map(|amount| amount.events);
            assert_eq!(counted, [reference.next_id - 1, reference.acknowledged, 0], "{usage:?}");
        }
        // What was damaged by a failed sync and a power loss counts until it is passed over.
        let bytes = waiting..=waiting + self.damaged_bytes;
        assert!(bytes.contains(&status.occupancy.bytes), "{}, not {bytes:?}", status.occupancy.bytes);
    }

    /// How long the frame of a record is.
    fn frame_bytes(&self, number: u64) -> u64 {
        let (_, bytes) = self.sizes_of[usize::try_from(number).unwrap()];
        NewRecord::new(payload(number, bytes)).frame_bytes()
    }

    /// Which records found room is the buffer's to say; that they come in their order is not.
    fn see_what_was_placed(&mut self) {
        let next_id = self.buffer().status().unwrap().next_id.0;
        while self.reference.next_id < next_id {
            let write = self.backlog.front_mut().expect("what is in the buffer was written");
            let number = write.first_number + write.placed.len() as u64;
            let events = u64::from(write.records[write.placed.len()].0);
            let id = self.reference.place(number, events);
            self.history.insert(id, (number, events));
            write.placed.push(id);
            if write.is_placed() {
                let write = self.backlog.pop_front().unwrap();
                self.unsynced.push(write);
            }
        }
        if self.sizes.when_full == WhenFull::Reject || self.has_ended {
            self.unsynced.extend(self.backlog.drain(..));
        }
    }

    fn see_what_was_dropped(&mut self) {
        let status = self.buffer().status().unwrap();
        let dropped = status.usage_since_open.dropped.events;
        let newly = dropped - std::mem::replace(&mut self.dropped, dropped);
        if newly > 0 {
            assert_eq!(self.sizes.when_full, WhenFull::DropOldest);
            let (least, most) = self.reference.drop_through(status.acknowledged.0);
            assert!(
                (least..=most).contains(&newly),
                "{newly} events were dropped, {least} to {most} are gone"
            );
        }
        self.pass_lost(status.acknowledged.0);
    }

    /// What a power loss has taken is passed over with what comes before it, or behind it, or by opening.
    pub(super) fn pass_lost(&mut self, acknowledged: u64) {
        let first = self.reference.queue.front().map_or(self.reference.next_id, |entry| entry.id);
        if (self.reference.acknowledged..first).contains(&acknowledged) {
            self.reference.acknowledged = acknowledged;
        }
    }
}

/// The payload of a record: its number and so many bytes that follow from it.
fn payload(number: u64, bytes: usize) -> Vec<u8> {
    let fill = u8::try_from(number % 251).unwrap();
    number.to_le_bytes().into_iter().chain(std::iter::repeat_n(fill, bytes)).collect()
}
