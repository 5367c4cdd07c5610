//! A buffer on a test disk, with the host's part played by the bed: it offers batches, hands over what is read, and ends
//! the syncs.

use forebay_logic::{
    BatchId, Buffer, BufferError, FileId, Logic as _, OpenReport, Options, RecordId, Run, WhenFull,
    WriteOutcome,
};

use super::{Disk, Luck};

/// Room for much, in files of 1,000 bytes; a tick every 500 ms.
pub(crate) const OPTIONS: Options = Options {
    max_bytes: 1 << 40,
    file_bytes: 1_000,
    max_events: 0,
    when_full: WhenFull::Block,
    resume_after: None,
    sync_interval_ms: 500,
    now_ns: 0,
};

pub(crate) const TICK: u64 = 500_000_000;

pub(crate) struct Bed {
    pub(crate) disk: Disk,
    pub(crate) buffer: Buffer,
    pub(crate) report: OpenReport,
    pub(crate) options: Options,
    batch: u64,
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
        disk.kill();
        disk.drops_oldest = options.when_full == WhenFull::DropOldest;
        disk.max_bytes = options.max_bytes;
        let (buffer, report) = Buffer::open(&mut disk, &options).unwrap();
        disk.next_id = Some(report.next_id.0);
        disk.acknowledged = report.first_unread.0 - 1;
        assert_eq!(report.bytes, disk.bytes());
        Self { disk, buffer, report, options, batch: 0, now: 0 }
    }

    /// The process dies, and another one opens the buffer.
    pub(crate) fn killed(self) -> Self {
        Self::on(self.disk, self.options)
    }

    /// The power fails, and the buffer is opened again.
    pub(crate) fn power_lost(mut self, luck: &mut impl Luck) -> Self {
        self.disk.power_loss(luck);
        Self::on(self.disk, self.options)
    }

    pub(crate) fn try_write(&mut self, sizes: &[u64]) -> Result<WriteOutcome, BufferError> {
        self.batch += 1;
        let batch = BatchId(self.batch);
        self.disk.offer(batch, sizes);
        let outcome = self.buffer.write(&mut self.disk, batch, sizes);
        let placed = self.disk.withdraw();
        let dropped = std::mem::take(&mut self.disk.dropped);
        if let Ok(outcome) = outcome {
            assert_eq!(outcome.dropped_events, dropped, "another number is said to be dropped");
            assert_eq!(outcome.accepted as usize, placed, "the outcome is not what was placed");
        }
        assert_eq!(self.figure(1), self.disk.bytes(), "the logic has another sum of bytes");
        outcome
    }

    /// Writes; answers how many were accepted.
    pub(crate) fn write(&mut self, sizes: &[u64]) -> u32 {
        self.try_write(sizes).unwrap().accepted
    }

    /// Reads what there is, each run checked against the disk; gives the records' ids and events.
    pub(crate) fn read(&mut self, max_records: u32, max_bytes: u64) -> Vec<(u64, u64)> {
        let runs = self.buffer.read(&mut self.disk, max_records, max_bytes).unwrap();
        runs.iter().flat_map(|run| self.hand_over(run)).collect()
    }

    fn hand_over(&self, run: &Run) -> Vec<(u64, u64)> {
        let mut offset = 0;
        let mut given = Vec::new();
        for frame in &self.disk.file(run.file.get()).frames {
            if offset >= run.offset && offset < run.offset + run.bytes {
                given.push(frame.record.expect("a run holds damage"));
            }
            offset += frame.bytes;
            assert!(
                offset <= run.offset || offset - frame.bytes >= run.offset,
                "a run starts inside a frame"
            );
        }
        assert!(!given.is_empty());
        assert_eq!(given.len(), run.records as usize);
        assert_eq!(given[0].0, run.first_id.0);
        assert_eq!(
            given.iter().fold(run.first_id.0, |id, record| {
                assert_eq!(id, record.0);
                id + record.1
            }),
            run.next_id.0
        );
        given
    }

    /// Reads to the end; gives the ids of the events.
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

    pub(crate) fn acknowledge(&mut self, through: u64) {
        self.disk.acknowledged = self.disk.acknowledged.max(through);
        self.buffer.acknowledge(&mut self.disk, RecordId(through)).unwrap();
    }

    /// All syncs under way end well, and those that are asked for meanwhile.
    pub(crate) fn end_syncs(&mut self) {
        while self.end_sync(true) {}
    }

    pub(crate) fn end_sync(&mut self, ok: bool) -> bool {
        let ok = ok && self.disk.has_room_for_next();
        let tickets = if ok { self.disk.end_sync().into_iter().collect() } else { self.disk.fail_syncs() };
        for ticket in &tickets {
            self.buffer.synced(&mut self.disk, *ticket, ok).unwrap();
        }
        !tickets.is_empty()
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

    /// Whether a power loss now would lose nothing that is not acknowledged, and the ledger would be found as it is.
    pub(crate) fn all_durable(&self) -> bool {
        let mut after = self.disk.clone();
        after.power_loss(&mut super::NoLuck);
        let mut kept: Vec<_> = after.records().map(|(_, id, _)| id).collect();
        kept.sort_unstable();
        let ledger = self.disk.durable_ledger.unwrap();
        let steps = |file| ledger.reader_data_file.steps_to(file);
        let named = |file| steps(FileId::new(file).unwrap()) <= steps(ledger.writer_data_file);
        let newest = self.disk.records().max_by_key(|(_, id, _)| *id);
        self.disk.records().all(|(_, id, _)| id <= self.disk.acknowledged || kept.binary_search(&id).is_ok())
            && newest.is_none_or(|(file, _, _)| named(file))
    }

    pub(crate) fn ledger(&self) -> (u64, u16, u16, u64) {
        let ledger = self.disk.ledger.unwrap();
        (
            ledger.writer_next_record.0,
            ledger.writer_data_file.get(),
            ledger.reader_data_file.get(),
            ledger.reader_last_record.0,
        )
    }
}
