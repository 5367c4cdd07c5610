//! A buffer on a test disk, with the part of the host that drives it: it offers batches, delivers, and ends the syncs.

use std::collections::BTreeSet;

use forebay_logic::{
    BatchId, Buffer, BufferError, FileId, Logic as _, Options, RecordId, WhenFull, WriteOutcome,
};

use super::{Disk, PowerLoss};

/// Room for much, in files of 1,000 bytes; a tick every 500 ms.
pub(crate) const OPTIONS: Options = Options {
    max_bytes: 1 << 40,
    file_bytes: 1_000,
    max_events: 0,
    when_full: WhenFull::Block,
    takes_over: false,
    sync_interval_ms: 500,
    now_ns: 0,
    more: Vec::new(),
};

pub(crate) const TICK: u64 = 500_000_000;

pub(crate) struct Bed {
    pub(crate) disk: Disk,
    pub(crate) buffer: Buffer,
    pub(crate) options: Options,
    pub(crate) batch: u64,
    pub(crate) now: u64,
}

/// `count` records of one event and this many bytes.
pub(crate) fn records(count: usize, bytes: u64) -> Vec<u64> {
    vec![record(1, bytes); count]
}

pub(crate) fn record(events: u64, bytes: u64) -> u64 {
    (events << 32) | bytes
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::on(Disk::default(), OPTIONS)
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::on(Disk::default(), options)
    }

    pub(crate) fn on(mut disk: Disk, options: Options) -> Self {
        disk.lock(options.when_full == WhenFull::DropOldest, options.max_bytes);
        let buffer = Buffer::open(&mut disk, &options).unwrap();
        Self { disk, buffer, options, batch: 0, now: 0 }.opened()
    }

    /// The process dies, and another one opens the buffer.
    pub(crate) fn killed(self) -> Self {
        Self::on(self.disk, self.options)
    }

    /// The power fails, and the buffer is opened again.
    pub(crate) fn power_lost(mut self, outcome: &mut impl PowerLoss) -> Self {
        self.disk.power_loss(outcome);
        Self::on(self.disk, self.options)
    }

    /// Another component takes over, under the same lock.
    pub(crate) fn taken_over(mut self) -> Self {
        (self.disk.host.replaces, self.disk.host.has_opened) = (true, false);
        let options = Options { takes_over: true, now_ns: self.now, ..self.options.clone() };
        self.buffer = Buffer::open(&mut self.disk, &options).unwrap();
        self.opened()
    }

    fn opened(mut self) -> Self {
        self.disk.host.has_opened = true;
        assert_eq!(self.figure(1), self.disk.bytes());
        if self.disk.host.replaces {
            let through = RecordId(self.disk.host.acknowledged);
            self.buffer.acknowledge(&mut self.disk, through).unwrap();
        }
        self.pass_lost();
        self
    }

    /// What waits is lost, if no whole record follows: the host says so.
    fn pass_lost(&mut self) {
        let host = &self.disk.host;
        let (first_unread, last) = (host.acknowledged + 1, host.next_id - 1);
        if first_unread <= last && self.disk.readable(first_unread).is_empty() {
            self.disk.host.acknowledged = last;
            self.buffer.acknowledge(&mut self.disk, RecordId(last)).unwrap();
        }
    }

    pub(crate) fn try_write(&mut self, sizes: &[u64]) -> Result<WriteOutcome, BufferError> {
        self.batch += 1;
        let batch = BatchId(self.batch);
        self.disk.host.offer = Some((batch, sizes.to_vec(), 0));
        let outcome = self.buffer.write(&mut self.disk, batch, sizes);
        let (_, _, placed) = self.disk.host.offer.take().unwrap();
        if let Ok(outcome) = outcome {
            assert_eq!(outcome.accepted as usize, placed, "the outcome is not what was placed");
        }
        if !self.disk.host.has_vanished {
            assert_eq!(self.figure(1), self.disk.bytes(), "the logic has another sum of bytes");
        }
        self.pass_lost();
        outcome
    }

    /// Writes; answers how many were accepted.
    pub(crate) fn write(&mut self, sizes: &[u64]) -> u32 {
        self.try_write(sizes).unwrap().accepted
    }

    /// Delivers what there is; gives the records' ids and events.
    pub(crate) fn read(&mut self, max_records: u32, max_bytes: u64) -> Vec<(u64, u64)> {
        let allowed = self.buffer.read(&mut self.disk, max_records, max_bytes).unwrap();
        assert!(allowed <= max_records, "more than was asked for");
        let mut given = Vec::new();
        let mut given_bytes = 0;
        while given.len() < allowed as usize {
            let Some((bytes, id, events)) = self.next_record() else { break };
            if !given.is_empty() && given_bytes + bytes > max_bytes {
                break;
            }
            given_bytes += bytes;
            given.push((id, events));
            self.disk.host.next_delivered = id + events;
        }
        given
    }

    /// Moves the cursor to the next record that was not delivered.
    fn next_record(&mut self) -> Option<(u64, u64, u64)> {
        let (file, mut frame) = self.disk.host.cursor;
        let mut index = file.and_then(|file| self.disk.position(file)).unwrap_or_else(|| {
            // What it stood in has left.
            frame = 0;
            0
        });
        let disk = &mut self.disk;
        let host = &mut disk.host;
        loop {
            let entry = host.order.get(index)?;
            let is_there = disk.names.get(&entry.file.get()) == Some(&entry.inode);
            if !is_there && index + 1 < host.order.len() {
                host.order.remove(index);
                frame = 0;
                continue;
            }
            host.cursor = (Some(entry.file), frame);
            let frames = &disk.inodes[entry.inode].frames;
            if let Some(found) = frames.get(frame) {
                match found.record {
                    Some((id, events)) if id + events > host.next_delivered => {
                        return Some((found.bytes, id, events));
                    }
                    _ => frame += 1,
                }
            } else if index + 1 < host.order.len() {
                disk.inodes[entry.inode].is_walked = true;
                (index, frame) = (index + 1, 0);
            } else {
                return None;
            }
        }
    }

    /// Delivers to the end; gives the ids of the events.
    pub(crate) fn read_all(&mut self) -> Vec<u64> {
        let mut ids = Vec::new();
        loop {
            let read = self.read(64, 1 << 20);
            if read.is_empty() {
                return ids;
            }
            ids.extend(read.iter().flat_map(|(id, events)| *id..id + events));
        }
    }

    /// The consumer acknowledges. The host passes on what was delivered, and what is lost behind it.
    pub(crate) fn acknowledge(&mut self, through: u64) {
        let host = &mut self.disk.host;
        let through = through.min(host.next_delivered - 1).max(host.acknowledged);
        host.acknowledged = through;
        self.buffer.acknowledge(&mut self.disk, RecordId(through)).unwrap();
        self.pass_lost();
    }

    /// The oldest sync ends. Answers whether there was one.
    pub(crate) fn end_sync(&mut self) -> bool {
        let ticket = self.disk.end_sync();
        if let Some(ticket) = ticket {
            self.buffer.synced(&mut self.disk, ticket).unwrap();
        }
        ticket.is_some()
    }

    /// Syncs end until none is under way.
    pub(crate) fn end_syncs(&mut self) {
        while self.end_sync() {}
    }

    pub(crate) fn flush(&mut self) {
        self.buffer.flush(&mut self.disk).unwrap();
    }

    /// One interval passes. Answers whether another tick is wanted, and when.
    pub(crate) fn tick(&mut self) -> Option<u64> {
        self.now += TICK;
        let next = self.buffer.tick(&mut self.disk, self.now).unwrap();
        (next != u64::MAX).then(|| next - self.now)
    }

    pub(crate) fn figure(&self, number: u16) -> u64 {
        self.buffer.status().iter().find(|(figure, _)| *figure == number).unwrap().1
    }

    /// Whether a power loss now would lose nothing that waits to be acknowledged, and find a ledger that names all of it.
    pub(crate) fn all_durable(&self) -> bool {
        let mut after = self.disk.clone();
        after.power_loss(&mut super::NothingSurvives);
        let kept: BTreeSet<_> = after.records().map(|(file, id, _)| (file, id)).collect();
        let ledger = self.disk.durable_ledger.unwrap();
        let steps = |file| ledger.reader_data_file.steps_to(file);
        let is_named = |file| steps(FileId::new(file).unwrap()) <= steps(ledger.writer_data_file);
        let unread = self.disk.readable(self.disk.host.acknowledged + 1);
        unread.iter().all(|(file, id, _)| kept.contains(&(*file, *id)) && is_named(*file))
    }

    /// The stored ledger: next id, writer's file, reader's file, last acknowledged.
    pub(crate) fn ledger(&self) -> (u64, u16, u16, u64) {
        let ledger = self.disk.ledger.unwrap();
        (
            ledger.writer_next_record.0,
            ledger.writer_data_file.get(),
            ledger.reader_data_file.get(),
            ledger.reader_last_record.0,
        )
    }

    /// How many events were dropped that were there, by the host's account.
    pub(crate) fn dropped(&self) -> u64 {
        self.disk.host.dropped_events
    }
}
