//! Syncs between the calls of the logic: flights, what they make durable, and the retry of those that fail.

use forebay_types::{FileId, Ledger, Ticket};
use tracing::warn;

use super::{Gone, Guard, failure_log::FailureLog};
use crate::{
    storage::{StorageError, SyncTarget},
    syncs::{Covers, Flight, Vanished},
};

/// How many syncs logic may request while its buffer is being closed: for each file, and besides.
const CLOSING_SYNCS_A_FILE: usize = 4;
const CLOSING_SYNCS: usize = 64;

/// The ledger in its versions.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// As it was in the directory when the lock was taken.
    pub(super) live: Option<Ledger>,
    /// As it was stored last; the chosen one until then.
    pub(super) stored: Option<Ledger>,
    /// Whether `stored` is in the directory.
    is_written: bool,
    /// As it was last synced under this lock.
    pub(super) synced: Option<Ledger>,
    /// The last sync of the ledger has failed.
    pub(super) is_unsafe: bool,
    /// The last sync of the directory has failed.
    pub(super) are_names_unsafe: bool,
    failures: FailureLog,
}

impl Ledgers {
    pub(super) fn found(live: Option<Ledger>, chosen: Option<Ledger>) -> Self {
        Self { live, stored: chosen, is_written: live == chosen, ..Self::default() }
    }

    pub(super) fn store(&mut self, ledger: Ledger) {
        self.stored = Some(ledger);
        self.is_written = true;
    }

    /// The ledger that is not in the directory yet.
    pub(super) fn unwritten(&self) -> Option<Ledger> {
        self.stored.filter(|_| !self.is_written)
    }

    /// The number of the first file, where there are no segments.
    pub(super) fn first_file(&self) -> FileId {
        self.stored.map_or(FileId::FIRST, |ledger| ledger.writer_data_file)
    }

    /// Whether the ledger that was found named a file, so that its name was durable.
    fn named(&self, file: FileId) -> bool {
        self.live.is_some_and(|live| {
            let reader = live.reader_data_file;
            reader.steps_to(file) < reader.steps_to(live.writer_data_file)
        })
    }
}

impl Guard {
    /// A flight that was handed to the runner has ended.
    pub fn sync_ended(&mut self, target: SyncTarget, result: &Result<(), StorageError>) {
        let Some(flight) = self.syncs.landed(target) else { return };
        let is_rewrite = matches!(flight.covers, Covers::Rewrite | Covers::StaleRewrite);
        let was_degraded = self.is_degraded();
        let last = flight.last;
        let result = match (target, result) {
            (SyncTarget::Data(file), Err(error)) if error.is_missing() => {
                self.taken_away(file, error);
                &Ok(())
            }
            (_, result) => result,
        };
        let is_counted = result.is_ok() && !self.is_target_taken_away(target);
        let counted = if is_counted { self.count_flight(target, flight) } else { Ok(()) };
        if let Err(error) = result.as_ref().and(counted.as_ref()) {
            self.note_hopeless(target, error);
            if let SyncTarget::Data(file) = target {
                self.backend.forget_renewal(file);
            }
            if error.is_for_want_of_descriptors() || (error.is_of_opening() && !is_rewrite) {
                // Nothing was synced, and nothing is in doubt: the next tick tries again.
                self.ledgers.failures.log_unopened(target, error, self.clock.now_ns());
            } else {
                self.sync_failed(target, error);
                self.settle_if_sound(target, last);
            }
            // One file that cannot be rewritten must not keep the others waiting.
            self.start_next_rewrite();
            return;
        }
        self.note_hope(target);
        if was_degraded && !self.is_degraded() {
            self.remember();
        }
        // Not all targets are looked at: there may be one for each of 65,534 files.
        for target in [target, SyncTarget::Directory] {
            if self.syncs.is_unserved(target) {
                self.start_unless_failed(target);
            }
        }
        self.start_next_rewrite();
    }

    /// A flight has ended well.
    fn count_flight(&mut self, target: SyncTarget, flight: Flight) -> Result<(), StorageError> {
        let Flight { last, covers } = flight;
        match (target, covers) {
            (SyncTarget::Data(file), Covers::Data { length, next_id }) => {
                if let Some(segment) = self.segments.get_mut(file) {
                    segment.durability.data_synced(length.min(segment.bytes), next_id);
                }
                self.data_is_durable(file, last);
            }
            (SyncTarget::Data(file), Covers::Rewrite) => {
                self.backend.renew(file)?;
                self.syncs.renamed(file);
                self.look_again(file)?;
                self.syncs.wait_for_name(file, last);
            }
            (SyncTarget::Data(file), Covers::StaleRewrite) => self.backend.forget_renewal(file),
            (_, Covers::Names(files)) => {
                self.segments.names_synced(&files);
                self.ledgers.are_names_unsafe = false;
                // A name in doubt is not durable with this sync, however well it has ended: its file is rewritten first.
                for file in files {
                    if !self.is_name_in_doubt(file) {
                        self.syncs.name_durable(file);
                    }
                }
                if !self.are_names_in_doubt() && self.syncs.awaiting_name().next().is_none() {
                    self.syncs.settle(target, last);
                }
            }
            (_, Covers::Ledger(ledger)) => {
                self.ledgers.synced = Some(ledger);
                self.ledgers.is_unsafe = false;
                self.syncs.settle(target, last);
            }
            (_, Covers::Data { .. } | Covers::Rewrite | Covers::StaleRewrite) => {}
        }
        Ok(())
    }

