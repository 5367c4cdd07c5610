//! How a buffer is opened, and how a life of it ends.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use forebay::{Buffer, CloseError, Durability, OpenReport, RecordId};
use forebay_frame::{Fences, FileMap, Stretch};

use super::Bench;
use crate::model::{
    action::{Action, End, Sizes},
    log::Log,
    reference::{Entry, State},
};

impl Bench {
    pub(super) fn open(&mut self) {
        self.life += 1;
        let backend = self.disk.open().unwrap();
        let options = self.sizes.options();
        self.buffer = Some(self.runs.open_in(&self.simulation, backend, options).unwrap());
        self.reference.max_unacknowledged = options.max_unacknowledged_records;
        self.reference.begin();
        (self.has_ended, self.dropped) = (false, 0);
        let status = self.buffer().status().unwrap();
        (self.bytes_max, self.events_max) = (status.bytes, status.occupancy.events);
        let report = *self.buffer().open_report();
        self.log.note(|| format!("{report:?}"));
    }

    pub(super) fn reopen(&mut self, end: End, sizes: Sizes) {
        self.waiting = None;
        let buffer = self.buffer.take().unwrap();
        match end {
            End::Closed => self.close(buffer),
            // What it still does when it is dropped has no effect any more.
            End::Killed => {
                self.disk.kill();
                drop(buffer);
            }
            End::PowerLost(luck) => {
                self.disk.power_loss_with(luck);
                drop(buffer);
            }
        }
        // A buffer with async callers is closed by a job. It belongs to the life that has ended.
        self.simulation.run_jobs();
        self.backlog.clear();
        self.unsynced.clear();
        self.sizes = sizes;
        let is_power_lost = matches!(end, End::PowerLost(_));
        self.power_losses += u32::from(is_power_lost);
        if is_power_lost {
            self.see_what_is_left();
            self.damaged_bytes = self.damaged_bytes();
        }
        self.open();
        let report = *self.buffer().open_report();
        assert_eq!(report.next_id.0, self.reference.next_id, "{report:?}");
        if !is_power_lost {
            // What an earlier power loss has taken may be passed over now: nothing else is left before it.
            self.pass_lost(report.first_unread.0 - 1);
        }
        assert_eq!(report.first_unread.0, self.reference.acknowledged + 1, "{report:?}");
    }

    /// Closing places nothing more, answers everybody, and makes everything durable.
    pub(super) fn close(&mut self, buffer: Buffer) {
        buffer.end_writing();
        self.has_ended = true;
        self.buffer = Some(buffer);
        self.compare();
        self.waiting = None;
        let closed = self.buffer.take().unwrap().close();
        self.see_answers();
        assert!(self.unsynced.is_empty(), "closing answers everybody");
        if let Err(error) = closed {
            // There was no room to rewrite what a failed sync was of.
            assert!(
                matches!(error, CloseError::SyncFailed) && self.has_failed && self.is_room_limited,
                "{error}"
            );
            return;
        }
        self.reference.queue.iter_mut().for_each(|entry| entry.is_promised = true);
        self.history =
            self.reference.queue.iter().map(|entry| (entry.id, (entry.number, entry.events))).collect();
    }

    /// After a power loss: looks, without taking anything. What was promised must be there, and nothing else than what was
    /// written once.
    pub(super) fn see_what_is_left(&mut self) {
        self.note_what_is_done();
        let found = self.open_and_die(|_, _| {});
        let mut queue = VecDeque::new();
        let again = self.open_and_die(|bench, peek| queue = bench.peek(peek));
        assert_eq!(again, found, "opening is repeatable");
        assert!(queue.iter().is_sorted_by(|one, next| one.last() < next.id), "out of order: {queue:?}");
        for promised in self.reference.queue.iter().filter(|entry| entry.is_promised) {
            let is_it = |entry: &Entry| (entry.id, entry.events) == (promised.id, promised.events);
            let is_there = queue.iter().any(is_it);
            assert!(is_there, "{promised:?} was answered as synced, and is not among {queue:?}");
        }
        self.history = queue.iter().map(|entry| (entry.id, (entry.number, entry.events))).collect();
        self.reference.queue = queue;
        // Looking has changed nothing.
        assert_eq!(self.open_and_die(|_, _| {}), found, "opening is repeatable");
        (self.reference.acknowledged, self.reference.next_id) = (found.first_unread.0 - 1, found.next_id.0);
    }

    /// A record that was done with may be there again, and may go once more: the guard does not believe a ledger that has
    /// passed more than is in the files, and the disk may still have it when the power goes again.
    fn note_what_is_done(&mut self) {
        let waits = |entry: &&Entry| entry.state != State::Acknowledged;
        let waiting: HashSet<u64> =
            self.reference.queue.iter().filter(waits).map(|entry| entry.number).collect();
        let written = self.history.values().map(|(number, _)| *number);
        self.done.extend(written.filter(|number| !waiting.contains(number)));
    }

    /// What is in the data files, is not acknowledged, and is none of the records that wait.
    fn damaged_bytes(&self) -> u64 {
        let files = self.disk.data_files();
        let is_done = |last: u64| last <= self.reference.acknowledged;
        let done = files.iter().map(|(file, _)| whole_bytes(&self.disk.data_file(*file).unwrap(), is_done));
        let waiting = self.reference.queue.iter().map(|entry| self.frame_bytes(entry.number));
        files.iter().map(|(_, length)| length).sum::<u64>() - done.chain(waiting).sum::<u64>()
    }

