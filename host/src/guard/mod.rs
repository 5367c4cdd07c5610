//! The storage as a buffer's logic sees it: `wit/storage.wit`, in Rust, over any [`Backend`].
//!
//! The guard stands between the logic and the disk. It holds the payloads, frames and checksums them, reads them back,
//! and keeps an account of its own. What it answers to callers rests on that account; what breaks a rule of the contract
//! is refused and changes nothing.

mod account;
mod blocks;
mod offer;
mod refusal;
mod scan;
mod syncs;

use std::{error::Error, fmt, num::NonZeroU32};

use bytes::Bytes;
use forebay_frame::RecordId;
use tracing::warn;

use self::{
    account::Account,
    blocks::{BLOCK_BYTES, BlockPool},
    offer::Offer,
    scan::{Scanner, Subject, Verified},
    syncs::Syncs,
};
pub use self::{
    offer::Placement,
    refusal::Refusal,
    scan::{ScanLimits, Scanned, Span, SpanState},
};
use crate::{
    logic::Run,
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
}

/// What an append has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// How many of the records are in the file.
    pub records: u32,
    /// The file's length now, in bytes.
    pub length: u64,
}

/// What a sync makes durable, noted when it starts.
#[derive(Debug)]
pub(crate) enum Covers {
    /// For tests of the order of answers.
    #[cfg(test)]
    Nothing,
    /// The bytes of a file up to a length, which hold the ids below `next`.
    Data { length: u64, next: RecordId },
    /// The names of these files.
    Names(Vec<FileId>),
    /// A ledger that names this file as the writer's.
    Ledger(FileId),
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
    offer: Option<Offer>,
    last_batch: u64,
    scanner: Scanner,
    staging: BlockPool,
    syncs: Syncs,
    sync_runner: SyncRunner,
    sync_failed: bool,
    /// Whether the logic is opening the buffer: only then may the ledger's next id jump ahead.
    opening: bool,
    refused: u64,
    incarnations: Incarnations,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("account", &self.account).field("syncs", &self.syncs).finish_non_exhaustive()
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
        Ok(Self {
            backend,
            account: Account::new(ledger, &files),
            max_bytes,
            offer: None,
            last_batch: 0,
            scanner: Scanner::default(),
            staging: BlockPool::default(),
            syncs: Syncs::default(),
            sync_runner,
            sync_failed: false,
            opening: true,
            refused: 0,
            incarnations: Incarnations::default(),
        })
    }
}

/// What the host does between calls of the logic.
impl Guard {
    /// The logic has opened the buffer.
    pub fn opened(&mut self) {
        self.opening = false;
        self.incarnations = self.backend.opened(self.account.next_id());
    }

