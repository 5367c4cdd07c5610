//! The storage as a buffer's logic sees it: `wit/storage.wit`, in Rust, over any [`Backend`].
//!
//! The guard stands between the logic and the disk. It holds the payloads, frames and checksums them, reads them back,
//! and keeps an account of its own. What it answers to callers rests on that account; what breaks a rule of the contract
//! is refused and changes nothing.

mod account;
mod blocks;
mod counting;
mod dead_letters;
mod delivered;
mod delivery;
mod fallback;
mod file_account;
mod found;
mod functions;
mod kept;
mod ledger;
mod losses;
mod offer;
mod overrun;
mod quarantine;
mod read_scans;
mod recall;
mod reconcile;
mod refusal;
mod reopening;
mod rescue;
mod ring;
mod scan;
mod span;
mod steps;
mod subject;
mod syncing;
mod syncs;
mod tally;
mod vanished;
mod wanted;
mod windows;

use std::{fmt, num::NonZeroU32, ops::Range};

use bytes::Bytes;
use forebay_frame::RecordId;

pub(crate) use self::rescue::Rescue;
use self::{
    account::Account,
    blocks::BlockPool,
    dead_letters::KnownEnd,
    delivery::Cursor,
    losses::{Losses, PassedOver},
    offer::Offer,
    recall::Before,
    refusal::Refusals,
    reopening::Phase,
    scan::Scanner,
    syncs::Syncs,
    tally::Tally,
};
pub use self::{
    losses::{Loss, Place},
    offer::Placement,
    refusal::Refusal,
    span::{ScanLimits, Scanned, Span, SpanState},
};
pub use crate::storage::Mark;
use crate::{
    record::NewRecord,
    storage::{Backend, FileId, Incarnations, Ledger, StorageError, SyncJob, SyncTarget},
};

/// Names the payloads of one `write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Names one request for a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Why a call of the logic was not carried out.
#[derive(Debug)]
#[non_exhaustive]
pub enum GuardError {
    /// The storage did not do it.
    Storage(StorageError),
    /// The logic's idea of a length or of the next id is not the host's.
    Conflict,
    /// A rule was broken.
    Refused(Refusal),
}

impl From<StorageError> for GuardError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Refusal> for GuardError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A data file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its number.
    pub id: FileId,
    /// Its length in bytes.
    pub length: u64,
    /// How many of them were seen synced under this lock.
    pub durable_length: u64,
    /// A sync of it has failed: what lies beyond `durable_length` may not be on the disk before it was written anew.
    pub suspect: bool,
}

/// What an append has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// How many of the records are in the file.
    pub records: u32,
    /// The file's length now, in bytes.
    pub length: u64,
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct ReadRecord {
    /// Its id: that of its first event.
    pub id: RecordId,
    /// The incarnation of the buffer that gave it the id.
    pub incarnation: u64,
    /// How many events it holds.
    pub events: NonZeroU32,
    /// The number that was kept beside the payload.
    pub metadata: u32,
    /// The bytes, in the block that they were read into.
    pub payload: Bytes,
    /// The length of its frame on disk, in bytes.
    pub frame_bytes: u64,
}

/// Takes syncs to where they may block.
pub type SyncRunner = Box<dyn FnMut(SyncTarget, SyncJob) + Send>;

/// The storage of one buffer, as its logic sees it.
pub struct Guard {
    backend: Box<dyn Backend>,
    account: Account,
    max_bytes: u64,
    max_files: usize,
    offer: Option<Offer>,
    last_batch: u64,
    scanner: Scanner,
    staging: BlockPool,
    syncs: Syncs,
    sync_runner: SyncRunner,
    /// The events that vanished with failed syncs, as far as the ledger has not passed them.
    vanished: Vec<Range<RecordId>>,
    phase: Phase,
    refusals: Refusals,
    /// Where delivery stands; `None` until the logic has opened the buffer.
    cursor: Option<Cursor>,
    losses: Losses,
    /// What lies between the last record that was delivered and where delivery stands.
    passed_over: PassedOver,
    /// What the consumer is done with: all events up to this one.
    acknowledged: RecordId,
    /// Whether the operator lets the oldest files go when there is no room.
    drops_oldest: bool,
    /// Events in files that were dropped to make room.
    dropped: u64,
    incarnations: Incarnations,
    /// The ledger as the logic was first given it.
    found: Option<Ledger>,
    /// Whether the host has looked at all that lies where the next records come.
    is_end_known: bool,
    /// Bytes that were cut from the ends of files.
    cut_bytes: u64,
    /// Whether the disk had no room when it was last written to.
    is_disk_full: bool,
    dead_letters_end: KnownEnd,
    tally: Tally,
    /// What was remembered; `None` once the logic has opened the buffer.
    before: Option<Before>,
    /// Where it comes back to if the code panics that has it.
    rescue: Option<Rescue>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("account", &self.account)
            .field("syncs", &self.syncs)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard over a directory that is held by `backend`, with an account made from what is there.
    ///
    /// `max_bytes` bounds the bytes in all data files. `sync_runner` gets each sync when it may start, and answers with
    /// [`sync_ended`](Self::sync_ended).
    pub fn new(
        mut backend: Box<dyn Backend>,
        max_bytes: u64,
        sync_runner: SyncRunner,
    ) -> Result<Self, StorageError> {
        let ledger = backend.load_ledger()?;
        let files = backend.list_files()?;
        let recalled = backend.recall();
        let mut guard = Self::over(backend, ledger, &files, max_bytes, sync_runner);
        guard.turn_round()?;
        guard.recall(recalled)?;
        Ok(guard)
    }

