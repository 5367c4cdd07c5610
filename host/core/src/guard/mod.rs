//! What a buffer's logic calls, and what the host does between its calls.
//!
//! The guard wires the parts together and decides nothing that the logic decides. [`functions`](self) answers the
//! contract, `syncing` drives syncs and retries, `remembering` keeps the sidecar, `causes` the errors behind the codes that
//! the logic is told, `handover` goes from one instance of the logic to the next, `room` decides what may be dropped,
//! `waiting_time` says how long records wait, `rewinding` goes back over what was delivered.

mod causes;
mod durable;
mod failure_log;
mod functions;
mod handover;
mod hopeless;
mod kept_aside;
mod overdue;
mod passing;
mod remembering;
mod rescue;
mod rewinding;
mod room;
mod syncing;
mod taken_away;
mod waiting_time;

use std::{fmt, sync::Arc};

use forebay_types::{BatchId, Ledger, RecordId, Refusal};

use self::{
    causes::Causes, handover::Phase, hopeless::Hopeless, overdue::Overdue, remembering::Before, room::Room,
    syncing::Ledgers, waiting_time::WrittenBy,
};
pub use self::{durable::Gone, handover::OpenReport, rescue::Rescue, waiting_time::Oldest};
use crate::{
    clock::Clock,
    dead_letters::KnownEnd,
    opening::{Findings, LedgerState},
    reader::{BlockPool, Files, Loss, LossCount, Reader, UnreadableLog},
    record::{NewRecord, ReadRecord},
    rules::{Breach, Offer, Placement, Refusals},
    segments::Segments,
    storage::{Amount, Backend, Incarnations, StorageError, SyncJob, SyncTarget, Usage},
    syncs::Syncs,
    usage::Counters,
};

/// Why a call of the logic was not carried out.
#[derive(Debug)]
#[non_exhaustive]
pub enum GuardError {
    /// The storage did not do it.
    Storage(StorageError),
    /// A rule was broken.
    Refused(Refusal),
}

impl From<StorageError> for GuardError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Takes syncs to where they may block.
pub type SyncRunner = Box<dyn FnMut(SyncTarget, SyncJob) + Send>;

/// The storage of one buffer, as its logic sees it.
pub struct Guard {
    backend: Box<dyn Backend>,
    clock: Arc<dyn Clock>,
    sync_runner: SyncRunner,
    segments: Segments,
    ledgers: Ledgers,
    ledger_state: LedgerState,
    reader: Reader,
    unreadable: UnreadableLog,
    syncs: Syncs,
    counters: Counters,
    written_by: WrittenBy,
    refusals: Refusals,
    causes: Causes,
    hopeless: Hopeless,
    overdue: Overdue,
    phase: Phase,
    /// What was remembered; `None` once the logic has opened the buffer.
    before: Option<Before>,
    incarnations: Incarnations,
    room: Room,
    offer: Option<Offer>,
    last_batch: u64,
    staging: BlockPool,
    /// What the consumer has acknowledged: all events up to this one.
    acknowledged: RecordId,
    /// The events that were lost before they were confirmed, as far as the ledger has not passed them.
    vanished: Vec<Gone>,
    /// The events that waited in data files when another program took these away.
    events_taken_away: u64,
    /// Bytes that were truncated from the ends of files.
    truncated_bytes: u64,
    is_closing: bool,
    /// Damaged data files are kept aside when they are removed.
    keeps_damaged: bool,
    /// How often a data file was made, cut or removed for the logic, or that was tried.
    file_operations: u64,
    dead_letters_end: KnownEnd,
    /// Where it comes back to if the code panics that has it.
    rescue: Option<Rescue>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("ledgers", &self.ledgers)
            .field("segments", &self.segments.order().len())
            .field("next_id", &self.segments.next_id())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard over a directory that `backend` holds, with facts made from what is there. Nothing is changed yet.
    ///
    /// `max_bytes` bounds the bytes in all data files. `sync_runner` gets each sync when it may start, and answers with
    /// [`sync_ended`](Self::sync_ended).
    pub fn new(
        backend: Box<dyn Backend>,
        clock: Arc<dyn Clock>,
        max_bytes: u64,
        sync_runner: SyncRunner,
    ) -> Result<Self, StorageError> {
        let mut guard = Self::empty(backend, clock, max_bytes, sync_runner);
        let found = Findings::look(&mut *guard.backend, &mut guard.reader, &mut guard.unreadable)?;
        guard.take_in(found);
        Ok(guard)
    }

