//! The syncs that were asked for and have not ended, and what the ended ones have made durable.

use std::collections::VecDeque;

use crate::ledger::LiveLedger;
use crate::ring::FileId;
use crate::storage::{Storage, StorageError, SyncTarget, Ticket};
use crate::window::{DataFile, Reach};

/// What a sync makes durable when it ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// This many bytes of a data file, and the file itself.
    Data(FileId, u64),
    /// The directory up to this change.
    Directory(u64),
    /// The ledger, for the files that wait for it.
    Ledger,
}

/// Syncs. The directory's changes are numbered from 1; what was there on opening counts as made by the first.
///
/// Where storage has no room to take a request, it is not an error: what was to be synced still needs it, and the next
/// tick or flush asks again.
#[derive(Clone, Debug)]
pub struct Syncs {
    outstanding: VecDeque<(Ticket, Covered)>,
    directory_changes: u64,
    directory_asked: u64,
    directory_durable: u64,
    ledger_durable: Option<Ticket>,
    degraded: bool,
}

impl Syncs {
    /// The syncs of a directory, on some file of which one may have failed already.
    #[must_use]
    pub fn new(degraded: bool) -> Self {
        Self {
            outstanding: VecDeque::new(),
            directory_changes: 1,
            directory_asked: 0,
            directory_durable: 0,
            ledger_durable: None,
            degraded,
        }
    }

    /// Whether a sync has failed, and what it was to make durable is not safe again yet.
    #[must_use]
    pub fn degraded(&self) -> bool {
        self.degraded
    }

    /// A file was made or removed. Gives the change's number.
    pub fn directory_changed(&mut self) -> u64 {
        self.directory_changes += 1;
        self.directory_changes
    }

    /// Whether the directory's last change still needs to be asked for.
    #[must_use]
    pub fn directory_needs_sync(&self) -> bool {
        self.directory_asked < self.directory_changes
    }

    /// Whether the last change of the directory is durable.
    #[must_use]
    pub fn is_directory_durable(&self) -> bool {
        self.directory_durable == self.directory_changes
    }

    /// Whether the file and its name are durable, so that the ledger may name it.
    #[must_use]
    pub fn made_durable(&self, file: &DataFile) -> bool {
        !file.suspect && file.durable_length.is_some() && file.made_by <= self.directory_durable
    }

    /// Whether a sync of the ledger with this ticket or a later one has ended well.
    #[must_use]
    pub fn ledger_durable(&self, ticket: Ticket) -> bool {
        self.ledger_durable.is_some_and(|durable| ticket <= durable)
    }

    /// Asks for a sync of a data file, unless one that covers all of it was asked for.
    pub fn data(&mut self, storage: &mut impl Storage, file: &mut DataFile) -> Result<(), StorageError> {
        if file.needs_sync() {
            let covered = Covered::Data(file.id, file.length);
            match self.request(storage, SyncTarget::Data(file.id), covered) {
                Ok(None) => {}
                // Of a file that is gone nothing can be synced; the reader will find out what is lost.
                Ok(Some(_)) | Err(StorageError::NotFound) => {
                    file.asked = Some(Reach { length: file.length, next_id: file.next_id });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks for a sync of a data file that is not in use.
    pub fn unused(
        &mut self,
        storage: &mut impl Storage,
        id: FileId,
        length: u64,
    ) -> Result<(), StorageError> {
        match self.request(storage, SyncTarget::Data(id), Covered::Data(id, length)) {
            Ok(_) | Err(StorageError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for a sync of the directory, unless one that covers its last change was asked for.
    pub fn directory(&mut self, storage: &mut impl Storage) -> Result<(), StorageError> {
        if self.directory_needs_sync() {
            let covered = Covered::Directory(self.directory_changes);
            if self.request(storage, SyncTarget::Directory, covered)?.is_some() {
                self.directory_asked = self.directory_changes;
            }
        }
        Ok(())
    }

    /// Asks for a sync of the ledger as it was stored, unless one was asked for since. Gives the ticket that covers it.
    pub fn ledger(
        &mut self,
        storage: &mut impl Storage,
        ledger: &mut LiveLedger,
    ) -> Result<Option<Ticket>, StorageError> {
        if ledger.needs_sync() && ledger.was_stored() {
            if let Some(ticket) = self.request(storage, SyncTarget::Ledger, Covered::Ledger)? {
                ledger.sync_asked(ticket);
            }
        }
        Ok(ledger.covering_ticket())
    }

    fn request(
        &mut self,
        storage: &mut impl Storage,
        target: SyncTarget,
        covered: Covered,
    ) -> Result<Option<Ticket>, StorageError> {
        match storage.request_sync(target) {
            Ok(ticket) => {
                self.outstanding.push_back((ticket, covered));
                Ok(Some(ticket))
            }
            Err(error) if error.passes_with_time() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether none is outstanding.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// What a failed sync was to make durable is safe again.
    pub fn recovered(&mut self) {
        self.degraded = false;
    }

    /// A sync has ended. Gives what it has made durable: nothing if it failed, or if nobody waits for it any more.
    pub fn ended(&mut self, ticket: Ticket, ok: bool) -> Option<Covered> {
        let position = self.outstanding.iter().position(|(asked, _)| *asked == ticket)?;
        let (_, covered) = self.outstanding.remove(position)?;
        if !ok {
            // All others that were asked for have failed with it.
            self.outstanding.clear();
            self.directory_asked = self.directory_durable;
            self.degraded = true;
            return None;
        }
        match covered {
            Covered::Data(..) => {}
            Covered::Directory(change) => self.directory_durable = self.directory_durable.max(change),
            Covered::Ledger => self.ledger_durable = self.ledger_durable.max(Some(ticket)),
        }
        Some(covered)
    }
}