    /// Nothing more will be done. Says so to the storage, if everything is durable.
    pub fn close(&mut self) {
        let next = self.account.next_id();
        let is_empty = self.account.ledger().is_some_and(|ledger| ledger.reader_last_record.after(1) >= next);
        let is_durable = is_empty || !self.account.has_appended() || self.durable_next() >= next;
        if is_durable && !self.sync_failed && self.syncs.is_idle() {
            self.backend.closed();
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
        self.offer.take().map_or(
            Placement { records: Vec::new(), placed: 0, first_id: None },
            Offer::into_placement,
        )
    }

    /// From now on, until [`collect`](Self::collect), records that are scanned are kept.
    pub fn start_reading(&mut self) {
        self.scanner.collect();
    }

    /// The records that these runs name, which must have been read and checked since
    /// [`start_reading`](Self::start_reading). `None` if a run names anything else.
    pub fn collect(&mut self, runs: &[Run]) -> Option<Vec<ReadRecord>> {
        let verified = self.scanner.take_verified();
        let mut records = Vec::with_capacity(verified.len());
        let mut from = 0;
        for run in runs {
            let starts = |record: &Verified| record.file == run.file && record.offset == run.offset;
            from = match verified.get(from..)?.iter().position(starts) {
                Some(skipped) => from + skipped,
                None => verified.iter().position(starts)?,
            };
            let count = usize::try_from(run.records).ok()?;
            let named = verified.get(from..from.checked_add(count)?)?;
            check_run(run, named)?;
            records.extend(named.iter().map(|record| ReadRecord {
                id: record.id,
                incarnation: self.incarnations.of(record.id),
                events: record.events,
                metadata: record.metadata,
                payload: record.payload.clone(),
                frame_bytes: record.frame_bytes,
            }));
            from += count;
        }
        Some(records)
    }

    /// The id below which every event is durable, as seen by the host itself. 0 after a failed sync.
    pub fn durable_next(&self) -> RecordId {
        if self.sync_failed { RecordId(0) } else { self.account.durable_next() }
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

    /// How many calls of the logic broke a rule.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether a sync has failed: nothing is durable any more that was not before.
    pub fn sync_failed(&self) -> bool {
        self.sync_failed
    }

    /// A sync that was handed to the runner has ended. Its tickets are told by [`next_synced`](Self::next_synced).
    pub fn sync_ended(&mut self, target: SyncTarget, result: &Result<(), StorageError>) {
        let Some((flight, again)) = self.syncs.ended(target, result.is_ok()) else { return };
        if let Err(error) = result {
            let error: &dyn Error = error;
            warn!(?target, error, "a sync failed: nothing more is answered as durable");
            self.sync_failed = true;
        }
        if self.sync_failed {
            self.syncs.fail_all();
            return;
        }
        match flight.covers {
            #[cfg(test)]
            Covers::Nothing => {}
            Covers::Data { length, next } => self.data_synced(target, length, next),
            Covers::Names(files) => self.account.names_synced(&files),
            Covers::Ledger(file) => self.account.ledger_synced(file),
        }
        if again {
            self.start_sync(target);
        }
    }

    /// The next sync of which the logic is to hear, in the order of the requests.
    pub fn next_synced(&mut self) -> Option<(Ticket, bool)> {
        self.syncs.next_ended()
    }

    /// Whether no sync is under way or asked for.
    pub fn is_sync_idle(&self) -> bool {
        self.syncs.is_idle()
    }

    fn data_synced(&mut self, target: SyncTarget, length: u64, next: RecordId) {
        let SyncTarget::Data(file) = target else { return };
        self.account.data_synced(file, length, next);
        let is_newest = self.account.ledger().is_some_and(|ledger| ledger.writer_data_file == file);
        if !is_newest && self.account.file(file).is_some_and(|account| account.durable == account.length) {
            self.backend.release(file);
        }
    }

    fn start_sync(&mut self, target: SyncTarget) {
        let covers = match target {
            SyncTarget::Data(file) => {
                // A file that was removed meanwhile has nothing left to sync.
                let account = self.account.file(file).copied();
                let (length, next) = account.map_or((0, RecordId(0)), |a| (a.length, a.seen_next));
                Covers::Data { length, next }
            }
            SyncTarget::Directory => Covers::Names(self.account.files().map(|(id, _)| id).collect()),
            SyncTarget::Ledger => {
                Covers::Ledger(self.account.ledger().map_or(Ledger::EMPTY.writer_data_file, |l| l.writer_data_file))
            }
        };
        self.syncs.started(target, covers);
        let job: SyncJob = match target {
            SyncTarget::Data(file) if self.account.file(file).is_none() => Box::new(|| Ok(())),
            _ => self.backend.prepare_sync(target).unwrap_or_else(|error| Box::new(move || Err(error))),
        };
        (self.sync_runner)(target, job);
    }

    fn refuse(&mut self, refusal: Refusal) -> GuardError {
        self.refused += 1;
        warn!(rule = ?refusal, "the logic broke a rule of its contract: refused");
        GuardError::Refused(refusal)
    }
}

/// The functions of `wit/storage.wit`.
impl Guard {
    /// `load-ledger`.
    pub fn load_ledger(&mut self) -> Result<Ledger, GuardError> {
        self.account
            .ledger()
            .ok_or_else(|| StorageError::NotFound { what: "a ledger that can be read".to_owned() }.into())
    }

    /// `store-ledger`.
    pub fn store_ledger(&mut self, ledger: Ledger) -> Result<(), GuardError> {
        let next = self.account.next_id();
        if ledger.writer_next_record < next || (ledger.writer_next_record > next && !self.opening) {
            return Err(self.refuse(Refusal::LedgerNext));
        }
        let last = self.account.ledger().map(|ledger| ledger.reader_last_record);
        let goes_back = last.is_some_and(|last| ledger.reader_last_record < last && !self.opening);
        if goes_back || ledger.reader_last_record >= ledger.writer_next_record {
            return Err(self.refuse(Refusal::LedgerLast));
        }
        if self.account.file(ledger.writer_data_file).is_none() {
            return Err(self.refuse(Refusal::UnknownFile));
        }
        self.backend.store_ledger(ledger)?;
        self.account.ledger_stored(ledger);
        Ok(())
    }

    /// `list-files`.
    pub fn list_files(&self) -> Vec<FileEntry> {
        self.account
            .files()
            .map(|(id, account)| FileEntry { id, length: account.length, durable_length: account.durable })
            .collect()
    }

    /// `create-file`.
    pub fn create_file(&mut self, file: FileId) -> Result<(), GuardError> {
        match self.account.file(file).map(|account| account.length) {
            Some(0) => Ok(()),
            Some(_) => Err(StorageError::AlreadyExists { what: format!("data file {file}") }.into()),
            None => {
                self.backend.create_file(file)?;
                self.account.created(file);
                Ok(())
            }
        }
    }

    /// `remove-file`.
    pub fn remove_file(&mut self, file: FileId) -> Result<(), GuardError> {
        let Some(account) = self.account.file(file) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        let last = self.account.ledger().map_or(RecordId(0), |ledger| ledger.reader_last_record);
        if !account.is_seen() || account.seen_next > last.after(1) {
            return Err(self.refuse(Refusal::Retention));
        }
        self.backend.remove_file(file)?;
        self.account.removed(file);
        self.scanner.forget(file);
        Ok(())
    }

    /// `truncate-file`.
    pub fn truncate_file(&mut self, file: FileId, length: u64) -> Result<(), GuardError> {
        let Some(account) = self.account.file(file) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        if length > account.length || length < account.whole_end || !account.is_seen() {
            return Err(self.refuse(Refusal::Cut));
        }
        self.backend.truncate_file(file, length)?;
        self.account.truncated(file, length);
        self.scanner.forget(file);
        Ok(())
    }

    /// `append`.
    pub fn append(
        &mut self,
        batch: BatchId,
        first: u32,
        count: u32,
        file: FileId,
        at: u64,
        id: RecordId,
    ) -> Result<Placed, GuardError> {
        let Some(account) = self.account.file(file) else {
            return Err(self.refuse(Refusal::UnknownFile));
        };
        if account.length != at || self.account.next_id() != id {
            return Err(GuardError::Conflict);
        }
        let Some(mut offer) = self.offer.take() else {
            return Err(self.refuse(Refusal::UnknownBatch));
        };
        let written = match offer.next(batch, first, count) {
            Ok(records) => self.write_frames(records, file, id),
            Err(refusal) => Err(self.refuse(refusal)),
        };
        if let Ok(written) = &written {
            offer.mark_placed(*written, id);
        }
        self.offer = Some(offer);
        let length = self.account.file(file).map_or(at, |account| account.length);
        Ok(Placed { records: u32::try_from(written?).unwrap_or(u32::MAX), length })
    }

    /// `scan`.
    pub fn scan(&mut self, file: FileId, offset: u64, limits: ScanLimits) -> Result<Scanned, GuardError> {
        let Some(length) = self.account.file(file).map(|account| account.length) else {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        };
        if offset > length {
            return Err(self.refuse(Refusal::Offset));
        }
        let ceiling = self.account.next_id();
        let mut subject = Subject { backend: &mut *self.backend, file, length, ceiling };
        let scanned = self.scanner.scan(&mut subject, offset, limits)?;
        let whole = scanned.spans.iter().rev().find(|span| span.state == SpanState::Whole);
        let whole = whole.map(|span| (span.offset + span.bytes, span.next_id));
        self.account.seen(file, offset, scanned.next_offset, whole);
        Ok(scanned)
    }

    /// `request-sync`.
    pub fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, GuardError> {
        if let SyncTarget::Data(file) = target
            && self.account.file(file).is_none()
        {
            return Err(StorageError::NotFound { what: format!("data file {file}") }.into());
        }
        let (ticket, start) = self.syncs.request(target);
        if self.sync_failed {
            self.syncs.fail_all();
        } else if start {
            self.start_sync(target);
        }
        Ok(ticket)
    }

    /// Frames records and writes them in pieces of about a block. Gives how many are in the file; an error means none.
    fn write_frames(&mut self, records: &[NewRecord], file: FileId, id: RecordId) -> Result<usize, GuardError> {
        let mut placed = 0;
        let mut next = id;
        while let Some(rest) = records.get(placed..).filter(|rest| !rest.is_empty()) {
            let mut piece = self.staging.empty();
            let mut count = 0;
            let mut piece_next = next;
            for record in rest {
                let fits = piece.len().saturating_add(record.payload.len()) < BLOCK_BYTES;
                if count > 0 && !fits {
                    break;
                }
                forebay_frame::encode(&mut piece, piece_next, record.metadata, record.events, &record.payload);
                piece_next = piece_next.after(record.events.get().into());
                count += 1;
            }
            match self.write_piece(file, piece, piece_next) {
                Ok(()) => {}
                Err(_) if placed > 0 => break,
                Err(error) => return Err(error),
            }
            next = piece_next;
            placed += count;
        }
        Ok(placed)
    }

    fn write_piece(&mut self, file: FileId, piece: Vec<u8>, next: RecordId) -> Result<(), GuardError> {
        let at = self.account.file(file).map_or(0, |account| account.length);
        let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.account.bytes().saturating_add(bytes) > self.max_bytes {
            self.refused += 1;
            let source = std::io::ErrorKind::QuotaExceeded.into();
            let what = format!("data file {file}: the limit of {} bytes is reached", self.max_bytes);
            return Err(StorageError::NoSpace { operation: "append to", what, source }.into());
        }
        if let Err(error) = self.backend.append(file, at, &piece) {
            // Part of it may be there. Should the cut fail too, the next append overwrites it, or recovery cuts it.
            if let Err(error) = self.backend.truncate_file(file, at) {
                let error: &dyn Error = &error;
                warn!(%file, length = at, error, "could not cut a partial write");
            }
            return Err(error.into());
        }
        self.account.appended(file, bytes, next);
        let used = piece.len();
        self.scanner.note_append(file, at, self.staging.share(piece, used));
        Ok(())
    }
}

/// A run must say exactly what was read.
fn check_run(run: &Run, named: &[Verified]) -> Option<()> {
    let (first, last) = (named.first()?, named.last()?);
    let bytes: u64 = named.iter().map(|record| record.frame_bytes).sum();
    let next = last.id.after(last.events.get().into());
    let same_file = named.iter().all(|record| record.file == run.file);
    (same_file && first.id == run.first_id && next == run.next_id && bytes == run.bytes).then_some(())
}