    fn empty(
        backend: Box<dyn Backend>,
        clock: Arc<dyn Clock>,
        max_bytes: u64,
        sync_runner: SyncRunner,
    ) -> Self {
        let unreadable = UnreadableLog::new(Arc::clone(&clock));
        let reader = Reader::default();
        let staging = reader.staging();
        Self {
            backend,
            clock,
            sync_runner,
            segments: Segments::default(),
            ledgers: Ledgers::default(),
            ledger_state: LedgerState::default(),
            reader,
            unreadable,
            syncs: Syncs::default(),
            counters: Counters::default(),
            written_by: WrittenBy::default(),
            refusals: Refusals::default(),
            causes: Causes::default(),
            hopeless: Hopeless::default(),
            overdue: Overdue::default(),
            phase: Phase::Opening,
            before: None,
            incarnations: Incarnations::default(),
            room: Room::new(max_bytes),
            offer: None,
            last_batch: 0,
            staging,
            acknowledged: RecordId(0),
            vanished: Vec::new(),
            events_taken_away: 0,
            truncated_bytes: 0,
            is_closing: false,
            keeps_damaged: false,
            file_operations: 0,
            dead_letters_end: KnownEnd::default(),
            rescue: None,
        }
    }

    pub(crate) fn files(&mut self) -> (Files<'_>, &mut Reader) {
        let (segments, log) = (&mut self.segments, &mut self.unreadable);
        (Files { backend: &mut *self.backend, segments, log }, &mut self.reader)
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// What the operator asked for; what may be dropped is in `room`.
impl Guard {
    /// Records are delivered only to be looked at: none will be acknowledged.
    pub fn peek(&mut self) {
        self.counters.is_peeking = true;
    }

    /// Damaged data files are kept aside when they are removed.
    pub fn keep_damaged(&mut self) {
        self.keeps_damaged = true;
    }
}

/// Writing, between calls of the logic.
impl Guard {
    /// Puts records on offer for the next `write`, and gives the batch's number and the sizes that the logic sees.
    pub fn offer(&mut self, records: Vec<NewRecord>) -> (BatchId, Vec<u64>) {
        debug_assert!(self.offer.is_none(), "one offer at a time");
        self.last_batch += 1;
        let batch = BatchId(self.last_batch);
        let offer = self.offer.insert(Offer::new(batch, records));
        (batch, offer.sizes())
    }

    /// Takes the offer back, with what became of it by the host's own account.
    pub fn take_offer(&mut self) -> Placement {
        self.offer.take().map(Offer::into_placement).unwrap_or_default()
    }

    /// Records of so many events and bytes were returned to their writer because there was no room.
    pub fn rejected(&mut self, amount: Amount) {
        self.counters.rejected(amount);
        self.remember();
    }

    /// A job that adds records to the end of the dead-letter file, all or none, goes to the sync runner as
    /// [`SyncTarget::DeadLetters`]. The file may have so many bytes. One call at a time.
    pub fn write_dead_letters<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a ReadRecord>,
        max_bytes: u64,
    ) {
        let job =
            crate::dead_letters::job(self.backend.dead_letters(), &self.dead_letters_end, records, max_bytes);
        (self.sync_runner)(SyncTarget::DeadLetters, job);
    }
}

/// Reading, between calls of the logic.
impl Guard {
    /// Delivers the next records: at most so many and, from the second on, so many bytes of frames.
    pub fn deliver(&mut self, max_records: u32, max_bytes: u64) -> Result<Vec<ReadRecord>, StorageError> {
        let max_records = usize::try_from(max_records).unwrap_or(usize::MAX);
        let (mut files, reader) = self.files();
        let mut delivered = reader.deliver(&mut files, max_records, max_bytes)?;
        let mut rest = delivered.records.as_mut_slice();
        for run in &delivered.runs {
            let count = usize::try_from(run.records).unwrap_or(usize::MAX).min(rest.len());
            let (of_run, others) = rest.split_at_mut(count);
            rest = others;
            self.counters.delivered(*run, of_run);
            let incarnation = self.incarnations.of(run.first_id);
            let is_one = self.incarnations.of(run.next_id) == incarnation;
            for record in of_run {
                record.incarnation = if is_one { incarnation } else { self.incarnations.of(record.id) };
            }
        }
        Ok(delivered.records)
    }

