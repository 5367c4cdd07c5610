//! Syncs between the calls of the logic: what each covers is noted when it starts, and counts when it has ended well.

use std::error::Error;

use forebay_frame::RecordId;
use tracing::warn;

use super::{Guard, Ticket};
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
    /// The names of these files.
    Names(Vec<FileId>),
    /// A ledger that names these files as the reader's and the writer's.
    Ledger(FileId, FileId),
}

impl Guard {
    /// A sync that was handed to the runner has ended. Its tickets are told by [`next_synced`](Self::next_synced).
    pub fn sync_ended(&mut self, target: SyncTarget, result: &Result<(), StorageError>) {
        let Some((flight, again)) = self.syncs.ended(target, result.is_ok()) else { return };
        self.account.relocation.sync_ended(target, result.is_ok());
        if let Err(error) = result {
            let error: &dyn Error = error;
            warn!(?target, error, "a sync failed: what it was to make durable may be lost with the machine");
            self.account.sync_failed(target);
            self.syncs.fail_all();
            return;
        }
        match flight.covers {
            #[cfg(test)]
            Covers::Nothing => {}
            Covers::Data { length, next } => self.data_synced(target, length, next),
            Covers::Names(files) => self.account.names_synced(&files),
            Covers::Ledger(reader, writer) => self.account.ledger_synced(reader, writer),
        }
        if again {
            self.start_sync(target);
        }
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

    fn data_synced(&mut self, target: SyncTarget, length: u64, next: RecordId) {
        let SyncTarget::Data(file) = target else { return };
        self.account.data_synced(file, length, next);
        let is_newest = self.account.ledger().is_some_and(|ledger| ledger.writer_data_file == file);
        if !is_newest && self.account.file(file).is_some_and(|account| account.durable == account.length) {
            self.backend.release(file);
        }
    }

    pub(super) fn start_sync(&mut self, target: SyncTarget) {
        let covers = match target {
            SyncTarget::Data(file) => {
                // A file that was removed meanwhile has nothing left to sync.
                let account = self.account.file(file).copied();
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
        self.account.relocation.sync_began(target);
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