    /// The bytes of a file are durable for all requests up to `last`.
    fn data_is_durable(&mut self, file: FileId, last: Ticket) {
        // Until the new name is durable, a power loss brings the file before back.
        if self.segments.get(file).is_some_and(|segment| segment.durability.is_rewritten) {
            self.syncs.wait_for_name(file, last);
        } else {
            self.syncs.settle(SyncTarget::Data(file), last);
        }
    }

    /// A failed sync of a file whose bytes were all durable before leaves nothing in doubt. No retry would end its requests.
    fn settle_if_sound(&mut self, target: SyncTarget, last: Ticket) {
        if let SyncTarget::Data(file) = target
            && self.segments.get(file).is_some_and(|segment| !segment.durability.is_suspect())
        {
            self.data_is_durable(file, last);
        }
    }

    fn sync_failed(&mut self, target: SyncTarget, error: &StorageError) {
        self.ledgers.failures.log(target, error, self.clock.now_ns());
        match target {
            SyncTarget::Data(file) => self.segments.data_failed(file),
            SyncTarget::Directory => {
                self.ledgers.are_names_unsafe = true;
                let ledgers = &self.ledgers;
                self.segments.names_failed(|file| ledgers.named(file));
            }
            SyncTarget::Ledger => self.ledgers.is_unsafe = true,
            // Nothing counts as done that was to be in it.
            SyncTarget::DeadLetters => {}
        }
        // Record the failure: after a crash, the next process must not trust pages that the kernel has marked clean.
        self.remember();
    }

    /// Tries again what a failed sync has left in doubt: rewrites files, stores the ledger again, syncs.
    pub fn retry_syncs(&mut self) {
        let suspects: Vec<FileId> = self.segments.suspects().collect();
        for file in suspects {
            if !self.syncs.is_in_flight(SyncTarget::Data(file)) {
                self.start_rewrite(file);
            }
        }
        let unsafe_names = self.ledgers.are_names_unsafe.then_some(SyncTarget::Directory);
        let unsafe_ledger = self.ledgers.is_unsafe.then_some(SyncTarget::Ledger);
        for target in unsafe_names.into_iter().chain(unsafe_ledger) {
            if !self.syncs.is_in_flight(target) {
                self.start_sync(target);
            }
        }
        for target in self.syncs.unserved() {
            self.start_unless_failed(target);
        }
    }

    /// Whether a file waits to be rewritten because a sync of the directory has failed.
    fn are_names_in_doubt(&self) -> bool {
        self.segments.has_suspect_name()
    }

    fn is_name_in_doubt(&self, file: FileId) -> bool {
        self.segments.get(file).is_some_and(|segment| segment.durability.is_name_suspect)
    }

    /// Starts what requests wait for. What has just failed waits for the next retry.
    pub(super) fn start_unless_failed(&mut self, target: SyncTarget) {
        let has_failed = match target {
            SyncTarget::Data(file) => {
                self.segments.get(file).is_some_and(|segment| segment.durability.is_suspect())
            }
            SyncTarget::Directory => {
                let is_of_use = |file| !self.is_name_in_doubt(file);
                self.ledgers.are_names_unsafe
                    || (self.are_names_in_doubt() && !self.syncs.awaiting_name().any(is_of_use))
            }
            SyncTarget::Ledger => self.ledgers.is_unsafe,
            SyncTarget::DeadLetters => true,
        };
        if !has_failed {
            self.start_sync(target);
        }
    }

    /// Goes on with the files that wait to be rewritten. Some have left since, or are made good.
    fn start_next_rewrite(&mut self) {
        while !self.syncs.is_rewriting()
            && let Some(file) = self.syncs.next_rewrite()
        {
            let target = SyncTarget::Data(file);
            if self.segments.get(file).is_some_and(|segment| segment.durability.is_suspect()) {
                self.start_rewrite(file);
            } else if self.syncs.is_unserved(target) {
                self.start_sync(target);
            }
        }
    }

    pub(super) fn start_sync(&mut self, target: SyncTarget) {
        let covers = match target {
            SyncTarget::Data(file) => {
                let Some(segment) = self.segments.get(file) else { return };
                if segment.is_taken_away {
                    return self.syncs.removed(file);
                }
                if segment.durability.is_suspect() {
                    return self.start_rewrite(file);
                }
                Covers::Data { length: segment.bytes, next_id: segment.walked.next_id }
            }
            SyncTarget::Directory => Covers::Names(self.segments.unnamed()),
            SyncTarget::Ledger => {
                self.remember();
                Covers::Ledger(self.ledgers.stored.unwrap_or(Ledger::EMPTY))
            }
            // The logic has no word for them.
            SyncTarget::DeadLetters => return,
        };
        self.syncs.started(target, covers);
        let prepared = self.store_again(target).and_then(|()| self.backend.prepare_sync(target));
        let job = prepared.unwrap_or_else(|error| Box::new(move || Err(error)));
        (self.sync_runner)(target, job);
    }