    /// The logic lets nothing be delivered. Where nothing is left, what was not met is lost, and is told. Otherwise gives
    /// the id of the record that the logic withholds.
    pub fn reached_end(&mut self) -> Result<Option<RecordId>, StorageError> {
        let (mut files, reader) = self.files();
        reader.reached_end(&mut files)
    }

    /// The consumer gets this record, or it was dropped: losses in front of it are told.
    pub fn come_to(&mut self, id: RecordId) {
        self.reader.losses.tell_before(id);
    }

    /// The losses that were told and not taken yet; of very many, the newest.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        self.reader.losses.take()
    }

    /// How much is lost, as far as it was told.
    pub fn loss_count(&self) -> LossCount {
        self.reader.losses.count()
    }

    /// Bytes of data files that were read or walked since the guard was made: what reading costs.
    pub fn walked_bytes(&self) -> u64 {
        self.reader.walked_bytes()
    }
}

/// Figures.
impl Guard {
    /// The id that the next event gets.
    pub fn next_id(&self) -> RecordId {
        self.segments.next_id()
    }

    /// What the ledger was worth that was in the directory.
    pub fn ledger_state(&self) -> &LedgerState {
        &self.ledger_state
    }

    /// The ledger as last stored.
    pub fn ledger(&self) -> Option<Ledger> {
        self.ledgers.stored
    }

    /// The last event that the ledger has passed: acknowledged, dropped or lost. 0 if there is none.
    pub fn passed(&self) -> RecordId {
        self.ledgers.stored.map_or(RecordId(0), |ledger| ledger.reader_last_record)
    }

    /// Bytes in all data files.
    pub fn bytes(&self) -> u64 {
        self.segments.bytes()
    }

    /// How many data files there are.
    pub fn file_count(&self) -> usize {
        self.segments.files()
    }

    /// Events in segments that were dropped, since the guard was made.
    pub fn dropped_events(&self) -> u64 {
        self.counters.dropped_since_opening()
    }

    /// Those of the dropped events that went although there was room, because newer ones are retained.
    pub fn dropped_beyond_retention(&self) -> u64 {
        self.room.dropped_beyond_retention()
    }

    /// How often a data file was made, cut or removed for the logic since the guard was made, or that was tried.
    pub fn file_operations(&self) -> u64 {
        self.file_operations
    }

    /// Bytes that were truncated from the ends of files.
    pub fn truncated_bytes(&self) -> u64 {
        self.truncated_bytes
    }

    /// What has gone through the buffer, since it was opened and ever.
    pub fn usage(&self) -> (Usage, Usage) {
        (self.counters.since_opening(), self.counters.usage())
    }

    /// What waits in the data files.
    pub fn waiting(&self) -> Amount {
        self.counters.usage().waiting()
    }

    /// How many calls of the logic broke a rule.
    pub fn refused(&self) -> u64 {
        self.refusals.total()
    }

    /// How often each rule was broken, of those that were.
    pub fn refusals(&self) -> Vec<(Breach, u64)> {
        self.refusals.by_rule()
    }
}
