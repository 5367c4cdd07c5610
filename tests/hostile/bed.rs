//! A guard over a simulated disk, without a buffer: tests call what a guest calls, in any order that they like.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use forebay::{
    NewRecord, RecordId, Refusal,
    guard::{BatchId, Guard, GuardError, Placed, ReadRecord, ScanLimits, Span, SpanState},
    logic::Run,
    storage::{FileId, Ledger, SyncJob, SyncTarget, memory::Disk},
};

use crate::support::storage::file;

/// What no scan stops at.
pub const NO_LIMIT: ScanLimits =
    ScanLimits { max_spans: u32::MAX, max_records: u32::MAX, max_bytes: u64::MAX };

type Jobs = Arc<Mutex<VecDeque<(SyncTarget, SyncJob)>>>;

/// A guard, its disk, and the syncs that were asked for and have not run.
pub struct Bed {
    pub disk: Disk,
    pub guard: Guard,
    syncs: Jobs,
}

impl Bed {
    /// A guard over what is on the disk, as a guest finds it that is about to open the buffer.
    pub fn opening(disk: &Disk, max_bytes: u64) -> Self {
        let syncs = Jobs::default();
        let asked = Arc::clone(&syncs);
        let runner = Box::new(move |target, job| asked.lock().unwrap().push_back((target, job)));
        let backend = Box::new(disk.open().unwrap());
        Self { disk: disk.clone(), guard: Guard::new(backend, max_bytes, runner).unwrap(), syncs }
    }

    /// A new buffer with file 0, open.
    pub fn new() -> Self {
        let mut bed = Self::opening(&Disk::new(), 1 << 20);
        bed.guard.create_file(file(0)).unwrap();
        bed.guard.opened();
        bed
    }

    /// Runs the sync that was asked for first, and tells the guard. False if there is none.
    pub fn run_sync(&mut self) -> bool {
        self.end_sync(true)
    }

    /// The sync that was asked for first fails.
    pub fn fail_sync(&mut self) -> bool {
        self.end_sync(false)
    }

    fn end_sync(&mut self, ok: bool) -> bool {
        let Some((target, job)) = self.syncs.lock().unwrap().pop_front() else { return false };
        let is_there =
            |target| !matches!(target, SyncTarget::Data(file) if self.disk.data_file(file).is_none());
        if !ok && is_there(target) {
            self.disk.fail_sync(target, 1);
        }
        self.guard.sync_ended(target, &job());
        while self.guard.next_synced().is_some() {}
        true
    }

    /// Runs all syncs.
    pub fn run_syncs(&mut self) {
        while self.run_sync() {}
    }

    /// Asks for a sync of everything that promises rest on, and runs it.
    pub fn sync(&mut self, number: u16) {
        for target in [SyncTarget::Data(file(number)), SyncTarget::Directory, SyncTarget::Ledger] {
            self.guard.request_sync(target).unwrap();
        }
        self.run_syncs();
    }

    pub fn length(&self, number: u16) -> u64 {
        let entries = self.guard.list_files();
        entries.iter().find(|entry| entry.id == file(number)).map_or(0, |entry| entry.length)
    }

    /// Puts one record on offer and has it appended to a file.
    pub fn append(&mut self, number: u16, payload: &str) -> Result<Placed, GuardError> {
        let (at, id) = (self.length(number), self.guard.next_id());
        self.append_as(number, payload, at, id)
    }

    pub fn append_as(
        &mut self,
        number: u16,
        payload: &str,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, GuardError> {
        let (batch, _) = self.guard.offer(vec![NewRecord::new(payload.to_owned())]);
        let placed = self.guard.append(batch, 0, 1, file(number), at, id);
        self.guard.take_offer();
        placed
    }

    /// Stores the ledger with other fields.
    pub fn store(&mut self, change: impl FnOnce(&mut Ledger)) -> Result<(), GuardError> {
        let mut ledger = self.guard.ledger().unwrap();
        ledger.writer_next_record = self.guard.next_id();
        change(&mut ledger);
        self.guard.store_ledger(ledger)
    }

    /// Reads a file from its start, and delivers what is whole.
    pub fn deliver(&mut self, number: u16) -> Option<Vec<ReadRecord>> {
        self.guard.start_reading();
        let runs = self.runs(number);
        self.guard.collect(&runs)
    }

    /// What a scan of a file from its start finds whole.
    pub fn runs(&mut self, number: u16) -> Vec<Run> {
        let scanned = self.guard.scan(file(number), 0, NO_LIMIT).unwrap();
        let whole = scanned.spans.iter().filter(|span| span.state == SpanState::Whole);
        whole.map(|span| run_of(file(number), span)).collect()
    }

    /// Reads a file, and has the consumer acknowledge up to an id.
    pub fn consume(&mut self, number: u16, through: u64) {
        self.deliver(number).unwrap();
        self.acknowledge(through);
    }

    /// The consumer is done with all up to an id, and the ledger passes it.
    pub fn acknowledge(&mut self, through: u64) {
        self.guard.acknowledged(RecordId(through));
        self.store(|ledger| ledger.reader_last_record = RecordId(through)).unwrap();
    }
}

/// The run that names all of a span.
pub fn run_of(file: FileId, span: &Span) -> Run {
    let Span { offset, bytes, first_id, next_id, records, .. } = *span;
    Run { file, offset, bytes, first_id, next_id, records }
}

/// The rule that a call broke.
#[track_caller]
pub fn refused<T>(result: Result<T, GuardError>) -> Refusal {
    match result {
        Err(GuardError::Refused(refusal)) => refusal,
        Err(GuardError::Conflict) => Refusal::Conflict,
        Err(GuardError::Storage(error)) => panic!("the storage failed: {error}"),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was carried out"),
    }
}

/// Whole records of these ids, and behind them an unfinished one.
pub fn torn_file(ids: impl IntoIterator<Item = u64>, torn_bytes: usize) -> Vec<u8> {
    let mut bytes = crate::support::storage::data_file(ids);
    let mut frame = Vec::new();
    let payload = vec![b'x'; torn_bytes * 2];
    forebay_frame::encode(&mut frame, RecordId(1_000_000), 0, std::num::NonZeroU32::MIN, &payload);
    bytes.extend(&frame[..torn_bytes]);
    bytes
}

/// A batch of which nothing is on offer.
pub const NO_BATCH: BatchId = BatchId(0);

/// All file numbers that fit into `u16`.
pub fn every_file() -> impl Iterator<Item = FileId> {
    (0..u16::MAX).filter_map(FileId::new)
}

/// Takes the ids.
pub fn ids(records: Vec<ReadRecord>) -> Vec<u64> {
    records.into_iter().map(|record| record.id.0).collect()
}