    /// A life in which records are only looked at, and what its opening has found. It ends before any sync has.
    fn open_and_die(&self, look: impl FnOnce(&Self, &Buffer)) -> OpenReport {
        let mut options = self.sizes.options();
        options.peek = true;
        let buffer = self.runs.open_in(&self.simulation, self.disk.open().unwrap(), options).unwrap();
        look(self, &buffer);
        let mut report = *buffer.open_report();
        // What was cut, and what the ledger has passed, is told the first time.
        (report.cut_bytes, report.lost_events) = (0, 0);
        self.disk.kill();
        report
    }

    fn peek(&self, buffer: &Buffer) -> VecDeque<Entry> {
        let mut queue = VecDeque::new();
        loop {
            let records = buffer.reader().try_next_batch(100).unwrap();
            if records.is_empty() {
                return queue;
            }
            for record in records {
                let id = record.id().0;
                let (number, mut events) = *self.history.get(&id).expect("it was written");
                if record.events().get() == 1 && self.is_damaged(id) {
                    // The end of its frame is missing, which says how many they are.
                    events = 1;
                }
                let (state, deliveries, is_promised) = (State::Unread, 0, !self.done.contains(&number));
                let entry = Entry { id, events, number, state, deliveries, is_promised };
                self.check_content(&record, entry);
                queue.push_back(entry);
            }
        }
    }

    /// Whether no file holds the frame of a record as it was written.
    fn is_damaged(&self, record: u64) -> bool {
        let files = self.disk.data_files().into_iter().map(|(file, _)| self.disk.data_file(file).unwrap());
        let is_at = |file: &[u8], offset: usize| {
            forebay_frame::decode(&file[offset..]).is_ok_and(|frame| frame.id.0 == record)
        };
        !files.into_iter().any(|file| (0..file.len()).step_by(8).any(|offset| is_at(&file, offset)))
    }

    /// Everything that was asked for happens, and the clock goes on.
    pub(super) fn come_to_rest(&mut self) {
        for _ in 0..4 {
            while self.simulation.run_sync(0) {}
            self.simulation.advance(Duration::from_secs(3));
        }
        while self.simulation.run_sync(0) {}
        self.compare();
        assert!(self.unsynced.is_empty(), "all syncs have ended, and a writer waits");
        let status = self.buffer().status().unwrap();
        assert!(!status.sync_failed, "a failed sync is made up for: {status:?}");
    }

    /// Once there is room and a consumer, everything reaches its end, and the buffer is as good as new.
    pub fn end(mut self) -> (Log, Vec<Vec<u8>>) {
        self.take(&Action::Room(None));
        for round in 0.. {
            self.come_to_rest();
            if self.backlog.is_empty() && self.reference.queue.is_empty() {
                break;
            }
            assert!(round < 1000, "it stalls: {:?}", self.reference.queue);
            self.waiting = None;
            self.take(&Action::Read(1000));
            let last = self.reference.next_id - 1;
            self.buffer().reader().ack_through(RecordId(last));
            self.reference.acknowledge_through(last);
            self.compare();
        }
        let status = self.buffer().status().unwrap();
        assert_eq!((status.occupancy.events, status.unacknowledged_bytes), (0, 0), "{status:?}");
        assert!(self.simulation.timers().is_empty(), "an idle buffer rests: {:?}", self.simulation);
        if !self.has_ended {
            self.write_into_empty();
        }
        let buffer = self.buffer.take().unwrap();
        self.close(buffer);
        self.open();
        assert_eq!(
            self.buffer().open_report().events,
            self.reference.queue.iter().map(|entry| entry.events).sum::<u64>()
        );
        let files = self.disk.data_files().into_iter().map(|(file, _)| self.disk.data_file(file).unwrap());
        let files = files.collect();
        (self.log, files)
    }

    /// An empty buffer takes a record, also where it rejects: at the latest when the files have gone that take up its room.
    pub(super) fn write_into_empty(&mut self) {
        for _ in 0..5 {
            let before = self.reference.next_id;
            self.take(&Action::Write(vec![(1, 100)], Some(Durability::Written)));
            self.come_to_rest();
            if self.reference.next_id > before {
                return;
            }
        }
        panic!(
            "nothing is in the buffer, and it takes nothing: {:?}, {:?}, {:?}",
            self.disk.data_files(),
            self.disk.ledger(),
            self.buffer().status()
        );
    }
}

/// How long the whole frames of a file are together whose last event is counted.
fn whole_bytes(file: &[u8], is_counted: impl Fn(u64) -> bool) -> u64 {
    whole(file).iter().filter(|frame| is_counted(frame.next_id - 1)).map(|frame| frame.bytes).sum()
}

/// A whole frame of a data file.
struct Whole {
    next_id: u64,
    bytes: u64,
}

fn whole(file: &[u8]) -> Vec<Whole> {
    let map = FileMap::of(&mut &file[..], Fences::default()).unwrap();
    let mut whole = Vec::new();
    for stretch in map.stretches() {
        let start = usize::try_from(stretch.offset()).unwrap();
        let mut rest = &file[start..start + usize::try_from(stretch.bytes()).unwrap()];
        match stretch {
            Stretch::Run { .. } => {
                while !rest.is_empty() {
                    let frame = forebay_frame::decode(rest).unwrap();
                    let (next_id, bytes) = (frame.next_id().0, frame.bytes);
                    whole.push(Whole { next_id, bytes });
                    rest = &rest[usize::try_from(bytes).unwrap()..];
                }
            }
            Stretch::Undelimited { bytes, next_id, .. } => {
                whole.push(Whole { next_id: next_id.0, bytes: *bytes });
            }
            _ => {}
        }
    }
    whole
}
