//! A guard over a simulated disk, without a buffer: tests call what a guest calls, in any order that they like.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use forebay::{
    NewRecord, RecordId, Refusal,
    guard::{BatchId, Guard, GuardError, ReadRecord, Ticket},
    storage::{FileId, Ledger, SyncJob, SyncTarget, memory::Disk},
};
use forebay_core::clock::StoppedClock;
use forebay_types::{Placed, Segment, SyncTarget as Requested};

use crate::support::storage::file;

type Jobs = Arc<Mutex<VecDeque<(SyncTarget, SyncJob)>>>;

/// A guard, its disk, and the syncs that were requested and have not run.
pub struct Bed {
    pub disk: Disk,
    pub guard: Guard,
    syncs: Jobs,
}

impl Bed {
    /// A guard over what is on the disk, as a guest finds it that is about to open the buffer.
    pub fn opening(disk: &Disk, max_bytes: u64) -> Self {
        let syncs = Jobs::default();
        let requested = Arc::clone(&syncs);
        let runner = Box::new(move |target, job| requested.lock().unwrap().push_back((target, job)));
        let backend = Box::new(disk.open().unwrap());
        let guard = Guard::new(backend, Arc::new(StoppedClock::default()), max_bytes, runner).unwrap();
        Self { disk: disk.clone(), guard, syncs }
    }

    /// The same, open.
    pub fn open(disk: &Disk) -> Self {
        let mut bed = Self::opening(disk, 1 << 20);
        bed.guard.opened().unwrap();
        bed
    }

    /// A new buffer with file 0, open.
    pub fn new() -> Self {
        let mut bed = Self::open(&Disk::new());
        assert_eq!(bed.guard.roll().unwrap(), file(0));
        bed
    }

    /// Runs the sync that was requested first, and tells the guard. False if there is none.
    pub fn run_sync(&mut self) -> bool {
        self.end_sync(true)
    }

    /// The sync that was requested first fails.
    pub fn fail_sync(&mut self) -> bool {
        self.end_sync(false)
    }

    /// Runs the sync of the ledger: it overtakes the others.
    pub fn run_ledger_sync(&mut self) {
        let mut syncs = self.syncs.lock().unwrap();
        let at = syncs.iter().position(|(target, _)| *target == SyncTarget::Ledger).unwrap();
        let (target, job) = syncs.remove(at).unwrap();
        drop(syncs);
        self.guard.sync_ended(target, &job());
    }

    fn end_sync(&mut self, ok: bool) -> bool {
        let Some((target, job)) = self.syncs.lock().unwrap().pop_front() else { return false };
        let is_there =
            |target| !matches!(target, SyncTarget::Data(file) if self.disk.data_file(file).is_none());
        if !ok && is_there(target) {
            self.disk.fail_sync(target, 1);
        }
        self.guard.sync_ended(target, &job());
        true
    }

    /// Runs all syncs.
    pub fn run_syncs(&mut self) {
        while self.run_sync() {}
    }

    /// The tickets that have ended since this was called last.
    pub fn tickets(&mut self) -> Vec<Ticket> {
        std::iter::from_fn(|| self.guard.next_durable()).collect()
    }

    /// Requests a sync of everything that promises rest on, and runs it.
    pub fn sync(&mut self, number: u16) {
        for target in [Requested::Data(file(number)), Requested::Directory, Requested::Ledger] {
            self.guard.request_sync(target).unwrap();
        }
        self.run_syncs();
    }

    /// What the guest is told of the files.
    pub fn segments(&mut self) -> Vec<Segment> {
        self.guard.segments(0, u32::MAX).unwrap()
    }

    pub fn length(&self, number: u16) -> u64 {
        self.disk.data_file(file(number)).map_or(0, |bytes| bytes.len() as u64)
    }

    /// Puts one record on offer and has it appended to the last segment.
    pub fn append(&mut self, payload: &str) -> Result<Placed, GuardError> {
        let (batch, _) = self.guard.offer(vec![NewRecord::new(payload.to_owned())]);
        let placed = self.guard.append(batch, 1);
        self.guard.take_offer();
        placed
    }

    /// Goes on to the next segment, and appends a record to it.
    pub fn append_to_next(&mut self, payload: &str) -> FileId {
        let next = self.guard.roll().unwrap();
        self.append(payload).unwrap();
        next
    }

    /// Stores the ledger with other fields.
    pub fn store(&mut self, change: impl FnOnce(&mut Ledger)) -> Result<(), GuardError> {
        let mut ledger = self.guard.ledger().unwrap();
        ledger.writer_next_record = self.guard.next_id();
        change(&mut ledger);
        self.guard.store_ledger(ledger)
    }

    /// Delivers the next records, at most so many.
    pub fn deliver(&mut self, max_records: u32) -> Vec<ReadRecord> {
        self.guard.deliver(max_records, u64::MAX).unwrap()
    }

    /// Delivers all that is there, and has the consumer acknowledge up to an id.
    pub fn consume(&mut self, through: u64) {
        self.deliver(u32::MAX);
        self.acknowledge(through);
    }

    /// The consumer has acknowledged all up to an id, and the ledger passes it.
    pub fn acknowledge(&mut self, through: u64) {
        self.guard.acknowledge(RecordId(through)).unwrap();
        self.store(|ledger| ledger.reader_last_record = RecordId(through)).unwrap();
    }
}

/// The rule that a call broke.
#[track_caller]
pub fn refused<T>(result: Result<T, GuardError>) -> Refusal {
    match result {
        Err(GuardError::Refused(refusal)) => refusal,
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

/// Takes the ids.
pub fn ids(records: Vec<ReadRecord>) -> Vec<u64> {
    records.into_iter().map(|record| record.id.0).collect()
}