    /// What a failed sync of the ledger has not written no later one writes, unless it is stored again.
    fn store_again(&mut self, target: SyncTarget) -> Result<(), StorageError> {
        match self.ledgers.stored {
            Some(ledger) if target == SyncTarget::Ledger && self.ledgers.is_unsafe => {
                self.backend.store_ledger(ledger)
            }
            _ => Ok(()),
        }
    }

    /// What a failed sync of a file has not written no later one writes: the file is written to a new one, which takes its
    /// place.
    fn start_rewrite(&mut self, file: FileId) {
        let target = SyncTarget::Data(file);
        if self.syncs.is_in_flight(target) || self.syncs.queue_rewrite(file) {
            return;
        }
        self.syncs.started(target, Covers::Rewrite);
        let job = self.backend.prepare_renewal(file).unwrap_or_else(|error| Box::new(move || Err(error)));
        (self.sync_runner)(target, job);
    }

    /// What counts of a file that was rewritten is what can be read of it: the kernel may have dropped what it could not
    /// write.
    fn look_again(&mut self, file: FileId) -> Result<(), StorageError> {
        self.reader.forget(file, u64::MAX);
        self.segments.forget_walk(file);
        let Some(segment) = self.segments.get(file) else { return Ok(()) };
        let written = segment.not_durable();
        let mut vanished = written.map(Vanished::of);
        let (mut files, reader) = self.files();
        reader.walk_through(&mut files, file, |met| {
            if let Some(vanished) = &mut vanished {
                vanished.found(met.frame.id, met.next_id());
            }
        })?;
        let ranges = vanished.map(Vanished::into_ranges).unwrap_or_default();
        if let (Some(first), Some(last)) = (ranges.first(), ranges.last()) {
            let (from, to) = (first.start.0, last.end.0);
            warn!(%file, from, to, "records vanished with a failed fsync: they cannot be read any more");
        }
        self.vanished.extend(ranges.into_iter().map(|ids| Gone { ids, taken_away: None }));
        let passed = self.passed();
        self.vanished.retain(|gone| gone.ids.end > passed);
        self.segments.rewritten(file);
        Ok(())
    }

    /// Makes a truncation durable, and waits for it: ids that may be in what was truncated are given again in its place.
    /// Should a power loss leave some of both, the two could make up a record.
    pub(super) fn sync_truncation(&mut self, file: FileId) -> Result<(), StorageError> {
        let target = SyncTarget::Data(file);
        let synced = self.backend.prepare_sync(target).and_then(|sync| sync());
        synced.inspect_err(|error| self.sync_failed(target, error))
    }

    /// Nothing is being done to the buffer.
    pub fn rest(&mut self) {
        self.backend.rest();
    }

    /// The next ticket whose target is durable, in the order of the requests.
    pub fn next_durable(&mut self) -> Option<Ticket> {
        self.syncs.next_durable()
    }

    /// Whether [`next_durable`](Self::next_durable) has a ticket.
    pub fn has_durable(&self) -> bool {
        self.syncs.has_durable()
    }

    /// Whether a sync of the last segment is in flight: one that is requested meanwhile starts when that has ended.
    pub fn is_last_in_flight(&self) -> bool {
        self.segments.last().is_some_and(|last| self.syncs.is_in_flight(SyncTarget::Data(last.file)))
    }

    /// Whether no sync is under way. What has failed may wait for a retry.
    pub fn has_landed(&self) -> bool {
        self.syncs.has_landed()
    }

    /// The buffer is being closed, and waits until no sync is under way. Logic that requests another one at the end of each
    /// must not keep it open.
    pub fn begin_closing(&mut self) {
        self.is_closing = true;
        self.look_for_files();
        self.syncs.bound(self.segments.files().saturating_mul(CLOSING_SYNCS_A_FILE) + CLOSING_SYNCS);
    }

    /// Whether the buffer is being closed.
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Nothing more will be done. Notes in the sidecar that the buffer was closed, if everything is durable.
    pub fn close(&mut self) {
        let Some(memo) = self.memo() else { return };
        if self.is_all_durable() && !self.is_degraded() && self.syncs.has_landed() {
            self.backend.closed(&memo);
        } else {
            self.remember();
        }
    }

    pub(super) fn write_chosen_ledger(&mut self) -> Result<(), StorageError> {
        if let Some(ledger) = self.ledgers.unwritten() {
            self.backend.store_ledger(ledger)?;
            self.ledgers.store(ledger);
        }
        Ok(())
    }
}
