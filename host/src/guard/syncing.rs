//! Syncs between the calls of the logic: what each covers is noted when it starts, and counts when it has ended well.

use std::{error::Error, ops::Range};

use forebay_frame::RecordId;
use tracing::warn;

use super::{Guard, Ticket, file_account::FileAccount, syncs::Flight, vanished::Vanished};
use crate::storage::{FileId, Ledger, StorageError, SyncJob, SyncTarget};

/// What logic may ask for while its buffer is being closed, in syncs: for each file, and besides.
const CLOSING_SYNCS_A_FILE: usize = 4;
const CLOSING_SYNCS: usize = 64;

/// What a sync makes durable, noted when it starts.
#[derive(Debug)]
pub(super) enum Covers {
    /// For tests of the order of answers.
    #[cfg(test)]
    Nothing,
    /// The bytes of a file up to a length, which hold the ids below `next`.
    Data { length: u64, next: RecordId },
    /// All of a file whose sync has failed, written to a new one that is to take its place.
    Renewal,
    /// The same, of a file that was cut or removed since: it is not wanted any more.
    OldRenewal,
    /// The names of these files.
    Names(Vec<FileId>),
    /// A ledger that names these files as the reader's and the writer's.
    Ledger(FileId, FileId),
}

impl Guard {
    /// A sync that was handed to the runner has ended. Its tickets are told by [`next_synced`](Self::next_synced).
    pub fn sync_ended(&mut self, target: SyncTarget, result: &Result<(), StorageError>) {
        let Some(Flight { last, covers }) = self.syncs.landed(target) else { return };
        let was_degraded = self.account.is_degraded();
        let counted = if result.is_ok() { self.count_sync(target, covers) } else { Ok(()) };
        let result = result.as_ref().and(counted.as_ref());
        let again = self.syncs.answer(target, last, result.is_ok());
        if let Err(error) = result {
            if let SyncTarget::Data(file) = target {
                self.backend.forget_renewal(file);
            }
            self.sync_failed(target, error);
            return;
        }
        if was_degraded && !self.account.is_degraded() {
            self.remember();
        }
        if again {
            self.start_sync(target);
        }
        if let SyncTarget::Data(_) = target
            && let Some(file) = self.syncs.next_renewal()
        {
            self.start_sync(SyncTarget::Data(file));
        }
    }

    fn sync_failed(&mut self, target: SyncTarget, error: &StorageError) {
        let error: &dyn Error = error;
        warn!(?target, error, "a sync failed: what it was to make durable may be lost with the machine");
        self.account.sync_failed(target);
        self.syncs.fail_all();
        // Should this process die now, the next one must not take for written what the kernel takes for written.
        self.remember();
    }

    /// Makes a cut durable, and waits for it: ids that may be in what was cut are given again in its place. Should a power
    /// loss leave some of what comes there and some of what was there, the two could make up a record.
    pub(super) fn sync_cut(&mut self, file: FileId) -> Result<(), StorageError> {
        let target = SyncTarget::Data(file);
        let synced = self.backend.prepare_sync(target).and_then(|sync| sync());
        synced.inspect_err(|error| self.sync_failed(target, error))
    }

    /// A sync has ended well.
    fn count_sync(&mut self, target: SyncTarget, covers: Covers) -> Result<(), StorageError> {
        match (target, covers) {
            #[cfg(test)]
            (_, Covers::Nothing) => {}
            (SyncTarget::Data(file), Covers::Data { length, next }) => self.data_synced(file, length, next),
            (SyncTarget::Data(file), Covers::Renewal) => {
                self.backend.renew(file)?;
                self.syncs.renamed(file);
                self.look_anew(file)?;
                self.account.renewed(file);
            }
            (SyncTarget::Data(file), Covers::OldRenewal) => self.backend.forget_renewal(file),
            (_, Covers::Names(files)) => self.account.names_synced(&files),
            (_, Covers::Ledger(reader, writer)) => self.account.ledger_synced(reader, writer),
            (_, Covers::Data { .. } | Covers::Renewal | Covers::OldRenewal) => {}
        }
        Ok(())
    }

    /// The buffer is being closed, and waits until no sync is under way. Logic that asks for another one at the end of each
    /// must not keep it open: from now on it gets as many as mending may need, and no more.
    pub fn begin_closing(&mut self) {
        self.syncs.bound(self.account.files().count().saturating_mul(CLOSING_SYNCS_A_FILE) + CLOSING_SYNCS);
    }