    /// A guard that knows of storage no more than the ledger, and the data files with their lengths.
    fn over(
        backend: Box<dyn Backend>,
        ledger: Option<Ledger>,
        files: &[(FileId, u64)],
        max_bytes: u64,
        sync_runner: SyncRunner,
    ) -> Self {
        Self {
            backend,
            account: Account::new(ledger, files),
            max_bytes,
            max_files: usize::MAX,
            offer: None,
            last_batch: 0,
            scanner: Scanner::default(),
            staging: BlockPool::default(),
            syncs: Syncs::default(),
            sync_runner,
            vanished: Vec::new(),
            phase: Phase::Opening,
            refusals: Refusals::default(),
            cursor: None,
            losses: Losses::default(),
            passed_over: PassedOver::default(),
            found: ledger,
            acknowledged: RecordId(0),
            drops_oldest: false,
            dropped: 0,
            incarnations: Incarnations::default(),
            is_end_known: false,
            cut_bytes: 0,
            is_disk_full: false,
            dead_letters_end: KnownEnd::default(),
            tally: Tally::default(),
            before: None,
            rescue: None,
        }
    }
}

/// What the host does between calls of the logic.
impl Guard {
    /// The operator lets the oldest files go, with all that is in them, when there is no room.
    pub fn drop_oldest(&mut self) {
        self.drops_oldest = true;
    }

    /// So many data files may come to those that are there.
    pub fn allow_files(&mut self, more: usize) {
        self.max_files = self.account.files().count().saturating_add(more);
    }

    /// Events in files that were dropped to make room, since the guard was made.
    pub fn dropped_events(&self) -> u64 {
        self.dropped
    }

    /// Nothing more will be done. Says so to the storage, if everything is durable.
    pub fn close(&mut self) {
        let Some(memo) = self.memo() else { return };
        if self.is_all_durable() && !self.account.is_degraded() && self.syncs.is_idle() {
            self.backend.closed(&memo);
        } else {
            self.remember();
        }
    }

    /// Puts records on offer for the next `write`, and gives the batch's number and the sizes that the logic sees.
    pub fn offer(&mut self, records: Vec<NewRecord>) -> (BatchId, Vec<u64>) {
        debug_assert!(self.offer.is_none(), "one offer at a time");
        self.last_batch += 1;
        let batch = BatchId(self.last_batch);
        let sizes = records
            .iter()
            .map(|record| u64::from(record.events.get()) << 32 | (record.frame_bytes() & u64::from(u32::MAX)))
            .collect();
        self.offer = Some(Offer::new(batch, records));
        (batch, sizes)
    }

    /// Takes the offer back, with what became of it by the guard's own account.
    pub fn take_offer(&mut self) -> Placement {
        self.offer
            .take()
            .map_or(Placement { records: Vec::new(), placed: 0, first_id: None }, Offer::into_placement)
    }

    /// The id below which every event is durable, as seen by the host itself.
    pub fn durable_next(&self) -> RecordId {
        self.account.durable_next()
    }

    /// The id that the next event gets.
    pub fn next_id(&self) -> RecordId {
        self.account.next_id()
    }

    /// The ledger as last stored.
    pub fn ledger(&self) -> Option<Ledger> {
        self.account.ledger()
    }

    /// Bytes in all data files.
    pub fn bytes(&self) -> u64 {
        self.account.bytes()
    }

    /// How many data files there are.
    pub fn files(&self) -> usize {
        self.account.files().count()
    }

    /// Whether a sync has failed, and what it was to make durable is not safe again yet.
    pub fn is_degraded(&self) -> bool {
        self.account.is_degraded()
    }
}