    /// Whether all that was appended and is not done with is durable.
    pub fn is_all_durable(&self) -> bool {
        let next = self.account.next_id();
        let is_empty = self.account.ledger().is_some_and(|ledger| ledger.reader_last_record.after(1) >= next);
        is_empty || !self.account.has_appended() || self.durable_next() >= next
    }

    /// The next sync of which the logic is to hear, in the order of the requests.
    pub fn next_synced(&mut self) -> Option<(Ticket, bool)> {
        self.syncs.next_ended()
    }

    /// Whether no sync is under way or asked for.
    pub fn is_sync_idle(&self) -> bool {
        self.syncs.is_idle()
    }

    fn data_synced(&mut self, file: FileId, length: u64, next: RecordId) {
        self.account.data_synced(file, length, next);
        let is_newest = self.account.ledger().is_some_and(|ledger| ledger.writer_data_file == file);
        if !is_newest && self.account.file(file).is_some_and(|account| account.durable == account.length) {
            self.backend.release(file);
        }
    }

    pub(super) fn start_sync(&mut self, target: SyncTarget) {
        let covers = match target {
            SyncTarget::Data(file) if self.is_suspect(file) => return self.start_renewal(file),
            SyncTarget::Data(file) => {
                // A file that was removed meanwhile has nothing left to sync.
                let account = self.account.file(file);
                let (length, next) = account.map_or((0, RecordId(0)), |a| (a.length, a.seen_next));
                Covers::Data { length, next }
            }
            SyncTarget::Directory => Covers::Names(self.account.file_ids()),
            SyncTarget::Ledger => {
                let ledger = self.account.ledger().unwrap_or(Ledger::EMPTY);
                Covers::Ledger(ledger.reader_data_file, ledger.writer_data_file)
            }
            // The logic has no word for them: see `bury`.
            SyncTarget::DeadLetters => return,
        };
        if target == SyncTarget::Ledger {
            self.remember();
        }
        self.syncs.started(target, covers);
        let job: SyncJob = match target {
            SyncTarget::Data(file) if self.account.file(file).is_none() => Box::new(|| Ok(())),
            _ => self
                .write_ledger_anew(target)
                .and_then(|()| self.backend.prepare_sync(target))
                .unwrap_or_else(|error| Box::new(move || Err(error))),
        };
        (self.sync_runner)(target, job);
    }

    fn is_suspect(&self, file: FileId) -> bool {
        self.account.file(file).is_some_and(FileAccount::is_suspect)
    }

    /// What a failed sync of a file has not written no later one writes: the file is written anew.
    fn start_renewal(&mut self, file: FileId) {
        if self.syncs.queue_renewal(file) {
            return;
        }
        self.syncs.started(SyncTarget::Data(file), Covers::Renewal);
        let job = self.backend.prepare_renewal(file).unwrap_or_else(|error| Box::new(move || Err(error)));
        (self.sync_runner)(SyncTarget::Data(file), job);
    }

    /// What counts of a file that was written anew is what can be read of it: the kernel may have let go of what it could
    /// not write.
    fn look_anew(&mut self, file: FileId) -> Result<(), StorageError> {
        self.scanner.windows.forget(file);
        self.account.doubt(file);
        let Some(written) = self.account.file(file).and_then(FileAccount::not_durable) else {
            return self.look_through(file);
        };
        let mut vanished = Vanished::of(written);
        self.walk_through(file, |record| vanished.found(record.id, record.next_id()))?;
        let vanished = vanished.into_ranges();
        if let (Some(first), Some(last)) = (vanished.first(), vanished.last()) {
            let (from, to) = (first.start.0, last.end.0);
            warn!(%file, from, to, "records vanished with a failed sync: they cannot be read any more");
        }
        self.vanished.extend(vanished);
        let passed = self.account.passed();
        self.vanished.retain(|ids| ids.end > passed);
        Ok(())
    }

    /// The first of these events that vanished with a failed sync, up to the first behind them that is there.
    pub fn vanished(&self, ids: &Range<RecordId>) -> Option<Range<RecordId>> {
        let among =
            self.vanished.iter().map(|vanished| vanished.start.max(ids.start)..vanished.end.min(ids.end));
        among.filter(|vanished| vanished.start < vanished.end).min_by_key(|vanished| vanished.start)
    }

    /// What a failed sync of the ledger has not written no later one writes, unless it is stored again.
    fn write_ledger_anew(&mut self, target: SyncTarget) -> Result<(), StorageError> {
        match self.account.ledger() {
            Some(ledger) if target == SyncTarget::Ledger && self.account.is_ledger_unsafe() => {
                self.backend.store_ledger(ledger)
            }
            _ => Ok(()),
        }
    }
}
